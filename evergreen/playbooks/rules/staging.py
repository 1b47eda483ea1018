"""Who comes first: shares that rise step by step, and the sides of a pilot by strata of value. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

STEPS = (10, 25, 50, 100)
MOST_STEPS = 8
TOP = 20
# Percent of a pilot held out; each makes strata of few accounts (two of which one is held out, four, ten of which three, five).
PILOT_HOLDOUTS = (50, 30, 25, 20)
LEAST_PILOT = 10


def rising(given: str) -> tuple[int, ...]:
    """Shares as somebody writes them: 10, 25, 50, 100. ValueError where they do not rise to 100 in two to eight steps."""
    try:
        shares = tuple(
            int(one) for one in given.replace("%", " ").replace(",", " ").replace("，", " ").split()
        )
    except ValueError:
        shares = ()
    is_rising = all(0 < a < b for a, b in zip((0.5, *shares), shares, strict=False))
    if not 2 <= len(shares) <= MOST_STEPS or not is_rising or shares[-1] != 100:
        raise ValueError(given)
    return shares


@dataclass(frozen=True, slots=True)
class Side:
    """An account of a pilot: its stratum, counted from the most valuable, and whether it is held out."""

    account: int
    stratum: int
    is_held_out: bool


def sides(accounts: Sequence[int], holdout: int, salt: str) -> list[Side]:
    """The sides of accounts that stand in order of value: in each stratum of neighbours the share ``holdout`` in percent is held out,
    by the order of a hash. So both sides are worth about the same (blocked randomisation: Fisher 1926)."""
    size = 100 // math.gcd(100, holdout)
    found = []
    for stratum, start in enumerate(range(0, len(accounts), size)):
        block = accounts[start : start + size]
        out = round(len(block) * holdout / 100)
        order = sorted(block, key=lambda one: _drawn(salt, one))
        held = set(order[:out])
        found += [Side(one, stratum, one in held) for one in block]
    return found


def _drawn(salt: str, account: int) -> bytes:
    return hashlib.sha256(f"{salt}\0{account}".encode()).digest()
