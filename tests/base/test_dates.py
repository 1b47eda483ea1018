"""CAL-06 of the trust plan: leap days, ends of months, ISO weeks 53, starts of quarters, each against days counted one by one."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable

from evergreen.base.dates import months_later
from evergreen.events.kpis.periods import Period, after, last_day, read, start_of, text_of

DAY = dt.timedelta(days=1)


def slowly_later(day: dt.date, months: int) -> dt.date:
    """Month by month over the days themselves: the day of that number, or the last one of the month."""
    month = day.replace(day=1)
    for _ in range(abs(months)):
        step = DAY if months > 0 else -DAY
        found = month + step
        while found.month == month.month or (months < 0 and found.day != 1):
            found += step
        month = found
    in_month = [month + n * DAY for n in range(31) if (month + n * DAY).month == month.month]
    return next((one for one in in_month if one.day == day.day), in_month[-1])


def test_months_later_is_the_day_of_that_number_or_the_last_of_the_month() -> None:
    chance = random.Random(29)
    wrong = []
    for _ in range(2_000):
        day = dt.date(chance.randint(1999, 2032), chance.choice((1, 2, 2, 3, 12)), chance.choice((1, 15, 28)))
        day += chance.choice((0, 1, 2, 3)) * DAY
        months = chance.choice((1, 11, 12, 24, 48, -1, -12, -11))
        if months_later(day, months) != slowly_later(day, months):
            wrong.append((day, months))
    assert wrong == []


def test_the_anniversary_of_29_february_is_the_28th_but_for_leap_years() -> None:
    born = dt.date(2024, 2, 29)
    assert [months_later(born, 12 * n) for n in (1, 2, 3, 4)] == [
        dt.date(2025, 2, 28),
        dt.date(2026, 2, 28),
        dt.date(2027, 2, 28),
        dt.date(2028, 2, 29),
    ]
    assert months_later(dt.date(2100 - 4, 2, 29), 48) == dt.date(2100, 2, 28), "2100 is no leap year"


def slow_start(period: Period, day: dt.date) -> dt.date:
    """Back day by day until one that begins such a period."""
    begins: dict[Period, Callable[[dt.date], bool]] = {
        Period.DAY: lambda d: True,
        Period.WEEK: lambda d: d.strftime("%u") == "1",
        Period.MONTH: lambda d: d.strftime("%d") == "01",
        Period.QUARTER: lambda d: d.strftime("%m-%d") in ("01-01", "04-01", "07-01", "10-01"),
    }
    while not begins[period](day):
        day -= DAY
    return day


def test_every_day_lies_in_the_period_that_begins_where_a_slow_search_finds_it() -> None:
    wrong: list[object] = []
    for number in range(0, 3_100, 3):
        day = dt.date(2019, 12, 20) + number * DAY
        for period in Period:
            start = start_of(period, day)
            following = after(period, start)
            if (
                start != slow_start(period, day)
                or following != slow_start(period, following)
                or following <= day
            ):
                wrong.append((period, day, start, following))
            if last_day(period, start) + DAY != following or read(period, text_of(period, start)) != start:
                wrong.append((period, day, text_of(period, start)))
    assert wrong == []


def test_week_53_belongs_to_the_year_of_its_thursday() -> None:
    assert text_of(Period.WEEK, dt.date(2020, 12, 28)) == "2020-W53"
    assert after(Period.WEEK, dt.date(2020, 12, 28)) == dt.date(2021, 1, 4)
    assert read(Period.WEEK, "2026-W53") == dt.date(2026, 12, 28) and read(Period.WEEK, "2025-W53") is None
