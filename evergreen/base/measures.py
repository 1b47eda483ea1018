"""How well scores foretold what happened: ranking (AUC, PR-AUC, lift) and probability (Brier, ECE).

Pure functions of numpy, for every room that holds a forecast against the truth. ``happened`` is one truth value a
row, ``scores`` one number a row, higher meaning *more likely*; for Brier and ECE the scores are probabilities. Rows
whose scores are equal count the same whatever their order. Where a figure has no meaning (no rows, or nobody or
everybody left) the answer is None, never 0; arrays of unlike length, blanks and values off the scale raise ValueError.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Reals = NDArray[np.float64]
Truths = NDArray[np.bool_]
BINS = 10
TOP = 0.1
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Interval:
    """From and to of a figure that a share ``level`` of samples like this one would give."""

    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class Bin:
    """The rows whose probability lies between ``low`` and ``high``: what was said, and what share it happened to."""

    low: float
    high: float
    n: int
    said: float
    happened: float


def auc(happened: ArrayLike, scores: ArrayLike) -> float | None:
    """Chance that a row it happened to scores above one it did not; 0.5 is blind, 1 perfect, a tie counts a half.

    The area under the ROC curve, as Mann and Whitney's U by ranks: ``(sum of ranks - p (p + 1) / 2) / (p q)``.
    """
    truths, values = pair(happened, scores)
    positives = int(truths.sum())
    negatives = truths.size - positives
    if not positives or not negatives:
        return None
    above = mid_ranks(values)[truths].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def auc_interval(area: float, positives: int, negatives: int) -> Interval:
    """95 % interval of an AUC from so many rows of both kinds, sound on few rows and up to an area of 0 or 1.

    The areas whose distance from the found one is no more than 1.96 of *their* standard errors, the error being
    Hanley and McNeil's with equal exponential shapes: Newcombe, Statistics in Medicine 25 (2006), method 5. Takes
    rows as independent: several rows of one account make it too narrow, so count accounts where they repeat.
    """
    if positives < 1 or negatives < 1 or not 0 <= area <= 1:
        raise ValueError(
            f"An interval needs an area from 0 to 1 and rows of both kinds; asked were {area}, {positives} and {negatives}."
        )

    def is_inside(theta: float) -> bool:
        half = (positives + negatives) / 2 - 1
        spread = 1 + half * (1 - theta) / (2 - theta) + half * theta / (1 + theta)
        return abs(area - theta) <= _Z95 * math.sqrt(theta * (1 - theta) * spread / (positives * negatives))

    return Interval(_edge(is_inside, area, 0.0), _edge(is_inside, area, 1.0))


def pr_auc(happened: ArrayLike, scores: ArrayLike) -> float | None:
    """Average precision: the mean, over those it happened to, of the share of hits among all scored at least as high.

    ``sum of (recall - recall before) x precision`` over the different scores from the highest down, no interpolation.
    A blind guess reaches the share it happened to.
    """
    truths, values = pair(happened, scores)
    if not truths.any():
        return None
    order = np.argsort(-values, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    hits = np.cumsum(truths[order])[ends]
    gained = np.diff(hits, prepend=0) / hits[-1]
    return float((gained * hits / (ends + 1)).sum())


def lift(happened: ArrayLike, scores: ArrayLike, top: float = TOP) -> float | None:
    """How many times as often it happened among the highest ``top`` share of rows as among all.

    The top holds ``floor(top x rows)`` rows, at least one. Where equal scores straddle its edge, each of them counts
    by the chance that it would be drawn.
    """
    truths, values = pair(happened, scores)
    if not 0 < top <= 1:
        raise ValueError(f"The top is a share above 0 and up to 1; asked was {top}.")
    if not truths.any():
        return None
    # 0.29 x 100 is 28.999999999999996: what is a whole number but for rounding is taken as one.
    taken = max(1, math.floor(top * truths.size + 1e-9))
    edge = np.partition(values, truths.size - taken)[truths.size - taken]
    above, level = values > edge, values == edge
    hits = truths[above].sum() + truths[level].mean() * (taken - above.sum())
    return float(hits / taken / truths.mean())


def brier(happened: ArrayLike, probabilities: ArrayLike) -> float | None:
    """Mean square of (probability - 1 or 0); 0 is perfect, saying the overall share s everywhere gives s (1 - s)."""
    truths, values = pair(happened, probabilities)
    _check_probabilities(values)
    return float(((values - truths) ** 2).mean()) if truths.size else None


def calibration(happened: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> list[Bin]:
    """The bins of equal width from 0 to 1 that hold rows; a probability on an edge belongs to the bin below it."""
    truths, values = pair(happened, probabilities)
    _check_probabilities(values)
    edges = np.linspace(0.0, 1.0, bins + 1)
    places = np.clip(np.searchsorted(edges, values, side="left") - 1, 0, bins - 1)
    found = []
    for place in np.unique(places):
        inside = places == place
        found.append(
            Bin(
                low=float(edges[place]),
                high=float(edges[place + 1]),
                n=int(inside.sum()),
                said=float(values[inside].mean()),
                happened=float(truths[inside].mean()),
            )
        )
    return found


def ece(happened: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> float | None:
    """Expected calibration error: mean over rows of |what was said - what happened| in the row's bin."""
    found = calibration(happened, probabilities, bins)
    rows = sum(each.n for each in found)
    return sum(each.n * abs(each.said - each.happened) for each in found) / rows if rows else None


def pair(happened: ArrayLike, scores: ArrayLike) -> tuple[Truths, Reals]:
    """Truths and scores as checked arrays. Raises ValueError for unlike lengths, blanks, and truths that are none."""
    truths, values = np.asarray(happened), np.asarray(scores, dtype=np.float64)
    if truths.ndim != 1 or truths.shape != values.shape:
        raise ValueError(f"Truths and scores are one a row; found were {truths.shape} and {values.shape}.")
    if not np.isfinite(values).all():
        raise ValueError("Every row needs a score; some are blank or infinite.")
    if truths.dtype != np.bool_:
        if not np.isin(truths, (0, 1)).all():
            raise ValueError("What happened is true or false (1 or 0) in every row.")
        truths = truths.astype(np.bool_)
    return truths, values


def _check_probabilities(values: Reals) -> None:
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(f"Probabilities lie from 0 to 1; found were {values.min()} to {values.max()}.")


def mid_ranks(values: Reals) -> Reals:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place], dtype=np.float64)


def _edge(is_inside: Callable[[float], bool], inside: float, outside: float) -> float:
    """The end of the interval between a value in it and the scale's end, by halving to 1e-12."""
    if is_inside(outside):
        return outside
    while abs(outside - inside) > 1e-12:
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if is_inside(middle) else (inside, middle)
    return inside
