"""What followed when accounts took something up, against accounts like them that did not. Correlation, drawn towards the mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evergreen.base.measures import Reals, Truths
from evergreen.customers.lines import Ints

# Taken up within four weeks; what followed is looked at eight weeks after that.
TAKEN_DAYS, AFTER_DAYS = 28, 56
LEAST_TAKERS = 10
_Z90 = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Helped:
    """The change of active users of those that took something up, beyond what was to be expected of accounts like them and beyond
    those that did not: a share (0.05: 5 % more), its 90 % interval, and how many accounts are behind it.
    """

    item: str
    change: float
    low: float
    high: float
    took: int
    others: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval lies on one side of nothing."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Tried:
    """Of one item, a row an account and day on which it might have been taken up: which account, the row's state (rows × columns),
    whether it was taken up within 28 days, the change of log active users from the day to 84 days after.
    """

    item: str
    account: Ints
    state: Reals
    took: Truths
    change: Reals


def helped(tried: Sequence[Tried]) -> list[Helped]:
    """The effect of each item that ten accounts took up.

    Of every item's rows the change is first explained by the state (least squares), so that growing accounts, which try more, are
    held against growing accounts. The rest's mean among takers less that among the others is the difference; its error counts
    accounts, not rows. Differences are then drawn towards their common mean by how far they scatter beyond their errors
    (DerSimonian and Laird 1986).
    """
    raw = [(one, *found) for one in tried if (found := _difference(one)) is not None]
    if not raw:
        return []
    differences = np.array([row[1] for row in raw])
    errors = np.array([row[2] for row in raw])
    middle, spread = _scatter(differences, errors)
    weight = spread / (spread + errors**2) if spread else np.zeros(len(raw))
    drawn = middle + weight * (differences - middle)
    # The common mean has an error too.
    left = np.sqrt(weight * errors**2 + (1 - weight) ** 2 / (1 / (errors**2 + spread)).sum())
    return [
        Helped(
            one.item,
            float(np.expm1(drawn[place])),
            float(np.expm1(drawn[place] - _Z90 * left[place])),
            float(np.expm1(drawn[place] + _Z90 * left[place])),
            takers,
            others,
        )
        for place, (one, _difference_, _error, takers, others) in enumerate(raw)
    ]


def _difference(one: Tried) -> tuple[float, float, int, int] | None:
    known = ~np.isnan(one.change)
    account, took, change = one.account[known], one.took[known], one.change[known]
    takers, others = np.unique(account[took]), np.unique(account[~took])
    if len(takers) < LEAST_TAKERS or len(others) < LEAST_TAKERS:
        return None
    state = np.nan_to_num(one.state[known])
    design = np.column_stack([np.ones(len(change)), state])
    rest = change - design @ np.linalg.lstsq(design, change, rcond=None)[0]
    mine, theirs = _by_account(account[took], rest[took]), _by_account(account[~took], rest[~took])
    error = float(np.sqrt(mine.var(ddof=1) / len(mine) + theirs.var(ddof=1) / len(theirs)))
    return float(mine.mean() - theirs.mean()), max(error, 1e-6), len(takers), len(others)


def _by_account(account: Ints, values: Reals) -> Reals:
    _accounts, place = np.unique(account, return_inverse=True)
    return np.bincount(place, values) / np.bincount(place)


def _scatter(differences: Reals, errors: Reals) -> tuple[float, float]:
    """The common mean and the variance beyond the errors."""
    weights = 1 / errors**2
    mean = float((weights * differences).sum() / weights.sum())
    excess = float((weights * (differences - mean) ** 2).sum()) - (len(differences) - 1)
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    spread = max(0.0, excess / scale) if scale > 0 else 0.0
    weights = 1 / (errors**2 + spread)
    return float((weights * differences).sum() / weights.sum()), spread


def later(account: Ints, day: Ints, values: NDArray[np.float64], days: int) -> Reals:
    """The value of the same account so many days later; NaN where there is no such row."""
    key = (account << 24) + day
    order = np.argsort(key, kind="stable")
    wanted = key + days
    place = np.minimum(np.searchsorted(key[order], wanted), len(key) - 1)
    there = key[order][place] == wanted if len(key) else np.zeros(0, np.bool_)
    return np.where(there, values[order][place], np.nan) if len(key) else np.zeros(0)
