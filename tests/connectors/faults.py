"""The faults of IMP-01, one table for every kind of connector, and how a connection lives through one.

A fault bends the fake (or this side) while a run is under way; then all is quiet, and the mirror must be the source's truth.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from evergreen.base import clock, jobs, outbound
from evergreen.base.models import Job
from evergreen.events import jobs as _registered  # noqa: F401
from evergreen.events.connections import actions, running
from evergreen.events.connections.models import Connection, ConnectionRun
from evergreen.events.connections.spool import Spool
from evergreen.events.sources import wire
from tests.connectors import fake
from tests.connectors.mirror import changed, differences
from tests.connectors.systems import System

_ROUNDS = 12
# Longer than any job's heartbeat may be old, and than any pause of a run.
_LATER = dt.timedelta(hours=2)
_BIG = 10_000_000


# Replaces an attribute for as long as the fault lasts.
Patch = Callable[[Any, str, Any], None]


class Killed(BaseException):
    """In the place of SIGKILL: nothing of ours catches it."""


@dataclass
class Stage:
    """A source, the connection to it, and what a fault may set."""

    source: System
    connection: Connection
    now: dt.datetime
    patch: Patch
    between: list[Callable[[], Any]] = field(default_factory=list)  # after the first run
    at_end: list[Callable[[], Any]] = field(default_factory=list)  # before the quiet
    is_read_anew: bool = False
    # Does a claimed job; raises Killed where its worker died.
    do: Callable[[Job, dt.datetime], None] = lambda job, now: jobs.run_job(job, now=now)

    def __post_init__(self) -> None:
        self.right = self.now

    def live(self) -> list[str]:
        """Run with the fault, then in quiet; every way in which the product broke its promise."""
        source, said = self.source, []
        self._until_over()
        for turn in self.between:
            turn()
            self._until_over()
        source.script.clear()
        source.before_each = lambda number: None
        for turn in self.at_end:
            turn()
        if self.is_read_anew:
            # Events are exported day by day; records from their very beginning.
            days = 6 if "events" in source.truth() else 9_000
            self._until_over(since=self.now - dt.timedelta(days=days))
        quiet = self._until_over()
        if quiet.state != ConnectionRun.State.DONE:
            return [f"in quiet the run is {quiet.state}: {quiet.error}"]
        said += differences(source, self.connection)
        # A run in quiet that already changed nothing is that run without changes.
        again = self._until_over() if changed(quiet) else quiet
        if changed(again):
            said.append(f"a run without changes changed {changed(again)} rows: {again.streams}")
        if source.too_early > 1:
            said.append(f"{source.too_early} requests came while the source asked to be left alone")
        if source.worst > 1:
            said.append(f"{source.worst} requests went over the limit in one window")
        return said

    def _until_over(self, since: dt.datetime | None = None) -> ConnectionRun:
        """A run from its start to its end, over as many jobs as it takes."""
        self.connection.refresh_from_db()
        # A run given up after its worker died too often: the clock has begun the next one, which has to end first.
        for begun in self.connection.runs.filter(state__in=ConnectionRun.OPEN):
            self._followed(begun)
        self.source.begin()
        why = ConnectionRun.Why.HISTORY if since else ConnectionRun.Why.PERSON
        return self._followed(actions.start_run(self.connection, why=why, since=since, by=None, now=self.now))

    def _followed(self, run: ConnectionRun) -> ConnectionRun:
        """A run to its end."""
        at = self.now
        for _round in range(_ROUNDS):
            job = jobs.claim_job("tried", now=at)
            if job is None:
                # Its worker died too often: the clock settles the run, and the next one begins. By the story's time: heartbeats
                # are of this machine's, on which the source's days may be long over.
                actions.start_due(now=self.now + _LATER)
                run.refresh_from_db()
                assert not run.is_open, f"nothing to do for a run that is {run.state}"
                return run
            try:
                self.do(job, at)
            except Killed:
                # Nobody takes its job up before it has been silent for long.
                self.source.now += _LATER.total_seconds()
                self.source.begin()
                at = max(at, clock.utc_now()) + _LATER
                continue
            run.refresh_from_db()
            if not run.is_open:
                return run
            self.source.now += 4_000.0
            at = run.wake_at or at
            actions.start_due(now=at)
        raise AssertionError(f"the run does not end: {run.state} {run.error}")


Fault = Callable[[Stage], None]


def scripted(*faults: str, places: tuple[int, ...] = (2, 4)) -> Fault:
    """Requests at those places fail so, one kind after another."""

    def bend(stage: Stage) -> None:
        stage.source.script = {place: faults[n % len(faults)] for n, place in enumerate(places)}

    return bend


def during(number: int, does: Callable[[Stage], Any]) -> Fault:
    """Something happens at the source while a request is on its way."""

    def bend(stage: Stage) -> None:
        def at(count: int) -> None:
            if count == number:
                does(stage)

        stage.source.before_each = at

    return bend


def changing(stage: Stage) -> None:
    def at(count: int) -> None:
        if count in {2, 3, 5}:
            stage.source.touch()

    stage.source.before_each = at


def skewed(hours: int) -> Fault:
    """This machine's clock is wrong by so much, and right in the end."""

    def bend(stage: Stage) -> None:
        def wrong() -> None:
            stage.now += dt.timedelta(hours=hours)
            stage.source.touch()

        stage.between.append(wrong)
        stage.at_end.append(lambda: setattr(stage, "now", stage.right))

    return bend


