"""Paths against a walk through each session."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from functools import cache
from itertools import groupby, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.events.sessions import moments
from evergreen.metrics.analytics import paths
from tests.metrics.analytics.histories import EVENTS, Happened, are_moments, histories, rows_of, sql_of

NODES = {"a": 0, "b": 1, "c": 2}
START = dt.datetime(2026, 3, 2, 1, 0)


def noded() -> Any:
    rows: Any = moments(EVENTS)
    node = (rows.name == "b").cast("int32") + (rows.name == "c").cast("int32") * 2
    subject = rows.account_id.cast("string") + "|" + rows.source + "|" + rows.end_user
    return rows.mutate(subject=subject, node=node)


@cache
def query(levels: int, direction: str) -> str:
    ways: Any = paths.ways(paths.turns(noded()), levels, direction)
    return sql_of(ways.select("subject", "node", *(f"node_{n}" for n in range(1, levels + 1))))


TRANSITIONS = sql_of(paths.transitions(noded()))


def runs(happened: list[Happened]) -> list[tuple[str, list[int]]]:
    """Each session of each end user as the places of its names, in order of time and, at one instant, of place."""
    found = []
    mine = sorted(
        are_moments(happened), key=lambda one: (one.account, one.source, one.user, one.at, NODES[one.name])
    )
    for (account, source, user), group in groupby(mine, key=lambda one: one.person):
        session: list[Happened] = []
        for one in group:
            if session and one.at - session[-1].at > dt.timedelta(minutes=30):
                found.append((f"{account}|{source}|{user}", [NODES[each.name] for each in session]))
                session = []
            session.append(one)
        found.append((f"{account}|{source}|{user}", [NODES[each.name] for each in session]))
    return found


def walked(happened: list[Happened], levels: int, direction: str) -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for who, nodes in runs(happened):
        turns = [node for node, _ in groupby(nodes)]
        turns = turns if direction == "after" else turns[::-1]
        for at, node in enumerate(turns):
            ahead = turns[at + 1 : at + 1 + levels]
            found[who, node, *ahead, *[paths.EDGE] * (levels - len(ahead))] += 1
    return found


@settings(max_examples=30)
@given(histories(days=2, most=20), st.sampled_from([1, 3]), st.sampled_from(["after", "before"]))
def test_paths_are_what_a_walk_through_the_sessions_finds(
    happened: list[Happened], levels: int, direction: str
) -> None:
    found = Counter(tuple(row.values()) for row in rows_of(query(levels, direction), happened))
    assert found == walked(happened, levels, direction)


@settings(max_examples=20)
@given(histories(days=2, most=20))
def test_transitions_count_each_next_event_of_a_session(happened: list[Happened]) -> None:
    found = {(row["node"], row["next"]): row["times"] for row in rows_of(TRANSITIONS, happened)}
    assert found == Counter(pair for _, nodes in runs(happened) for pair in pairwise(nodes))


@pytest.mark.parametrize(
    ("pause", "follows"),
    [(dt.timedelta(minutes=30), 1), (dt.timedelta(minutes=30, microseconds=1), paths.EDGE)],
)
def test_what_comes_after_more_than_thirty_minutes_follows_nothing(pause: dt.timedelta, follows: int) -> None:
    happened = [Happened(1, "app", "u", START, "a"), Happened(1, "app", "u", START + pause, "b")]
    found = {row["node"]: row["node_1"] for row in rows_of(query(1, "after"), happened)}
    assert found == {0: follows, 1: paths.EDGE}
    back = {row["node"]: row["node_1"] for row in rows_of(query(1, "before"), happened)}
    assert back == {0: paths.EDGE, 1: 0 if follows == 1 else paths.EDGE}


def test_repeats_in_a_row_are_one_step() -> None:
    happened = [
        Happened(1, "app", "u", START + dt.timedelta(minutes=n), name) for n, name in enumerate("aaabba")
    ]
    found = [tuple(row.values())[1:] for row in rows_of(query(3, "after"), happened)]
    assert sorted(found) == [(0, -2, -2, -2), (0, 1, 0, -2), (1, 0, -2, -2)]
