"""CAL-01, CAL-02, CAL-03 of the trust plan, each function against a loop over the days."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import chinese_calendar
import holidays
import pytest
from django.utils import translation

from evergreen.base.working_days import CHINA, WEEKENDS, Certain, Hours, WorkingDays, years_of

CALENDAR = WorkingDays()
SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
DAY = dt.timedelta(days=1)


def days(start: dt.date, end: dt.date) -> list[dt.date]:
    """Every day from start until before end."""
    return [start + dt.timedelta(days=n) for n in range((end - start).days)]


def in_2026(*texts: str) -> set[dt.date]:
    """``02-14`` or ``02-16..02-23`` as days of 2026."""
    found = set()
    for text in texts:
        first, _sep, last = text.partition("..")
        start, end = dt.date.fromisoformat(f"2026-{first}"), dt.date.fromisoformat(f"2026-{last or first}")
        found |= set(days(start, end + DAY))
    return found


# The notice for 2026, written down by hand.
WORKED_WEEKENDS = in_2026("01-04", "02-14", "02-28", "05-09", "09-20", "10-10")
FREE_WEEKDAYS = in_2026("01-02", "02-16..02-23", "04-06", "05-01..05-05", "06-19", "09-25", "10-01..10-07")
FREE_WEEKDAYS = {day for day in FREE_WEEKDAYS if day.weekday() < 5} | in_2026("01-01")


def test_every_day_from_2010_to_2026_agrees_with_two_libraries() -> None:
    # Seventeen whole years: the 6,209 days of CAL-01.
    span = days(dt.date(2010, 1, 1), dt.date(2027, 1, 1))
    statutory = holidays.country_holidays("CN", years=range(2010, 2027))
    makeup = statutory.weekend_workdays
    ours = {day: CALENDAR.is_working(day) for day in span}
    assert len(span) == 6209
    assert [day for day in span if ours[day] != chinese_calendar.is_workday(day)] == []
    assert [day for day in span if ours[day] != statutory.is_working_day(day)] == []
    assert {day for day in makeup if day.year in range(2010, 2027)} == {
        day for day in span if ours[day] and day.weekday() > 4
    }


def test_2026_is_as_its_notice_says() -> None:
    year = days(dt.date(2026, 1, 1), dt.date(2027, 1, 1))
    assert {day for day in year if CALENDAR.is_working(day) and day.weekday() > 4} == WORKED_WEEKENDS
    assert {day for day in year if not CALENDAR.is_working(day) and day.weekday() < 5} == FREE_WEEKDAYS


def naive_add(calendar: WorkingDays, day: dt.date, n: int) -> dt.date:
    if n == 0:
        return naive_add(calendar, day - DAY, 1)
    step = DAY if n > 0 else -DAY
    left = abs(n)
    while left:
        day += step
        left -= calendar.working_or_weekday(day)[0]
    return day


def naive_count(calendar: WorkingDays, start: dt.date, end: dt.date) -> int:
    return sum(calendar.working_or_weekday(day)[0] for day in days(start, end))


def naive_worked(calendar: WorkingDays, start: dt.datetime, end: dt.datetime, zone: ZoneInfo) -> dt.timedelta:
    total = dt.timedelta()
    day = start.astimezone(zone).date()
    while day <= end.astimezone(zone).date():
        if calendar.working_or_weekday(day)[0]:
            opens = dt.datetime.combine(day, calendar.hours.opens, zone).astimezone(dt.UTC)
            closes = dt.datetime.combine(day, calendar.hours.closes, zone).astimezone(dt.UTC)
            total += max(dt.timedelta(), min(end, closes) - max(start, opens))
        day += DAY
    return total


def naive_due(calendar: WorkingDays, start: dt.datetime, minutes: int, zone: ZoneInfo) -> dt.datetime:
    left = dt.timedelta(minutes=minutes)
    if not left:
        return start
    day = start.astimezone(zone).date()
    while True:
        if calendar.working_or_weekday(day)[0]:
            opens = dt.datetime.combine(day, calendar.hours.opens, zone).astimezone(dt.UTC)
            closes = dt.datetime.combine(day, calendar.hours.closes, zone).astimezone(dt.UTC)
            begins = max(start, opens)
            if begins < closes:
                if begins + left <= closes:
                    return begins + left
                left -= closes - begins
        day += DAY


def around_the_feasts(rng: random.Random) -> dt.date:
    """Mostly a day near Spring Festival or National Day of 2010-2026, where calendars go wrong."""
    year = rng.randint(2010, 2026)
    anchor = rng.choice([dt.date(year, 2, 5), dt.date(year, 10, 3), dt.date(year, 5, 2), dt.date(year, 7, 1)])
    return anchor + dt.timedelta(days=rng.randint(-40, 40))


def test_every_answer_equals_a_loop_over_the_days() -> None:
    rng = random.Random(2026)
    wrong = []
    for case in range(20_000):
        day = around_the_feasts(rng)
        n = rng.randint(-30, 30)
        other = day + dt.timedelta(days=rng.randint(0, 60))
        kind = case % 6
        got: Any
        right: Any
        if kind == 0:
            got, right = CALENDAR.add(day, n).value, naive_add(CALENDAR, day, n)
        elif kind == 1:
            got, right = CALENDAR.count(day, other).value, naive_count(CALENDAR, day, other)
        elif kind == 2:
            month_end = (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
            got, right = CALENDAR.last_of_month(day).value, naive_add(CALENDAR, month_end, -1)
        elif kind == 3:
            at = dt.time(rng.randint(0, 23), rng.randint(0, 59))
            right = dt.datetime.combine(naive_add(CALENDAR, day, n), at, SHANGHAI)
            got = CALENDAR.due_at(day, n, at, SHANGHAI).value
        else:
            zone = rng.choice([SHANGHAI, NEW_YORK])
            start = dt.datetime.combine(day, dt.time(rng.randint(0, 23), rng.randint(0, 59)), zone)
            start = start.astimezone(dt.UTC)
            minutes = rng.choice([0, 30, 240, 540, 1080, 2700, rng.randint(1, 6000)])
            if kind == 4:
                got = CALENDAR.due(start, minutes, zone).value
                right = naive_due(CALENDAR, start, minutes, zone)
            else:
                end = start + dt.timedelta(minutes=rng.randint(-500, 60_000))
                got = CALENDAR.worked(start, end, zone).value
                right = naive_worked(CALENDAR, start, end, zone)
        if got != right:
            wrong.append((kind, day, n, got, right))
    assert wrong == []


def own_calendar(rng: random.Random, near: dt.date) -> WorkingDays:
    """A vendor's own: the statutory days or weekends alone, days of its own around a moment, hours of its own, a half day's among them."""
    own = {
        near + dt.timedelta(days=rng.randint(-60, 60)): rng.random() < 0.5 for _n in range(rng.randint(0, 25))
    }
    opens = rng.choice([dt.time(0), dt.time(8, 30), dt.time(9), dt.time(13, 30)])
    closes = rng.choice([dt.time(14), dt.time(18), dt.time(23, 59)])
    return WorkingDays(rng.choice([CHINA, WEEKENDS]), overrides=own, hours=Hours(opens, closes))


def test_every_answer_of_a_calendar_of_ones_own_equals_a_loop() -> None:
    """CAL-05: company days, other hours, weekends alone, a zone that changes its clock."""
    rng = random.Random(5)
    for _case in range(2_000):
        day = around_the_feasts(rng)
        calendar, zone = own_calendar(rng, day), rng.choice([SHANGHAI, NEW_YORK, ZoneInfo("Asia/Kolkata")])
        n, minutes = rng.randint(-30, 30), rng.choice([0, 30, 540, rng.randint(1, 6_000)])
        start = dt.datetime.combine(day, dt.time(rng.randint(0, 23), rng.randint(0, 59)), zone).astimezone(
            dt.UTC
        )
        end = start + dt.timedelta(minutes=rng.randint(-500, 60_000))
        assert calendar.add(day, n).value == naive_add(calendar, day, n)
        assert calendar.count(day, day + 40 * DAY).value == naive_count(calendar, day, day + 40 * DAY)
        assert calendar.due(start, minutes, zone).value == naive_due(calendar, start, minutes, zone)
        assert calendar.worked(start, end, zone).value == naive_worked(calendar, start, end, zone)


def test_spring_festival_2026_is_stepped_over() -> None:
    # Friday 13 February, then the make-up Saturday, then nine free days.
    assert CALENDAR.next(dt.date(2026, 2, 13)).value == dt.date(2026, 2, 14)
    assert CALENDAR.next(dt.date(2026, 2, 14)).value == dt.date(2026, 2, 24)
    assert CALENDAR.previous(dt.date(2026, 2, 24)).value == dt.date(2026, 2, 14)
    assert CALENDAR.days_between(dt.date(2026, 2, 13), dt.date(2026, 2, 24)) == Certain(2)
    assert CALENDAR.days_between(dt.date(2026, 2, 24), dt.date(2026, 2, 13)) == Certain(-2)
    assert CALENDAR.add(dt.date(2026, 2, 15), 0).value == dt.date(2026, 2, 24)
    assert CALENDAR.add(dt.date(2026, 2, 14), 0).value == dt.date(2026, 2, 14)
    assert CALENDAR.last_of_month(dt.date(2026, 2, 1)).value == dt.date(2026, 2, 28)


def test_nine_hours_from_nine_are_due_at_six_the_same_day() -> None:
    nine = dt.datetime(2026, 9, 30, 9, tzinfo=SHANGHAI)
    assert CALENDAR.due(nine, 540, SHANGHAI).value == dt.datetime(2026, 9, 30, 18, tzinfo=SHANGHAI)
    # One minute more waits for the end of National Day.
    assert CALENDAR.due(nine, 541, SHANGHAI).value == dt.datetime(2026, 10, 8, 9, 1, tzinfo=SHANGHAI)


ASKED: list[Callable[[dt.date, random.Random], Certain[Any]]] = [
    lambda day, rng: CALENDAR.add(day, rng.randint(0, 20)),
    lambda day, rng: CALENDAR.next(day),
    lambda day, rng: CALENDAR.previous(day),
    lambda day, rng: CALENDAR.count(day, day + dt.timedelta(days=rng.randint(1, 400))),
    lambda day, rng: CALENDAR.days_between(day, day + dt.timedelta(days=rng.randint(1, 60))),
    lambda day, rng: CALENDAR.last_of_month(day),
    lambda day, rng: CALENDAR.due_at(day, rng.randint(1, 9), dt.time(18), SHANGHAI),
    lambda day, rng: CALENDAR.due(
        dt.datetime.combine(day, dt.time(10), SHANGHAI), rng.randint(1, 9000), SHANGHAI
    ),
    lambda day, rng: CALENDAR.worked(
        dt.datetime.combine(day, dt.time(10), SHANGHAI),
        dt.datetime.combine(day + DAY, dt.time(10), SHANGHAI),
        SHANGHAI,
    ),
    lambda day, rng: Certain(None, () if CALENDAR.is_working(day) is not None else (day.year,)),
]


def test_no_answer_about_an_unpublished_year_is_silent() -> None:
    rng = random.Random(27)
    silent = []
    for case in range(200):
        day = dt.date(2027, 1, 2) + dt.timedelta(days=rng.randint(0, 362))
        answer = ASKED[case % len(ASKED)](day, rng)
        if answer.is_certain or 2027 not in answer.unknown_years:
            silent.append((case % len(ASKED), day, answer))
    assert silent == []


def test_an_unknown_year_falls_back_to_weekends_visibly() -> None:
    assert CALENDAR.working_or_weekday(dt.date(2027, 2, 8)) == (True, False)
    assert CALENDAR.working_or_weekday(dt.date(2027, 2, 7)) == (False, False)
    assert CALENDAR.count(dt.date(2027, 2, 1), dt.date(2027, 3, 1)) == Certain(20, (2027,))
    assert not CALENDAR.known(2027) and CALENDAR.known(2026)


def test_an_answer_that_never_looks_into_the_unknown_year_is_certain() -> None:
    assert CALENDAR.add(dt.date(2026, 12, 30), 1) == Certain(dt.date(2026, 12, 31))
    assert CALENDAR.add(dt.date(2026, 12, 31), 1) == Certain(dt.date(2027, 1, 1), (2027,))
    assert CALENDAR.count(dt.date(2026, 12, 1), dt.date(2027, 1, 1)).is_certain
    assert CALENDAR.count(dt.date(2027, 1, 5), dt.date(2027, 1, 5)) == Certain(0)


def test_the_notice_asks_for_next_year_from_november_on() -> None:
    with translation.override("en"):
        assert CALENDAR.notice(dt.date(2026, 10, 31)) is None
        assert "2027" in str(CALENDAR.notice(dt.date(2026, 11, 1)))
        assert CALENDAR.notice(dt.date(2025, 12, 31)) is None
        assert "of 2027" in str(CALENDAR.notice(dt.date(2027, 1, 1)))
        assert "of 2028" in str(WorkingDays(loaded=frozenset({2027})).notice(dt.date(2027, 11, 1)))


def test_a_year_loaded_by_hand_is_known_and_certain() -> None:
    notice = {dt.date(2027, 1, 1): False, dt.date(2027, 2, 8): False, dt.date(2027, 2, 20): True}
    calendar = WorkingDays(overrides=notice, loaded=years_of(notice))
    assert calendar.count(dt.date(2027, 2, 1), dt.date(2027, 3, 1)) == Certain(20)
    assert calendar.is_working(dt.date(2027, 2, 20)) is True
    assert calendar.notice(dt.date(2026, 12, 1)) is None


def test_a_december_day_in_next_years_notice_does_not_make_this_year_known() -> None:
    assert years_of({dt.date(2027, 12, 31): False, dt.date(2028, 1, 1): False}) == {2028}


def test_a_company_day_is_certain_even_in_an_unknown_year() -> None:
    calendar = WorkingDays(overrides={dt.date(2027, 6, 1): False})
    assert calendar.is_working(dt.date(2027, 6, 1)) is False
    assert calendar.count(dt.date(2027, 6, 1), dt.date(2027, 6, 2)) == Certain(0)
    assert calendar.count(dt.date(2027, 6, 1), dt.date(2027, 6, 3)) == Certain(1, (2027,))


def test_the_weekends_calendar_knows_every_year() -> None:
    calendar = WorkingDays(name="weekends")
    assert calendar.is_working(dt.date(2026, 10, 1)) is True
    assert calendar.count(dt.date(2031, 1, 1), dt.date(2032, 1, 1)) == Certain(261)
    assert calendar.notice(dt.date(2030, 12, 1)) is None


def test_hours_that_end_before_they_start_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot start at 18:00"):
        Hours(dt.time(18), dt.time(9))
