"""How sure an AUC is where rows of one account repeat, and whether one ranking is better than another on the same rows.

DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), by mid-ranks (Sun and Xu, IEEE Signal Processing Letters 21, 2014), with
Obuchowski's variance for clustered rows (Biometrics 53, 1997), which is DeLong's where each row is its own group. Pure functions of
numpy; ``happened``, scores and blanks as in ``base.measures``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evergreen.base.measures import Interval, auc, auc_interval, mid_ranks, pair

Reals = NDArray[np.float64]
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Area:
    """An AUC with its 95% interval, from so many rows it happened to and did not, in so many groups."""

    value: float
    low: float
    high: float
    positives: int
    negatives: int
    groups: int


@dataclass(frozen=True, slots=True)
class Gain:
    """How much larger the second AUC is than the first, with the 95% interval of the difference."""

    value: float
    low: float
    high: float

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves out no difference."""
        return self.low > 0 or self.high < 0


def area(happened: ArrayLike, scores: ArrayLike, groups: ArrayLike | None = None) -> Area | None:
    """AUC with interval; None without rows of both kinds. ``groups`` names the account (or whatever repeats) of each row.

    The interval is taken on the logit, so that it stays between 0 and 1. An area of 0 or 1, or a single group of either kind,
    has no spread of its own: there Newcombe's interval of the number of groups stands (``measures.auc_interval``).
    """
    found = auc(happened, scores)
    if found is None:
        return None
    truths, _ = pair(happened, scores)
    codes = _codes(groups, truths.size)
    positives, negatives = np.unique(codes[truths]).size, np.unique(codes[~truths]).size
    counts = {
        "positives": int(truths.sum()),
        "negatives": int((~truths).sum()),
        "groups": np.unique(codes).size,
    }
    variance = (
        float(_covariance(truths, [pair(happened, scores)[1]], codes)[0, 0])
        if min(positives, negatives) > 1 and 0 < found < 1
        else 0.0
    )
    if variance <= 0:
        edge: Interval = auc_interval(found, positives, negatives)
        return Area(found, edge.low, edge.high, **counts)
    half = _Z95 * math.sqrt(variance) / (found * (1 - found))
    middle = math.log(found / (1 - found))
    return Area(found, _logistic(middle - half), _logistic(middle + half), **counts)


def gain(
    happened: ArrayLike, first: ArrayLike, second: ArrayLike, groups: ArrayLike | None = None
) -> Gain | None:
    """The AUC of the second ranking less that of the first, on the same rows; None without two groups of both kinds."""
    truths, one = pair(happened, first)
    _, other = pair(happened, second)
    codes = _codes(groups, truths.size)
    if min(np.unique(codes[truths]).size, np.unique(codes[~truths]).size) < 2:
        return None
    spread = _covariance(truths, [one, other], codes)
    value = float(_need(auc(truths, other)) - _need(auc(truths, one)))
    half = _Z95 * math.sqrt(max(0.0, float(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1])))
    return Gain(value, value - half, value + half)


def _covariance(truths: NDArray[np.bool_], scores: Sequence[Reals], codes: NDArray[np.int64]) -> Reals:
    """Of the AUCs of several rankings of the same rows, rows of one group hanging together."""
    positives, negatives = int(truths.sum()), int((~truths).sum())
    width = int(codes.max()) + 1
    up, down = [], []
    for values in scores:
        above = mid_ranks(values)
        # Of each row it happened to the share of the others below it; of each other row the share above it.
        won = (above[truths] - mid_ranks(values[truths])) / negatives
        lost = 1 - (above[~truths] - mid_ranks(values[~truths])) / positives
        found = won.mean()
        up.append(np.bincount(codes[truths], won - found, width))
        down.append(np.bincount(codes[~truths], lost - found, width))
    ups, downs = np.array(up), np.array(down)
    of_up, of_down = np.unique(codes[truths]).size, np.unique(codes[~truths]).size
    all_groups = np.unique(codes).size
    own = ups @ ups.T * (of_up / (of_up - 1)) / positives**2
    other = downs @ downs.T * (of_down / (of_down - 1)) / negatives**2
    both = ups @ downs.T * (all_groups / (all_groups - 1)) / (positives * negatives)
    return np.asarray(own + other + both + both.T, np.float64)


def _codes(groups: ArrayLike | None, size: int) -> NDArray[np.int64]:
    if groups is None:
        return np.arange(size, dtype=np.int64)
    found = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
    if found.shape != (size,):
        raise ValueError(f"Groups are one a row; found were {found.shape} for {size} rows.")
    return found


def _need(found: float | None) -> float:
    assert found is not None
    return found


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
