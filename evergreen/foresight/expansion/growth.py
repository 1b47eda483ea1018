"""How fast something grows and when it meets a limit: Theil and Sen's slope over weekly values. Pure."""

from __future__ import annotations

import math

import numpy as np

from evergreen.base.measures import Reals

# Values of one week hold four weeks of use: neighbours say the same again, so pairs lie a month apart and months are counted.
APART_WEEKS = 4
WEEKS = 26
_LEAST_VALUES = 8
_Z90 = 1.6448536269514722


def slopes(values: Reals) -> tuple[Reals, Reals, Reals, Reals]:
    """Of each column of weekly values (weeks × columns, oldest first, NaN where unknown): the level at the last week, the change a
    week, and the change's 90 % interval.

    The change is the median of the slopes of all pairs at least four weeks apart (Theil 1950, Sen 1968): one odd week does not move
    it. Its interval takes the slopes at 1/2 ± C/2N, C = 1.645 · sqrt(n (n − 1) (2n + 5) / 18) by Kendall's variance, with n the
    months that the values span, because windows of four weeks that overlap are no new evidence. The level is the median of
    value − change · age. All NaN where fewer than eight weeks are known.
    """
    weeks, size = values.shape
    first, second = (np.array(ends) for ends in _pairs(weeks))
    level, middle, low, high = (np.full(size, np.nan) for _each in range(4))
    known = (~np.isnan(values)).sum(axis=0)
    places = np.flatnonzero(known >= _LEAST_VALUES)
    if not len(first) or not places.size:
        return level, middle, low, high
    some = values[:, places]
    pairs = (some[second] - some[first]) / (second - first)[:, None]
    middle[places] = np.nanmedian(pairs, axis=0)
    months = np.maximum(known[places] / APART_WEEKS, 2.0)
    reach = _Z90 * np.sqrt(months * (months - 1) * (2 * months + 5) / 18)
    share = np.minimum(reach / (months * (months - 1)), 0.5)
    ordered = np.sort(pairs, axis=0)
    last = (~np.isnan(pairs)).sum(axis=0) - 1
    low[places] = _at(ordered, (0.5 - share) * last)
    high[places] = _at(ordered, (0.5 + share) * last)
    age = np.arange(weeks)[:, None] - (weeks - 1)
    level[places] = np.nanmedian(some - middle[places] * age, axis=0)
    return level, middle, low, high


def weeks_until(limit: float, level: float, change: float) -> float | None:
    """Weeks until a level that changes so much a week meets the limit; 0 where it stands there, None where it never does."""
    if math.isnan(level) or math.isnan(change):
        return None
    if level >= limit:
        return 0.0
    return (limit - level) / change if change > 0 else None


def _pairs(weeks: int) -> tuple[list[int], list[int]]:
    found = [(a, b) for a in range(weeks) for b in range(a + APART_WEEKS, weeks)]
    return [a for a, _b in found], [b for _a, b in found]


def _at(ordered: Reals, place: Reals) -> Reals:
    """The value at a place between two rows, column by column."""
    columns = np.arange(ordered.shape[1])
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(np.ceil(place).astype(np.int64), below))
    part = place - below
    return np.asarray(ordered[below, columns] * (1 - part) + ordered[above, columns] * part)
