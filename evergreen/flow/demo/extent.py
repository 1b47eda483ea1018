"""How large the demo is and which days it covers; where its chance comes from."""

from __future__ import annotations

import datetime as dt
import zlib
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from evergreen.base.working_days import WorkingDays

SEED = 20241122
ZONE = ZoneInfo("Asia/Shanghai")

Floats = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Extent:
    """``last`` is the newest day of the story; the ``dense_days`` before it have nights close together.

    Chance comes from ``seed`` alone, so equal extents give equal vendors.
    """

    last: dt.date
    accounts: int = 400
    months: int = 24
    dense_days: int = 100
    seed: int = SEED

    @cached_property
    def first(self) -> dt.date:
        """The first day with events."""
        years, month = divmod(self.last.year * 12 + self.last.month - 1 - self.months, 12)
        return dt.date(years, month + 1, min(self.last.day, 28)) + dt.timedelta(days=1)

    @cached_property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def day(self, index: int) -> dt.date:
        """The day at an index: 0 is the first day; days before it have negative indexes."""
        return self.first + dt.timedelta(days=int(index))

    def index(self, day: dt.date) -> int:
        return (day - self.first).days

    def ago(self, days: int) -> int:
        """The index of the day so many days before the last one."""
        return self.days - 1 - days

    def chance(self, what: str) -> np.random.Generator:
        """A stream of its own for each purpose, so that one part of the story does not shift another."""
        return np.random.default_rng([self.seed, zlib.crc32(what.encode())])

    @cached_property
    def calendar(self) -> WorkingDays:
        return WorkingDays("CN")

    @cached_property
    def working(self) -> npt.NDArray[np.bool_]:
        """Whether each day is worked."""
        return np.array([self.calendar.working_or_weekday(self.day(i))[0] for i in range(self.days)])

    @cached_property
    def weekday(self) -> Whole:
        return np.array([self.day(i).weekday() for i in range(self.days)])

    @cached_property
    def season(self) -> Floats:
        """How busy each worked day is: quiet around the Spring Festival and long holidays, busy at month's turn."""
        factor = np.ones(self.days, np.float32)
        for start, length in self._breaks():
            for index in range(start - 8, start + length + 8):
                if 0 <= index < self.days:
                    distance = start - index if index < start else index - (start + length) + 1
                    depth = 0.45 if length >= 8 else 0.15
                    factor[index] *= 1 - depth * max(0.0, 1 - max(distance, 0) / 8)
        return factor

    def _breaks(self) -> list[tuple[int, int]]:
        """(start, length) of free spans of at least five days."""
        found: list[tuple[int, int]] = []
        start: int | None = None
        for index, worked in enumerate([*self.working, True]):
            if worked:
                if start is not None and index - start >= 5:
                    found.append((start, index - start))
                start = None
            elif start is None:
                start = index
        return found

    def worked(self, day: dt.date) -> dt.date:
        """The day itself, or the next one that is worked: nobody signs or calls on a free day."""
        return self.calendar.add(day, 0).value

    def moment(self, day: dt.date, hour: int, minute: int = 0) -> dt.datetime:
        """A local time of a day as UTC."""
        return dt.datetime.combine(day, dt.time(hour, minute), ZONE).astimezone(dt.UTC)


def years_on(day: dt.date, years: int) -> dt.date:
    """The same day some years on; 29 February becomes the 28th."""
    return day.replace(year=day.year + years, day=28 if (day.month, day.day) == (2, 29) else day.day)


def logistic(x: npt.ArrayLike) -> Floats:
    """Numbers of any size as shares between 0 and 1."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(x, np.float64))), np.float32)
