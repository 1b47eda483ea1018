"""Sessions against a walk through each end user's events."""

from __future__ import annotations

import datetime as dt
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings

from evergreen.metrics.analytics.sessions import sessions
from tests.metrics.analytics.histories import EVENTS, Happened, are_moments, histories, rows_of, sql_of

GAP = dt.timedelta(minutes=30)
SESSIONS = sql_of(sessions(EVENTS).order_by("account_id", "source", "end_user", "number"))
START = dt.datetime(2026, 3, 2, 1, 0)


def walked(happened: list[Happened], gap: dt.timedelta = GAP) -> list[dict[str, Any]]:
    found = []
    mine = sorted(
        are_moments(happened), key=lambda one: (one.account, one.source, one.user, one.at, one.tenant)
    )
    for (account, source, user), group in groupby(mine, key=lambda one: one.person):
        runs: list[list[Happened]] = []
        for one in group:
            if runs and one.at - runs[-1][-1].at <= gap:
                runs[-1].append(one)
            else:
                runs.append([one])
        for number, run in enumerate(runs, 1):
            found.append(
                {
                    "account_id": account, "source": source, "end_user": user, "number": number, "tenant": run[0].tenant,
                    "started_at": run[0].at, "ended_at": run[-1].at, "events": len(run), "day": run[0].day,
                    "seconds": (run[-1].at - run[0].at) / dt.timedelta(seconds=1),
                }
            )  # fmt: skip
    return found


@settings(max_examples=30)
@given(histories(days=2, most=20))
def test_sessions_are_what_a_walk_through_the_events_finds(happened: list[Happened]) -> None:
    found = rows_of(SESSIONS, happened)
    assert found == walked(happened)


@pytest.mark.parametrize(
    ("pause", "sessions_found"),
    [(dt.timedelta(minutes=30), 1), (dt.timedelta(minutes=30, microseconds=1), 2), (dt.timedelta(), 1)],
)
def test_a_pause_of_exactly_thirty_minutes_is_one_session(pause: dt.timedelta, sessions_found: int) -> None:
    happened = [Happened(1, "app", "u", START, "a"), Happened(1, "app", "u", START + pause, "b")]
    found = rows_of(SESSIONS, happened)
    assert len(found) == sessions_found
    assert sum(one["seconds"] for one in found) == (pause.total_seconds() if sessions_found == 1 else 0)


def test_the_gap_may_be_another_and_a_session_over_midnight_is_of_its_first_day() -> None:
    late = dt.datetime(2026, 3, 2, 15, 50)  # 23:50 in Shanghai
    happened = [Happened(1, "app", "u", late + dt.timedelta(minutes=20 * n), "a") for n in range(3)]
    (one,) = rows_of(SESSIONS, happened)
    assert (one["day"], one["events"], one["seconds"]) == (dt.date(2026, 3, 2), 3, 2400.0)
    assert len(rows_of(sql_of(sessions(EVENTS, gap_minutes=19)), happened)) == 3
