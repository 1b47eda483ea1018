"""When an event happened, whatever the sender's clock says (Segment's formula, to the microsecond)."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest

from evergreen.events.ingest.times import DAY, EARLIEST, SECOND, Times, moment, place

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
RECEIVED = dt.datetime(2026, 11, 20, 10, 0, tzinfo=dt.UTC)


def micros(when: dt.datetime) -> int:
    return (when - EPOCH) // dt.timedelta(microseconds=1)


NOW = micros(RECEIVED)


def test_a_wrong_clock_is_corrected_by_the_formula_whatever_its_error() -> None:
    """ING-14: 2,000 devices whose clocks are wrong by up to ten years."""
    chance = random.Random(14)
    for _ in range(2_000):
        error = dt.timedelta(seconds=chance.choice([1, 60, 3600, 86_400, 3.15e8]) * chance.uniform(-1, 1))
        age = dt.timedelta(seconds=chance.uniform(0, 86_400 * 30))
        delay = dt.timedelta(milliseconds=chance.randrange(2_000))
        sent = RECEIVED - delay + error
        happened = RECEIVED - delay - age
        zone = dt.timezone(dt.timedelta(minutes=chance.choice([0, 480, -210, 345])))
        stamp = (happened + error).astimezone(zone)
        timestamp = stamp.isoformat(timespec="milliseconds")
        found = place(timestamp, moment(sent.isoformat()), NOW)
        read = dt.datetime.fromisoformat(timestamp)
        assert found.flag is None
        assert found.occurred == micros(RECEIVED - (sent - read))
        assert found.original == micros(read) and found.sent == micros(sent)


def test_without_a_sent_time_the_timestamp_stands_as_it_is() -> None:
    assert place("2026-11-19T08:30:00+08:00", None, NOW).occurred == micros(
        dt.datetime(2026, 11, 19, 0, 30, tzinfo=dt.UTC)
    )


@pytest.mark.parametrize(
    ("ahead", "flag"), [(0, None), (DAY, None), (DAY + 1, "ahead"), (10 * 365 * DAY, "ahead")]
)
def test_more_than_a_day_ahead_becomes_the_time_of_arrival(ahead: int, flag: str | None) -> None:
    stamp = (EPOCH + dt.timedelta(microseconds=NOW + ahead)).isoformat()
    found = place(stamp, None, NOW)
    assert found.flag == flag and found.original == NOW + ahead
    assert found.occurred == (NOW if flag else NOW + ahead)


@pytest.mark.parametrize(
    ("stamp", "flag"),
    [
        ("2000-01-01T00:00:00Z", None),
        ("1999-12-31T23:59:59.999999Z", "before 2000"),
        ("0001-01-01T00:00:00Z", "before 2000"),
    ],
)
def test_before_the_year_2000_becomes_the_time_of_arrival(stamp: str, flag: str | None) -> None:
    found = place(stamp, None, NOW)
    assert found.flag == flag
    assert found.occurred == (NOW if flag else EARLIEST)


@pytest.mark.parametrize("absent", [None, ""])
def test_an_absent_time_is_the_time_of_arrival_and_says_so(absent: Any) -> None:
    assert place(absent, 5, NOW) == Times(NOW, None, 5, "absent")


@pytest.mark.parametrize("text", ["yesterday", "31.12.2025", "2026-13-01", {"a": 1}, [], True, "x" * 500])
def test_an_unreadable_time_is_kept_beside_the_time_of_arrival(text: Any) -> None:
    found = place(text, None, NOW)
    assert found.occurred == NOW and found.original is None
    assert found.flag == f"unreadable: {str(text)[:80]}"


READABLE = {
    "2026-11-20T09:00:00.123Z": (2026, 11, 20, 9, 0, 0, 123_000),
    "2026-11-20T09:00:00.123456789Z": (2026, 11, 20, 9, 0, 0, 123_456),
    "2026-11-20T17:00:00+08:00": (2026, 11, 20, 9),
    "2026-11-20T17:00:00+0800": (2026, 11, 20, 9),
    "2026-11-20 09:00:00": (2026, 11, 20, 9),
    "2026-11-20": (2026, 11, 20),
    "20261120": (2026, 11, 20),
    "20261120T090000Z": (2026, 11, 20, 9),
    "2026-11-20T24:00:00Z": (2026, 11, 21),
    "2016-12-31T23:59:60Z": (2017, 1, 1),
    " 2026-11-20T09:00:00Z ": (2026, 11, 20, 9),
    1_795_165_200: (2026, 11, 20, 9),
    1_795_165_200_123: (2026, 11, 20, 9, 0, 0, 123_000),
    "1795165200": (2026, 11, 20, 9),
    "1795165200123": (2026, 11, 20, 9, 0, 0, 123_000),
    1_795_165_200.5: (2026, 11, 20, 9, 0, 0, 500_000),
}


@pytest.mark.parametrize("value", READABLE, ids=str)
def test_times_are_read_as_senders_write_them(value: Any) -> None:
    assert moment(value) == micros(dt.datetime(*READABLE[value], tzinfo=dt.UTC))  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    "value", [10**30, -(10**30), float("1e300"), "9" * 40, "-", "T", "24:00", "2026-11-20T25:00"]
)
def test_numbers_and_texts_beyond_any_calendar_are_unreadable(value: Any) -> None:
    assert moment(value) is None


def test_the_unit_is_the_microsecond() -> None:
    assert moment("1970-01-01T00:00:01Z") == SECOND
