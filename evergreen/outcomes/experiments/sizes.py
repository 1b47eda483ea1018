"""How large arms are: whether they came out as planned, how many units a difference takes, how long until there are so many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from evergreen.outcomes.experiments.statistics import ALPHA

POWER = 0.8
# A sample ratio less likely than this by chance means that something is wrong with the arms themselves.
RATIO_ALPHA = 0.01
# Up to so many units two arms are held against the binomial distribution itself, beyond against its normal approximation.
_EXACT_BELOW = 1_000
# So many ways of sharing units among several arms are gone through one by one.
_MOST_TABLES = 500_000
# Chi-square is good from five expected units in each arm on (Cochran 1954); below, and beyond the tables, so many are drawn.
_EXPECTED = 5
_DRAWN = 100_000
_SEED = 20261123


def sample_ratio(counts: Sequence[int], shares: Sequence[float] = ()) -> float:
    """How likely arms of sizes at least this far from the planned ``shares`` (equal ones where none are given) are by chance.

    Two arms below 1,000 units: the exact binomial test. Several: the exact multinomial test (every way of sharing the units that is at
    most as likely as this one), where the ways are at most 500,000. Else Pearson's chi-square, of two arms without a correction, or, below
    five expected units in an arm, that statistic among 100,000 draws with (1 + as far) / (1 + drawn) (Hope 1968). 1 without units.
    """
    n = sum(counts)
    wanted = np.array(shares or [1.0] * len(counts), float)
    planned = wanted / wanted.sum()
    if len(counts) < 2 or not n:
        return 1.0
    if len(counts) == 2 and n < _EXACT_BELOW:
        return float(stats.binomtest(counts[1], n, float(planned[1])).pvalue)
    if len(counts) > 2 and math.comb(n + len(counts) - 1, len(counts) - 1) <= _MOST_TABLES:
        return _multinomial(np.array(counts), planned)
    if n * planned.min() >= _EXPECTED:
        return float(stats.chisquare(counts, n * planned).pvalue)
    drawn = np.random.default_rng(_SEED).multinomial(n, planned, _DRAWN)
    far = _pearson(drawn, n * planned) >= _pearson(np.array([counts]), n * planned) * (1 - 1e-9)
    return float((1 + far.sum()) / (1 + _DRAWN))


def _pearson(counts: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = ((counts - expected) ** 2 / expected).sum(axis=1)
    return found


def _multinomial(counts: np.ndarray[Any, Any], planned: np.ndarray[Any, Any]) -> float:
    chances = stats.multinomial(int(counts.sum()), planned)
    every = chances.logpmf(_tables(int(counts.sum()), len(counts)))
    # As likely but for how a computer adds.
    return min(1.0, float(np.exp(every[every <= chances.logpmf(counts) + 1e-9]).sum()))


def _tables(n: int, arms: int) -> np.ndarray[Any, Any]:
    """Every way of sharing n units among some arms, a row each."""
    rows, left = np.zeros((1, 0), np.int64), np.array([n])
    for _arm in range(arms - 1):
        taken = np.concatenate([np.arange(one + 1) for one in left])
        back = np.repeat(np.arange(len(left)), left + 1)
        rows, left = np.column_stack([rows[back], taken]), left[back] - taken
    return np.column_stack([rows, left])


def needed(mean: float, variance: float, relative: float, shares: Sequence[float] = (0.5, 0.5)) -> int:
    """Units in all arms together that show a relative difference of the mean between the first arm and each other with a power of
    80 % at 5 %: (z + z')² variance (1/p + 1/q) / (relative mean)², p and q the arms' shares of all; with halves that is
    4 (z + z')² variance / (relative mean)² (Cohen 1988). 0 where it cannot be told."""
    if variance <= 0 or mean == 0 or relative == 0 or min(shares) <= 0:
        return 0
    z = float(stats.norm.ppf(1 - ALPHA / 2) + stats.norm.ppf(POWER))
    uneven = 1 / shares[0] + max(1 / one for one in shares[1:])
    return math.ceil(uneven * z**2 * variance / (relative * mean) ** 2)


def smallest(mean: float, variance: float, units: int, shares: Sequence[float] = (0.5, 0.5)) -> float | None:
    """The smallest relative difference of the mean between two arms that so many units in all show with a power of 80 % at 5 %: ``needed``
    solved for the difference. None where it cannot be told."""
    if variance <= 0 or mean == 0 or units < 1 or min(shares) <= 0:
        return None
    z = float(stats.norm.ppf(1 - ALPHA / 2) + stats.norm.ppf(POWER))
    return z * math.sqrt((1 / shares[0] + 1 / shares[1]) * variance / units) / abs(mean)


def power(
    mean: float, variance: float, relative: float, units: int, shares: Sequence[float] = (0.5, 0.5)
) -> float:
    """The chance that so many units in all show a relative difference of the mean between two arms at 5 %, by the normal curve (Cohen
    1988); the chance of seeing it the wrong way round is left out. 0 where it cannot be told."""
    if variance <= 0 or mean == 0 or units < 1 or min(shares) <= 0:
        return 0.0
    error = math.sqrt(variance * (1 / shares[0] + 1 / shares[1]) / units)
    return float(stats.norm.cdf(abs(relative * mean) / error - stats.norm.ppf(1 - ALPHA / 2)))
