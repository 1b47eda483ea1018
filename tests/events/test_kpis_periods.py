"""Periods as people write them, and values folded into longer spans."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.events.kpis.periods import EXAMPLES, Period, after, last_day, read, start_of, text_of
from evergreen.events.kpis.rules import Aggregation, distance, fold

DATES = st.dates(dt.date(1990, 1, 1), dt.date(2100, 12, 31))


@given(day=DATES, period=st.sampled_from(list(Period)))
def test_every_day_lies_in_one_period_which_is_read_as_it_is_written(day: dt.date, period: Period) -> None:
    start = start_of(period, day)
    assert start <= day <= last_day(period, start)
    assert start_of(period, after(period, start)) == after(period, start)
    assert start_of(period, last_day(period, start)) == start
    assert read(period, text_of(period, start)) == start
    assert read(period, day.isoformat()) == start


@pytest.mark.parametrize(
    ("period", "text", "start"),
    [
        (Period.MONTH, "2026-10", "2026-10-01"),
        (Period.MONTH, "2026-1", "2026-01-01"),
        (Period.MONTH, "2026/1", "2026-01-01"),
        (Period.MONTH, "202610", "2026-10-01"),
        (Period.MONTH, "2026年1月", "2026-01-01"),
        (Period.MONTH, "２０２６年１０月", "2026-10-01"),
        (Period.MONTH, "2026-10-31 00:00:00", "2026-10-01"),
        (Period.QUARTER, "2026-Q4", "2026-10-01"),
        (Period.QUARTER, "2026q1", "2026-01-01"),
        (Period.QUARTER, "2026年第3季度", "2026-07-01"),
        (Period.QUARTER, "2026/5/9", "2026-04-01"),
        (Period.WEEK, "2026-W53", "2026-12-28"),
        (Period.WEEK, "2026W01", "2025-12-29"),
        (Period.WEEK, "2026年第42周", "2026-10-12"),
        (Period.DAY, "2026年10月17日", "2026-10-17"),
    ],
)
def test_periods_are_read_as_files_write_them(period: Period, text: str, start: str) -> None:
    assert read(period, text) == dt.date.fromisoformat(start)


@pytest.mark.parametrize(
    ("period", "text"),
    [
        (Period.MONTH, "2026-13"),
        (Period.MONTH, "2026-Q1"),
        (Period.MONTH, "2026"),
        (Period.MONTH, "2026-10-32"),
        (Period.MONTH, "03/04/2026"),
        (Period.QUARTER, "2026-Q5"),
        (Period.QUARTER, "2026-10"),
        (Period.WEEK, "2025-W53"),
        (Period.DAY, "2026-10"),
        (Period.DAY, ""),
        (Period.DAY, "0000-01-01"),
    ],
)
def test_what_names_no_such_period_is_not_guessed_at(period: Period, text: str) -> None:
    assert read(period, text) is None


def test_every_example_is_read() -> None:
    assert {
        period: text_of(period, start) for period, text in EXAMPLES.items() if (start := read(period, text))
    } == EXAMPLES


@pytest.mark.parametrize(
    ("how", "folded"),
    [("last", 4.0), ("sum", 10.0), ("mean", 2.5), ("median", 2.5), ("least", 1.0), ("most", 4.0)],
)
def test_values_fold_into_a_longer_span_by_the_kpis_aggregation(how: str, folded: float) -> None:
    assert fold([2.0, 1.0, 3.0, 4.0], how) == folded
    assert fold([], how) is None
    assert {"last", "sum", "mean", "median", "least", "most"} == {one.value for one in Aggregation}


@pytest.mark.parametrize(
    ("value", "target", "direction", "is_met"),
    [(0.9, 0.9, "up", True), (0.89, 0.9, "up", False), (3.0, 4.0, "down", True), (5.0, 4.0, "down", False)],
)
def test_a_target_is_met_on_the_side_that_is_good(
    value: float, target: float, direction: str, is_met: bool
) -> None:
    found = distance(value, target, direction)
    assert (found.gap, found.is_met) == (value - target, is_met)
