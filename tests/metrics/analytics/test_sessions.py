"""Sessions against a walk through each end user's events."""

from __future__ import annotations

import datetime as dt
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings

from evergreen.events.sessions import PERSON, in_sessions, moments, online
from tests.metrics.analytics.histories import EVENTS, Happened, are_moments, histories, rows_of, sql_of

GAP = dt.timedelta(minutes=30)
COLUMNS = (*PERSON, "occurred_at", "tenant", "starts")


def starts_sql(gap_minutes: int = 30) -> str:
    told: Any = in_sessions(moments(EVENTS), gap_minutes, then=("tenant",))
    return sql_of(told.select(*COLUMNS))


STARTS = starts_sql()
ONLINE = sql_of(online(moments(EVENTS)).order_by("account_id", "tenant", "day"))
START = dt.datetime(2026, 3, 2, 1, 0)


def in_turn(happened: list[Happened]) -> list[list[Happened]]:
    """The moments of each end user, in the order in which they happened."""
    mine = sorted(
        are_moments(happened), key=lambda one: (one.account, one.source, one.user, one.at, one.tenant)
    )
    return [list(group) for _person, group in groupby(mine, key=lambda one: one.person)]


def sessions_found(happened: list[Happened], sql: str = STARTS) -> int:
    return sum(row["starts"] for row in rows_of(sql, happened))


@settings(max_examples=30)
@given(histories(days=2, most=20))
def test_sessions_begin_where_a_walk_through_the_events_says(happened: list[Happened]) -> None:
    walked = []
    for theirs in in_turn(happened):
        before: Happened | None = None
        for one in theirs:
            walked.append((*one.person, one.at, one.tenant, before is None or one.at - before.at > GAP))
            before = one
    found = [tuple(row[name] for name in COLUMNS) for row in rows_of(STARTS, happened)]
    assert sorted(found) == sorted(walked)


@settings(max_examples=30)
@given(histories(days=2, most=20))
def test_time_online_is_the_sum_of_the_pauses_within_a_days_sessions(happened: list[Happened]) -> None:
    walked: dict[tuple[Any, ...], list[float]] = {}
    for theirs in in_turn(happened):
        before: Happened | None = None
        for one in theirs:
            counted = walked.setdefault((one.account, one.tenant, one.day), [0, 0.0])
            if before is None or before.day != one.day or one.at - before.at > GAP:
                counted[0] += 1
            else:
                counted[1] += (one.at - before.at) / dt.timedelta(seconds=1)
            before = one
    found = {
        (row["account_id"], row["tenant"], row["day"]): [
            row["sessions"],
            pytest.approx(row["online_seconds"]),
        ]
        for row in rows_of(ONLINE, happened)
    }
    assert found == walked


@pytest.mark.parametrize(
    ("pause", "sessions"),
    [(dt.timedelta(minutes=30), 1), (dt.timedelta(minutes=30, microseconds=1), 2), (dt.timedelta(), 1)],
)
def test_a_pause_of_exactly_thirty_minutes_is_one_session(pause: dt.timedelta, sessions: int) -> None:
    happened = [Happened(1, "app", "u", START, "a"), Happened(1, "app", "u", START + pause, "b")]
    assert sessions_found(happened) == sessions


def test_the_gap_may_be_another_and_a_session_goes_on_over_midnight() -> None:
    late = dt.datetime(2026, 3, 2, 15, 50)  # 23:50 in Shanghai
    happened = [Happened(1, "app", "u", late + dt.timedelta(minutes=20 * n), "a") for n in range(3)]
    assert sessions_found(happened) == 1
    assert sessions_found(happened, starts_sql(19)) == 3
