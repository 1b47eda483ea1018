"""Working days of the vendor: statutory holidays, make-up workdays, own days, and years not yet published.

A year that nobody has published is *unknown*. Every answer that had to look at an unknown day says so
(``Certain.unknown_years``) and rests on the visible fallback that only Saturdays and Sundays are free.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

import chinese_calendar
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

T = TypeVar("T")
CHINA, WEEKENDS = "CN", "weekends"
_DAY = dt.timedelta(days=1)
_NOTICE_MONTH = 11


@dataclass(frozen=True, slots=True)
class Certain(Generic[T]):
    """An answer and the years it had to guess; certain when there are none."""

    value: T
    unknown_years: tuple[int, ...] = ()

    @property
    def is_certain(self) -> bool:
        return not self.unknown_years


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours of a working day, in the vendor's wall time."""

    opens: dt.time = dt.time(9)
    closes: dt.time = dt.time(18)

    def __post_init__(self) -> None:
        if self.opens >= self.closes:
            raise ValueError(
                f"A working day cannot start at {self.opens:%H:%M} and end at {self.closes:%H:%M}."
            )


@dataclass(frozen=True, slots=True)
class _Year:
    """A year as sorted day numbers: which are worked, and which are known (None: all of them)."""

    working: tuple[int, ...]
    known: tuple[int, ...] | None


