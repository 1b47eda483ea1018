"""The signs that an account will buy more, and by which figures each is read. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evergreen.base.measures import Reals
from evergreen.customers.lines import NEVER, Flags
from evergreen.foresight.expansion import growth
from evergreen.foresight.expansion.buying import Kind
from evergreen.foresight.expansion.past import Standing

HORIZON_DAYS = 90
# Of the seats contracted so many in use count as full.
FULL_SHARE = 0.9
LEAST_USED_SHARE = 0.7
# Seats that run out within half a year at the present pace.
SOON_WEEKS = 26
# Use a working day up by so much against four weeks before.
RISE_SHARE = 0.1
# So many of the edition's features in use.
WIDE_SHARE = 0.8
# Of what the edition allows in 28 days so much was used.
LIMIT_SHARE = 0.8
WELL_SCORE = 80.0
# Look-alikes that bought so many times as often as the vendor's accounts do.
ALIKE_TIMES = 1.5


@dataclass(frozen=True, slots=True)
class Seen:
    """What signs are read from: how an account stands, the greatest share used of any limit of its edition (0 without limits), and
    its look-alikes' share with the vendor's rate.
    """

    standing: Standing
    limit: Reals
    alike: Reals
    base: Reals


def _full(seen: Seen) -> Flags:
    standing = seen.standing
    return (standing.seats > 0) & (standing.used >= FULL_SHARE * standing.seats)


def _filling(seen: Seen) -> Flags:
    """On the way to the limit: grows for certain, and meets it within half a year."""
    standing = seen.standing
    grows = standing.low > 0
    return (standing.seats > 0) & grows & (standing.level + standing.change * SOON_WEEKS >= standing.seats)


def _rising(seen: Seen) -> Flags:
    return seen.standing.figures["events_trend"] >= RISE_SHARE


def _wide(seen: Seen) -> Flags:
    return seen.standing.figures["feature_adoption"] >= WIDE_SHARE


def _limit(seen: Seen) -> Flags:
    return seen.limit >= LIMIT_SHARE


def _well(seen: Seen) -> Flags:
    return seen.standing.score >= WELL_SCORE


def _occasion(seen: Seen) -> Flags:
    """The contract ends within the horizon, so that it is talked over anyway."""
    standing = seen.standing
    return (standing.until < NEVER) & (standing.until - standing.day <= HORIZON_DAYS)


def _alike(seen: Seen) -> Flags:
    return seen.alike >= ALIKE_TIMES * seen.base


_READ: dict[str, Callable[[Seen], Flags]] = {
    "full": _full,
    "filling": _filling,
    "limit": _limit,
    "wide": _wide,
    "rising": _rising,
    "well": _well,
    "alike": _alike,
    "occasion": _occasion,
}
SIGNS: dict[Kind, tuple[str, ...]] = {
    Kind.SEATS: ("full", "filling", "rising", "well", "alike", "occasion"),
    Kind.EDITION: ("limit", "wide", "rising", "well", "alike", "occasion"),
    Kind.PRODUCT: ("wide", "rising", "well", "alike", "occasion"),
}
# That a contract ends is an occasion, no wish: by itself it suggests nothing.
NO_REASON = frozenset({"occasion"})
# Something runs out: worth a word whatever the odds.
NEED = frozenset({"full", "filling", "limit"})
# While too few bought to tell which signs count, only those that speak of this very thing do.
OF_ITSELF = frozenset({"full", "filling", "limit", "wide", "alike"})


def read(kind: Kind, seen: Seen) -> Flags:
    """Rows × the signs of a kind; what is not known is no sign."""
    with np.errstate(invalid="ignore"):
        return np.column_stack([_READ[sign](seen) for sign in SIGNS[kind]])


def has_reason(kind: Kind, flags: Flags, *, is_thin: bool) -> Flags:
    """Whether any sign of a row says more than that there is an occasion; while purchases are few, that it needs this very thing."""
    telling = [
        place
        for place, sign in enumerate(SIGNS[kind])
        if (sign in OF_ITSELF if is_thin else sign not in NO_REASON)
    ]
    return np.asarray(flags[:, telling].any(axis=1))


def in_need(kind: Kind, flags: Flags) -> Flags:
    """Whether something runs out for each row."""
    return np.asarray(flags[:, [place for place, sign in enumerate(SIGNS[kind]) if sign in NEED]].any(axis=1))


def makes_sense(kind: Kind, standing: Standing) -> Flags:
    """Whether a suggestion could be argued at all: nobody is offered seats while more than three in ten stand empty."""
    if kind is not Kind.SEATS:
        return np.ones(len(standing), np.bool_)
    with np.errstate(invalid="ignore"):
        return np.asarray(standing.used >= LEAST_USED_SHARE * standing.seats)


def weeks_left(standing: Standing, row: int) -> tuple[float | None, float | None, float | None]:
    """Weeks until the seats run out at the present pace, the soonest and the latest of its 90 % interval (None: never)."""
    limit, level = float(standing.seats[row]), float(standing.level[row])
    return (
        growth.weeks_until(limit, level, float(standing.change[row])),
        growth.weeks_until(limit, level, float(standing.high[row])),
        growth.weeks_until(limit, level, float(standing.low[row])),
    )
