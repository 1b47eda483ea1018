"""Months and quarters between two days. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from evergreen.customers.lines import Ints, number

MONTH, QUARTER = "month", "quarter"
STEPS = {MONTH: 1, QUARTER: 3}
MOST_PERIODS = 240


@dataclass(frozen=True, slots=True)
class Period:
    """The time from ``first`` up to ``last``: standing on ``last`` is compared with standing on ``first``."""

    first: dt.date
    last: dt.date
    step: str = MONTH

    @property
    def key(self) -> str:
        """2026-03 or 2026-Q1, by its first day."""
        if self.step == QUARTER:
            return f"{self.first.year}-Q{(self.first.month + 2) // 3}"
        return f"{self.first:%Y-%m}"

    @property
    def is_whole(self) -> bool:
        """Whether it reaches from the beginning of its month or quarter to the next one's."""
        return self.first == start_of(self.first, self.step) and self.last == moved(
            self.first, STEPS[self.step]
        )


def moved(day: dt.date, months: int) -> dt.date:
    """The first day of the month some months from a day's."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, 1)


def a_year_before(day: dt.date) -> dt.date:
    return (
        day.replace(year=day.year - 1, day=28)
        if (day.month, day.day) == (2, 29)
        else day.replace(year=day.year - 1)
    )


def start_of(day: dt.date, step: str) -> dt.date:
    size = STEPS[step]
    return dt.date(day.year, (day.month - 1) // size * size + 1, 1)


def between(first: dt.date, last: dt.date, step: str = MONTH) -> list[Period]:
    """The periods from one day to another; the first and the last may be parts.

    Raises ValueError when ``last`` is not after ``first`` or there are more than 240 of them.
    """
    if last <= first:
        raise ValueError(f"The last day ({last}) must come after the first ({first}).")
    days = [first]
    turn = start_of(first, step)
    while (turn := moved(turn, STEPS[step])) < last:
        days.append(turn)
        if len(days) > MOST_PERIODS:
            raise ValueError(
                f"From {first} to {last} are more than {MOST_PERIODS} periods: take a shorter span."
            )
    return [Period(*pair, step) for pair in pairwise([*days, last])]


def bounds(periods: Sequence[Period]) -> Ints:
    """The days on which accounts are looked at, one more than periods."""
    return np.array([number(one.first) for one in periods] + [number(periods[-1].last)], np.int64)