@dataclass(frozen=True)
class WorkingDays:
    """A calendar. ``overrides`` are days set by hand, ``loaded`` the years whose notice was set by hand."""

    name: str = CHINA
    overrides: Mapping[dt.date, bool] = field(default_factory=dict)
    loaded: frozenset[int] = frozenset()
    hours: Hours = Hours()
    _years: dict[int, _Year] = field(default_factory=dict, repr=False, compare=False)

    def known(self, year: int) -> bool:
        """Whether the year's working days are published."""
        return self.name == WEEKENDS or year in self.loaded or year in _published()

    def is_working(self, day: dt.date) -> bool | None:
        """Whether the day is worked; None when its year is unknown."""
        answer, is_known = self.working_or_weekday(day)
        return answer if is_known else None

    def working_or_weekday(self, day: dt.date) -> tuple[bool, bool]:
        """(worked, known): an unknown day is worked when it lies from Monday to Friday."""
        if day in self.overrides:
            return self.overrides[day], True
        known = self.known(day.year)
        if self.name == CHINA and known:
            return day in _china()[1] or (day.weekday() < 5 and day not in _china()[0]), True
        return day.weekday() < 5, known

    def count(self, start: dt.date, end: dt.date) -> Certain[int]:
        """Working days from ``start`` until before ``end``; 0 when the end lies before the start."""
        total = 0
        for year in range(start.year, end.year + 1):
            working = self._year(year).working
            total += max(0, bisect_left(working, end.toordinal()) - bisect_left(working, start.toordinal()))
        return Certain(total, self._unknown(start, end))

    def days_between(self, earlier: dt.date, later: dt.date) -> Certain[int]:
        """Working days after ``earlier`` up to and with ``later``, as in “no activity for n working days”.

        Negative when ``later`` lies before ``earlier``.
        """
        if later < earlier:
            back = self.days_between(later, earlier)
            return Certain(-back.value, back.unknown_years)
        return self.count(earlier + _DAY, later + _DAY)

    def add(self, day: dt.date, n: int) -> Certain[dt.date]:
        """The n-th working day after ``day``, or before it; for 0 the day itself, or the next worked."""
        if n == 0:
            return self.add(day - _DAY, 1)
        found = self._later(day, n) if n > 0 else self._earlier(day, -n)
        looked_at = (day + _DAY, found + _DAY) if n > 0 else (found, day)
        return Certain(found, self._unknown(*looked_at))

    def next(self, day: dt.date) -> Certain[dt.date]:
        """The first working day after ``day``."""
        return self.add(day, 1)

    def previous(self, day: dt.date) -> Certain[dt.date]:
        """The last working day before ``day``."""
        return self.add(day, -1)

    def last_of_month(self, day: dt.date) -> Certain[dt.date]:
        """The last working day of the month in which ``day`` lies."""
        return self.previous((day.replace(day=1) + dt.timedelta(days=31)).replace(day=1))

    def due_at(self, day: dt.date, n: int, at: dt.time, zone: ZoneInfo) -> Certain[dt.datetime]:
        """``at`` o'clock on the n-th working day after ``day``, in UTC."""
        found = self.add(day, n)
        return Certain(dt.datetime.combine(found.value, at, zone).astimezone(dt.UTC), found.unknown_years)

    def worked(self, start: dt.datetime, end: dt.datetime, zone: ZoneInfo) -> Certain[dt.timedelta]:
        """Working time between two moments; nothing when the end lies before the start."""
        first, last = start.astimezone(zone).date(), end.astimezone(zone).date()
        unknown = self._unknown(first, last + _DAY)
        if end <= start:
            return Certain(dt.timedelta(), unknown)
        total = dt.timedelta()
        for day in {first, last}:
            if self.working_or_weekday(day)[0]:
                opens, closes = self._opening(day, zone)
                total += max(dt.timedelta(), min(end, closes) - max(start, opens))
        full = self.count(first + _DAY, last).value
        return Certain(total + full * self._full_day(), unknown)

    def due(self, start: dt.datetime, minutes: int, zone: ZoneInfo) -> Certain[dt.datetime]:
        """The first moment, in UTC, by which ``minutes`` of working time have passed since ``start``.

        Nine hours that begin at nine are due at 18:00 the same day, not at nine the next.
        """
        day = start.astimezone(zone).date()
        left = dt.timedelta(minutes=minutes)
        if left <= dt.timedelta():
            return Certain(start.astimezone(dt.UTC), self._unknown(day, day + _DAY))
        opens, closes = self._opening(day, zone)
        begins = max(start, opens)
        today = max(dt.timedelta(), closes - begins) if self.working_or_weekday(day)[0] else dt.timedelta()
        if left <= today:
            return Certain((begins + left).astimezone(dt.UTC), self._unknown(day, day + _DAY))
        left -= today
        whole, rest = divmod(left, self._full_day())
        # A rest of nothing is the close of the day before, not the opening of the next.
        days, rest = (whole + 1, rest) if rest else (whole, self._full_day())
        found = self.add(day, days)
        moment = self._opening(found.value, zone)[0] + rest
        return Certain(moment.astimezone(dt.UTC), self._unknown(day, found.value + _DAY))

    def notice(self, today: dt.date) -> Promise | None:
        """What to ask for: this year's days when they are unknown, from 1 November on next year's as well."""
        missing = [year for year in (today.year, today.year + 1) if not self.known(year)]
        if missing and (missing[0] == today.year or today.month >= _NOTICE_MONTH):
            return format_lazy(
                _(
                    "The working days of {year} are not known yet, so only Saturdays and Sundays count as "
                    "free. Load the year {year} in the settings as soon as its notice is out."
                ),
                year=missing[0],
            )
        return None

    def _later(self, day: dt.date, n: int) -> dt.date:
        year, after = day.year, day.toordinal()
        while True:
            working = self._year(year).working
            place = bisect_right(working, after) + n - 1
            if place < len(working):
                return dt.date.fromordinal(working[place])
            n -= len(working) - bisect_right(working, after)
            year += 1

    def _earlier(self, day: dt.date, n: int) -> dt.date:
        year, before = day.year, day.toordinal()
        while True:
            working = self._year(year).working
            place = bisect_left(working, before) - n
            if place >= 0:
                return dt.date.fromordinal(working[place])
            n -= bisect_left(working, before)
            year -= 1

    def _year(self, year: int) -> _Year:
        if year not in self._years:
            first, last = dt.date(year, 1, 1).toordinal(), dt.date(year, 12, 31).toordinal()
            answers = [
                (day, *self.working_or_weekday(dt.date.fromordinal(day))) for day in range(first, last + 1)
            ]
            known = None if self.known(year) else tuple(day for day, _worked, is_known in answers if is_known)
            self._years[year] = _Year(tuple(day for day, worked, _known in answers if worked), known)
        return self._years[year]

    def _unknown(self, start: dt.date, end: dt.date) -> tuple[int, ...]:
        """Years with an unknown day from ``start`` until before ``end``."""
        found = []
        for year in range(start.year, (end - _DAY).year + 1):
            known = self._year(year).known
            if known is None:
                continue
            first = max(start, dt.date(year, 1, 1)).toordinal()
            last = min(end - _DAY, dt.date(year, 12, 31)).toordinal()
            if bisect_right(known, last) - bisect_left(known, first) < last - first + 1:
                found.append(year)
        return tuple(found)

    def _opening(self, day: dt.date, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
        opens = dt.datetime.combine(day, self.hours.opens, zone).astimezone(dt.UTC)
        return opens, opens + self._full_day()

    def _full_day(self) -> dt.timedelta:
        day = dt.date(2000, 1, 1)
        return dt.datetime.combine(day, self.hours.closes) - dt.datetime.combine(day, self.hours.opens)


def for_vendor() -> WorkingDays:
    """The vendor's calendar: its settings, the years loaded by hand, its own days. Two queries."""
    from evergreen.base import queries
    from evergreen.base.models import CalendarDay

    settings = queries.all_settings()
    notice: dict[dt.date, bool] = {}
    own: dict[dt.date, bool] = {}
    for day, is_working, source in CalendarDay.objects.values_list("day", "is_working", "source"):
        (own if source == CalendarDay.Source.COMPANY else notice)[day] = is_working
    return WorkingDays(
        name=settings["calendar"],
        # A notice is China's: with the calendar "weekends" only the vendor's own days differ from the week.
        overrides={**notice, **own} if settings["calendar"] == CHINA else own,
        loaded=years_of(notice),
        hours=Hours(*(dt.time.fromisoformat(settings[key]) for key in ("workday_starts", "workday_ends"))),
    )


def years_of(notice: Mapping[dt.date, bool]) -> frozenset[int]:
    """The years that a notice covers: each names its 1 January; days in the December before do not count."""
    return frozenset(day.year for day in notice if (day.month, day.day) == (1, 1))


def notice(today: dt.date) -> Promise | None:
    """What the vendor's calendar asks for on a day, or None (translated when shown)."""
    return for_vendor().notice(today)


@cache
def _china() -> tuple[frozenset[dt.date], frozenset[dt.date]]:
    """(free days, make-up workdays) as published, from the library."""
    constants = chinese_calendar.constants
    return frozenset(constants.holidays), frozenset(constants.workdays)


@cache
def _published() -> frozenset[int]:
    return frozenset(day.year for day in _china()[0])
