"""More than can be done in time: a share is told to come again, one long moment refuses nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from evergreen.base.env import Home
from evergreen.events import journal
from evergreen.events.ingest import Ingest
from evergreen.events.ingest.pressure import Pressure, shares
from tests.events.asking import ask


class Loop:
    """A loop whose time is told to it, and which turns when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self._next: tuple[float, Callable[..., None], Any] | None = None

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[..., None], *told: Any) -> None:
        self._next = (when, call, told)

    def turn(self, late: float) -> None:
        """The next look comes so many seconds after it was due."""
        assert self._next is not None
        when, call, told = self._next
        self.now = when + late
        call(*told)


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    made = Loop()
    monkeypatch.setattr("evergreen.events.ingest.pressure.asyncio.get_running_loop", lambda: made)
    return made


def refused(pressure: Pressure, requests: int = 1_000) -> float:
    """The share of so many requests that are one too many."""
    return sum(pressure.is_too_much("web", 200) for _ in range(requests)) / requests


def test_while_the_loop_keeps_up_nobody_is_refused(loop: Loop) -> None:
    pressure = Pressure()
    for _ in range(200):
        assert refused(pressure, 10) == 0
        loop.turn(0.02)


@pytest.mark.parametrize("moment", [0.2, 8.0])
def test_one_long_moment_refuses_nobody(loop: Loop, moment: float) -> None:
    pressure = Pressure()
    for late in [0.0] * 10 + [moment] + [0.0] * 50:
        assert refused(pressure, 20) == 0
        loop.turn(late)


def test_the_later_the_loop_the_more_are_refused(loop: Loop) -> None:
    pressure, shares = Pressure(), []
    for late in (0.1, 0.25, 2.0):
        for _ in range(60):
            refused(pressure, 1)
            loop.turn(late)
        shares.append(refused(pressure))
    assert 0.05 < shares[0] < 0.15 < 0.4 < shares[1] < 0.6
    assert shares[2] == 0.75
    for _ in range(200):
        refused(pressure, 1)
        loop.turn(0.0)
    assert refused(pressure) == 0


def test_a_few_requests_are_never_too_many(loop: Loop) -> None:
    pressure = Pressure()
    for _ in range(100):
        assert not pressure.is_too_much("web", 20)
        loop.turn(1.0)
    assert refused(pressure) > 0


def test_whoever_sends_little_is_not_refused_for_those_who_send_much(loop: Loop) -> None:
    pressure = Pressure()
    refusals = {"loud": 0, "still": 0}
    for turn in range(200):
        for source, requests in (("loud", 50), ("still", 1)):
            refusals[source] += sum(pressure.is_too_much(source, 200) for _ in range(requests))
        loop.turn(1.0 if turn else 0.0)
    assert refusals["still"] == 0
    assert 0.7 < refusals["loud"] / (200 * 50) < 0.8


@pytest.mark.parametrize(
    ("counts", "share", "wanted"),
    [
        ({"a": 100.0}, 0.5, {"a": 0.5}),
        ({"a": 100.0, "b": 100.0}, 0.25, {"a": 0.25, "b": 0.25}),
        ({"a": 80.0, "b": 10.0, "c": 10.0}, 0.4, {"a": 0.5}),
        ({"a": 60.0, "b": 30.0, "c": 10.0}, 0.5, {"a": 1 - 20 / 60, "b": 1 - 20 / 30}),
        ({"a": 1.0}, 0.0, {}),
        ({}, 0.5, {}),
    ],
)
def test_what_is_refused_is_taken_from_those_who_send_most(
    counts: dict[str, float], share: float, wanted: dict[str, float]
) -> None:
    found = shares(counts, share)
    assert found == pytest.approx(wanted)
    assert sum(counts[name] * part for name, part in found.items()) == pytest.approx(
        share * sum(counts.values())
    )


def test_a_request_too_many_is_answered_503_and_nothing_of_it_is_stored(
    place: Home, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        ingest._pressure, "is_too_much", lambda source, under_way: (source, under_way) == ("web", 1)
    )
    body = {"batch": [{"type": "track", "event": "a", "userId": "u"}]}
    for path, told in (("/v1/batch", "message"), ("/track", "error"), ("/batch/", "detail")):
        answer = ask(ingest, path, body)
        assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1
        assert "send again" in json.loads(answer.body)[told]
        assert answer.unread == 0
    assert ask(ingest, "/healthz", method="GET").status == 200
    assert journal.segments(place) == []


def test_a_quiet_process_does_not_look_at_its_clock(loop: Loop) -> None:
    pressure = Pressure()
    pressure.is_too_much("web", 200)
    for _ in range(41):
        loop.turn(0.0)
    pending = loop._next
    loop._next = None
    assert pending is not None and pressure._loop is None
    assert not pressure.is_too_much("web", 200) and loop._next is not None