def big(stage: Stage) -> None:
    """A field of 10 MB, which nothing maps, comes and goes."""

    def grow() -> None:
        objects, _name = stage.source.named()
        objects[1]["blob"] = "x" * _BIG
        stage.source.stamp(objects[1])

    def shrink() -> None:
        stage.source.named()[0][1].pop("blob", None)

    stage.between.append(grow)
    stage.at_end.append(shrink)


def renamed(stage: Stage) -> None:
    """A field has another name for a while; what it held is read again when a person says so."""
    objects, name = stage.source.named()
    held = [(one, one.pop(name)) for one in objects if name in one]

    def back() -> None:
        for one, value in held:
            one[name] = value

    stage.at_end.append(back)
    stage.is_read_anew = True


def retyped(stage: Stage) -> None:
    """A text becomes a number."""

    def number() -> None:
        objects, name = stage.source.named()
        objects[1][name] = 12_345
        stage.source.stamp(objects[1])

    stage.between.append(number)


def killed(at: int, where: Any = Spool, what: str = "keep") -> Fault:
    """The worker dies at the n-th call of one of its functions."""

    def bend(stage: Stage) -> None:
        real, count = getattr(where, what), [0]

        def dies(*given: Any, **named: Any) -> Any:
            count[0] += 1
            if count[0] == at:
                raise Killed
            return real(*given, **named)

        stage.patch(where, what, dies)

    return bend


def slow(stage: Stage) -> None:
    limits = outbound.Limits(most_bytes=wire.LIMITS.most_bytes, most_seconds=fake.SLOW_SECONDS / 2)
    stage.patch(wire, "LIMITS", limits)
    scripted(fake.SLOW, places=(3,))(stage)
    stage.at_end.append(
        lambda: stage.patch(wire, "LIMITS", outbound.Limits(most_bytes=wire.LIMITS.most_bytes))
    )


def limited(stage: Stage) -> None:
    stage.source.limit = (5, 30.0)


def both(*faults: Fault) -> Fault:
    def bend(stage: Stage) -> None:
        for fault in faults:
            fault(stage)

    return bend


FAULTS: dict[str, Fault] = {
    "too many requests": scripted(
        fake.THROTTLE,
        fake.THROTTLE_DATED,
        fake.THROTTLE_DATELESS,
        fake.THROTTLE_DATELESS,
        places=(2, 4, 6, 7),
    ),
    "a tight rate limit": limited,
    "500 in the middle": scripted(fake.FAIL, places=(2, 3, 5)),
    "the connection is cut": scripted(fake.CUT, fake.HALF, places=(1, 3, 4, 6)),
    "a body of another length, and one that is no JSON": scripted(fake.SHORT, fake.NO_JSON, places=(2, 5)),
    "a slow answer": slow,
    "an empty page with a cursor": scripted(fake.EMPTY, places=(2, 4)),
    "a page comes twice": scripted(fake.STALE, places=(2, 4, 6)),
    "a cursor expires": during(3, lambda stage: stage.source.lose_cursors()),
    "a cursor expires between two runs": lambda stage: stage.between.append(stage.source.lose_cursors),
    "the token runs out": scripted(fake.EXPIRE, places=(2, 5)),
    "401 in the middle, 403 for one object": scripted(fake.REFUSE, fake.FORBID, places=(2, 5)),
    "a redirect to another host": scripted(fake.LEAD_ON, places=(3,)),
    "rows change while pages are read": changing,
    "deleted while pages are read": during(3, lambda stage: stage.source.remove()),
    "deleted upstream": lambda stage: stage.between.append(stage.source.remove),
    "our clock is behind, then ahead": both(skewed(-2), skewed(4)),
    "a field of 10 MB": big,
    "a renamed field, and a text that becomes a number": both(retyped, renamed),
    "killed while reading, and between loading and noting": both(killed(3), killed(1, running, "_note")),
}
