"""A pilot on the most valuable accounts: what could be seen, told before it starts, and what it brought."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evergreen.base import clock
from evergreen.base.queries import vendor_zone
from evergreen.metrics.queries import snapshot_span
from evergreen.outcomes.experiments import following, sizes
from evergreen.outcomes.experiments.comparing import WANTED, Compared, compare
from evergreen.outcomes.experiments.following import HEALTH, Unit
from evergreen.outcomes.experiments.holdouts import HELD_OUT, IN
from evergreen.playbooks.models import Pilot
from evergreen.playbooks.rules import PILOT_HOLDOUTS

if TYPE_CHECKING:
    import duckdb

_BACK_DAYS = 28


@dataclass(frozen=True, slots=True)
class Planned:
    """A share held out: accounts on both sides, the chance that a tenth of difference in health is seen, the same with what was before
    taken into account (CUPED), and the smallest relative difference that is seen four times in five so. None without scores."""

    holdout: int
    held_out: int
    let_in: int
    power: float | None
    adjusted: float | None
    smallest: float | None


def planned(con: duckdb.DuckDBPyConnection, accounts: Sequence[int]) -> list[Planned]:
    """What a pilot on some accounts would show, for each share that may be held out. Mean and spread of health are theirs of the newest
    night; CUPED leaves 1 - r² of the variance (Deng et al. 2013), r between that and four weeks before."""
    mean, variance, left = _health(con, accounts)
    found = []
    for holdout in PILOT_HOLDOUTS:
        out = round(len(accounts) * holdout / 100)
        shares, n = (holdout / 100, 1 - holdout / 100), len(accounts)
        known = mean is not None and variance > 0
        found.append(Planned(
            holdout, out, n - out,
            sizes.power(mean, variance, WANTED, n, shares) if mean is not None and known else None,
            sizes.power(mean, variance * left, WANTED, n, shares) if mean is not None and known else None,
            sizes.smallest(mean, variance * left, n, shares) if mean is not None and known else None,
        ))  # fmt: skip
    return found


def _health(con: duckdb.DuckDBPyConnection, accounts: Sequence[int]) -> tuple[float | None, float, float]:
    """(mean, variance, share of the variance that the figure of four weeks before leaves) of health now."""
    span = snapshot_span(con)
    if span is None or not accounts:
        return None, 0.0, 1.0
    since = span.newest - dt.timedelta(days=_BACK_DAYS)
    units = [Unit(account, since, IN) for account in sorted(accounts)]
    seen = next(one for one in following.snapshots(con, units, _BACK_DAYS) if one.name == HEALTH)
    now = seen.after[np.isfinite(seen.after)]
    if len(now) < 2:
        return None, 0.0, 1.0
    left, before = 1.0, seen.before
    if before is not None:
        both = np.isfinite(seen.after) & np.isfinite(before)
        if both.sum() > 2 and seen.after[both].std() and before[both].std():
            left = 1 - float(np.corrcoef(seen.after[both], before[both])[0, 1]) ** 2
    return float(now.mean()), float(now.var(ddof=1)), left


def compared(con: duckdb.DuckDBPyConnection, pilot: Pilot, days: int) -> Compared:
    """The sides of a pilot, ``days`` after it started, as they were drawn: also those of whom something kept the playbook from beginning
    (intention to treat)."""
    on = clock.local_day(pilot.started_at, vendor_zone())
    rows = pilot.accounts.order_by("account_id").values_list("account_id", "is_held_out")
    units = [Unit(account, on, HELD_OUT if is_out else IN) for account, is_out in rows]
    return compare(con, units, {HELD_OUT: pilot.holdout, IN: 100 - pilot.holdout}, days)
