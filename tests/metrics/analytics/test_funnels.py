"""Funnels against every chain of events that could be one."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.events.sessions import moments
from evergreen.metrics.analytics import funnels
from tests.metrics.analytics.histories import EVENTS, FIRST, Happened, are_moments, histories, rows_of, sql_of

STEPS = (("a",), ("b", "c"), ("c",))
APART = (("a",), ("b",), ("c",))
SINCE, UNTIL = FIRST, FIRST + dt.timedelta(days=1)
START = dt.datetime(2026, 3, 2, 1, 0)


@cache
def query(steps: tuple[tuple[str, ...], ...], minutes: int) -> str:
    rows: Any = moments(EVENTS)
    rows = rows.mutate(subject=rows.account_id.cast("string") + "|" + rows.source + "|" + rows.end_user)
    fits = [rows.name.isin(list(names)) for names in steps]
    overlap = sum(len(names) for names in steps) > len({name for names in steps for name in names})
    walked = funnels.step_rows(rows, fits, overlap=overlap)
    return sql_of(funnels.reached(walked, len(steps), minutes, SINCE, UNTIL))


def chains(mine: list[Happened], steps: tuple[tuple[str, ...], ...], within: dt.timedelta) -> dict[int, int]:
    """Step → the least time in microseconds of all chains that reach it, tried one by one."""
    fitting = {id(one): [n for n, names in enumerate(steps) if one.name in names] for one in mine}
    found: dict[int, int] = {}

    def follows(before: Happened, after: Happened) -> bool:
        if before.at == after.at:
            # A moment that fits several steps comes last of its instant.
            return before is not after and len(fitting[id(before)]) == 1
        return before.at < after.at

    def go(chain: list[Happened]) -> None:
        step = len(chain) - 1
        took = (chain[-1].at - chain[0].at) // dt.timedelta(microseconds=1)
        found[step] = min(found.get(step, took), took)
        if len(chain) == len(steps):
            return
        for one in mine:
            if len(chain) in fitting[id(one)] and follows(chain[-1], one) and one.at - chain[0].at <= within:
                go([*chain, one])

    for one in mine:
        if 0 in fitting[id(one)] and SINCE <= one.day <= UNTIL:
            go([one])
    return found


def expected(
    happened: list[Happened], steps: tuple[tuple[str, ...], ...], within: dt.timedelta
) -> dict[str, dict[int, int]]:
    people: dict[str, list[Happened]] = {}
    for one in are_moments(happened):
        people.setdefault(f"{one.account}|{one.source}|{one.user}", []).append(one)
    found = {who: chains(mine, steps, within) for who, mine in people.items()}
    return {who: steps_ for who, steps_ in found.items() if steps_}


def told(
    happened: list[Happened], steps: tuple[tuple[str, ...], ...], minutes: int
) -> dict[str, dict[int, int]]:
    return {
        row["subject"]: {
            step: row[f"took_{step}"] for step in range(len(steps)) if row[f"took_{step}"] is not None
        }
        for row in rows_of(query(steps, minutes), happened)
    }


@settings(max_examples=40)
@given(
    histories(days=4, most=12),
    st.sampled_from([STEPS, APART, (("a",), ("a",))]),
    st.sampled_from([30, 600, 1440]),
)
def test_a_funnel_finds_the_quickest_of_all_chains(
    happened: list[Happened], steps: tuple[tuple[str, ...], ...], minutes: int
) -> None:
    assert told(happened, steps, minutes) == expected(happened, steps, dt.timedelta(minutes=minutes))


def one(minutes: float, name: str) -> Happened:
    return Happened(1, "app", "u", START + dt.timedelta(minutes=minutes), name)


@pytest.mark.parametrize(
    ("happened", "deepest"),
    [
        ([one(0, "a"), one(1, "b"), one(2, "c")], 2),
        ([one(0, "b"), one(1, "a"), one(2, "c")], 0),  # the order counts
        ([one(0, "a"), one(10, "b"), one(30, "c")], 2),  # exactly the window
        ([one(0, "a"), one(10, "b"), one(30.001, "c")], 1),
        ([one(0, "a"), one(40, "b"), one(41, "a"), one(42, "b"), one(43, "c")], 2),  # begun anew, in time
        ([one(0, "a"), one(20, "a"), one(25, "b"), one(45, "c")], 2),  # the later beginning leaves more time
        ([one(0, "c"), one(0, "b"), one(0, "a")], 2),  # within one instant any order counts
    ],
)
def test_order_window_and_beginning_anew(happened: list[Happened], deepest: int) -> None:
    (steps,) = told(happened, APART, 30).values()
    assert max(steps) == deepest


def test_one_event_fills_one_step_only() -> None:
    twice = (("a",), ("a",))
    assert max(told([one(0, "a")], twice, 30)["1|app|u"]) == 0
    assert max(told([one(0, "a"), one(1, "a")], twice, 30)["1|app|u"]) == 1


def test_the_first_step_lies_in_the_range_and_later_ones_may_lie_behind_it() -> None:
    midnight = dt.datetime(2026, 3, 3, 16, 0)  # the end of the range in Shanghai
    before, after = midnight - dt.timedelta(minutes=1), midnight + dt.timedelta(minutes=1)
    inside = [Happened(1, "app", "u", before, "a"), Happened(1, "app", "u", after, "b")]
    outside = [Happened(1, "app", "u", midnight, "a"), Happened(1, "app", "u", after, "b")]
    assert told(inside, APART, 30) == {"1|app|u": {0: 0, 1: 120_000_000}}
    assert told(outside, APART, 30) == {}
