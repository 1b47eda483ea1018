"""A robust seasonal baseline: what a number of one account would be if all went as before, and how far it usually
strays.

For a period t, from the values x of the periods before it in a window (never from t itself or later):

- M = median of all x; m_s = median of the n_s values in the season s of t.
- Expected value: e_s = w·m_s + (1 − w)·M with w = n_s / (n_s + 2): a season seen once or twice leans on all periods,
  one never seen is M. The weight n / (n + k) is the credibility of experience rating: H. Bühlmann, "Experience
  rating and credibility", ASTIN Bulletin 4(3), 1967, pages 199-207.
- Spread: 1.4826 · median of |x_i − e_s(i)|, the median absolute deviation made comparable with a standard deviation:
  F. R. Hampel, "The influence curve and its role in robust estimation", JASA 69, 1974, pages 383-393. Where more than
  half of the values are as expected that is 0; then 1.2533 · their mean, as in B. Iglewicz and D. Hoaglin, "How to
  detect and handle outliers", 1993.
- Band: e_s ± 2.5 · spread, the width recommended by C. Leys and others, "Detecting outliers: do not use standard
  deviation around the mean, use absolute deviation around the median", Journal of Experimental Social Psychology
  49(4), 2013, pages 764-766.

Medians let one wild month pass without moving the band; a lasting change moves it once half of the window has it.
There is no trend in it on purpose: a number that climbs above what was usual shall be seen to do so.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CREDIBILITY = 2
WIDTH = 2.5
_AS_DEVIATION = 1.4826
_MEAN_AS_DEVIATION = 1.2533

Point = tuple[dt.date, float]
"""The first day of a period and its value."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How periods of a length repeat: their season, how far back counts, how many values are needed at least."""

    season: Callable[[dt.date], int]
    window_days: int
    least: int


RHYTHMS: dict[str, Rhythm] = {
    # 13 weeks of weekdays; three years of the others. A year's 53rd week counts with the 52nd.
    "day": Rhythm(dt.date.weekday, 91, 14),
    "week": Rhythm(lambda day: min(day.isocalendar().week, 52), 3 * 371, 12),
    "month": Rhythm(lambda day: day.month, 3 * 366, 6),
    "quarter": Rhythm(lambda day: (day.month + 2) // 3, 3 * 366, 4),
}


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is expected of a period: ``middle`` within ``low`` and ``high``; from ``n`` values, ``n_season`` of its
    season.
    """

    middle: float
    low: float
    high: float
    spread: float
    n: int
    n_season: int

    def deviation(self, value: float) -> float | None:
        """How many spreads a value lies above (below: negative) what is expected; None where nothing ever varied."""
        return (value - self.middle) / self.spread if self.spread else None

    def holds(self, value: float) -> bool:
        """Whether a value lies within the band."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class TooShort:
    """There are not values enough before the period: ``found`` of the ``needed``."""

    found: int
    needed: int


def baseline(rhythm: str, start: dt.date, history: Sequence[Point]) -> Baseline | TooShort:
    """The baseline of the period of a length (day, week, month, quarter) that starts on a day.

    ``history`` may hold any periods in any order; those from ``start`` on and before the window are left out.
    """
    return baselines(rhythm, [start], history)[start]


def baselines(
    rhythm: str, starts: Iterable[dt.date], history: Sequence[Point]
) -> dict[dt.date, Baseline | TooShort]:
    """``baseline`` of several periods over one history, each from what lies before it."""
    way = RHYTHMS[rhythm]
    ordered = sorted(history)
    days = [day for day, _value in ordered]
    seen = [(way.season(day), value) for day, value in ordered]
    found = {}
    for start in starts:
        since = bisect_left(days, start - dt.timedelta(days=way.window_days))
        found[start] = _from(seen[since : bisect_left(days, start)], way.season(start), way.least)
    return found


def weekly(values: Floats, weekdays: Ints) -> Weekly:
    """``baseline("day", …)`` of many numbers at once: ``values`` (numbers × days, oldest first, NaN where a day does not count) with
    the weekday of each day (0 to 6). The days are those of the window, before the period asked for.
    """
    overall = _medians(values)
    expected = np.repeat(overall[:, None], 7, axis=1)
    for weekday in np.unique(weekdays):
        own = values[:, weekdays == weekday]
        n = np.sum(~np.isnan(own), axis=1)
        weight = n / (n + CREDIBILITY)
        leaning = weight * np.where(n > 0, _medians(own), 0.0) + (1 - weight) * overall
        expected[:, weekday] = np.where(n > 0, leaning, overall)
    strays = np.abs(values - expected[:, weekdays])
    counts = np.sum(~np.isnan(values), axis=1)
    mean = np.nansum(strays, axis=1) / np.maximum(counts, 1)
    robust = _AS_DEVIATION * _medians(strays)
    return Weekly(expected, np.where(robust > 0, robust, _MEAN_AS_DEVIATION * mean), counts)


@dataclass(frozen=True, slots=True)
class Weekly:
    """Of many numbers: what is expected by weekday (numbers × 7), how far each strays, from how many days."""

    expected: Floats
    spread: Floats
    n: Ints


def _medians(values: Floats) -> Floats:
    """The median of each row without its NaNs; NaN for a row without any."""
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    ordered = np.sort(values, axis=1)  # NaNs come last
    n = np.sum(~np.isnan(values), axis=1)
    rows = np.arange(len(values))
    low, high = (
        ordered[rows, np.maximum(n - 1, 0) // 2],
        ordered[rows, np.minimum(n // 2, values.shape[1] - 1)],
    )
    return np.where(n > 0, (low + high) / 2, np.nan)


def _from(before: list[tuple[int, float]], own: int, least: int) -> Baseline | TooShort:
    """The baseline of a period in the season ``own`` from the (season, value) before it."""
    if len(before) < least:
        return TooShort(len(before), least)
    overall = median(value for _season, value in before)
    seasons: dict[int, list[float]] = defaultdict(list)
    for season, value in before:
        seasons[season].append(value)
    expected = {season: _leaning(values, overall) for season, values in seasons.items()}
    strays = [abs(value - expected[season]) for season, value in before]
    spread = _AS_DEVIATION * median(strays) or _MEAN_AS_DEVIATION * fmean(strays)
    middle = expected.get(own, overall)
    return Baseline(
        middle=middle,
        low=middle - WIDTH * spread,
        high=middle + WIDTH * spread,
        spread=spread,
        n=len(before),
        n_season=len(seasons.get(own, ())),
    )


def _leaning(values: Sequence[float], overall: float) -> float:
    """A season's median, leaning on that of all periods the more the fewer values it has."""
    weight = len(values) / (len(values) + CREDIBILITY)
    return weight * median(values) + (1 - weight) * overall
