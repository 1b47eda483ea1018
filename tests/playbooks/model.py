"""What playbooks do, told a second time without a database, an engine or any of the product's code: the oracle.

It reads the same plain data that a file has, in the part of the language that ``journeys`` writes: conditions are
``tier = X`` alone, the wall clock is Shanghai's (eight hours ahead, no clock changes), working days are Monday to Friday.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_AHEAD = dt.timedelta(hours=8)
_DAY = dt.timedelta(days=1)
_SPEAKS = ("hello", "message")
_ACTS = ("task", *_SPEAKS, "set_field")


@dataclass
class Person:
    """An account of the model's world: its tier, and when it did what."""

    tier: str = ""
    did: list[tuple[str, dt.datetime]] = field(default_factory=list)


@dataclass
class Run:
    """A run as the model has it."""

    playbook: str
    account: int
    data: Mapping[str, Any]
    step: str
    due: dt.datetime
    began: dt.datetime
    visit: int = 1
    since: dt.datetime | None = None
    state: str = "waiting"
    reason: str = ""
    ended: dt.datetime | None = None
    trail: list[tuple[str, int, str]] = field(default_factory=list)
    effects: list[tuple[str, int, str]] = field(default_factory=list)


class Model:
    """Playbooks by key, each with the version that takes accounts in; people; every run there was."""

    def __init__(self) -> None:
        self.published: dict[str, Mapping[str, Any]] = {}
        self.paused: set[str] = set()
        self.people: dict[int, Person] = {}
        self.runs: list[Run] = []

    def enter(self, playbook: str, account: int, now: dt.datetime) -> bool:
        """Let an account in by hand; False when it may not come in."""
        data = self.published[playbook]
        mine = [run for run in self.runs if (run.playbook, run.account) == (playbook, account)]
        if any(run.ended is None for run in mine):
            return False
        if mine and data["reentry"] == "never":
            return False
        ended = [run.ended for run in mine if run.ended]
        if ended and data["reentry"] == "after_days" and now - max(ended) < data["reentry_days"] * _DAY:
            return False
        if sum(now - run.began < _DAY for run in mine) >= 10:
            return False
        if not self._holds(data.get("entry"), account, default=True):
            return False
        self.runs.append(Run(playbook, account, data, data["steps"][0]["key"], now, now))
        return True

    def stop(self, run: Run, now: dt.datetime) -> None:
        run.state, run.reason, run.ended = "left", "stopped", now

    def skip(self, run: Run, now: dt.datetime) -> None:
        """Leave out the step at which a run stands."""
        run.trail.append((run.step, run.visit, "skipped"))
        run.step, run.visit, run.since, run.due = self._after(run, self._step(run)), run.visit + 1, None, now

    def tick(self, now: dt.datetime) -> None:
        """Everything that is due, or that something which came true has woken."""
        for run in self.runs:
            if run.state != "waiting":
                continue
            if run.due > now and self._is_woken(run):
                run.due = now
            if run.due <= now and run.playbook not in self.paused:
                self._go(run, now)

    def _is_woken(self, run: Run) -> bool:
        if self._holds(run.data.get("goal"), run.account) or self._is_out(run):
            return True
        step = self._step(run)
        if step["kind"] != "wait_until" or run.since is None:
            return False
        heard = any(
            name == step.get("event") and at >= run.since for name, at in self.people[run.account].did
        )
        return heard or self._holds(step.get("condition"), run.account)

    def _is_out(self, run: Run) -> bool:
        return any(self._holds(rule["when"], run.account) for rule in run.data.get("exits", ()))

    def _go(self, run: Run, now: dt.datetime) -> None:
        while True:
            if self._holds(run.data.get("goal"), run.account):
                return self._end(run, "done", "goal", now)
            if self._is_out(run):
                return self._end(run, "left", "exit", now)
            step = self._step(run)
            if step["kind"] == "end":
                run.trail.append((run.step, run.visit, "end"))
                return self._end(run, "done", "end", now)
            if step["kind"] in _ACTS:
                is_late = step["kind"] in _SPEAKS and now - run.due > dt.timedelta(hours=24)
                quiet = self._quiet_ends(run, now) if step["kind"] in _SPEAKS and not is_late else None
                if quiet is not None:
                    run.due, run.since = quiet, None
                    return None
                if not is_late:
                    run.effects.append((run.step, run.visit, step["kind"]))
                    if step["kind"] == "set_field":
                        self.people[run.account].tier = step["value"]
                self._on(run, self._after(run, step), "late" if is_late else "done")
                continue
            found = self._decide(run, step, now)
            if found is None:
                return None
            self._on(run, *found)

    def _decide(self, run: Run, step: Mapping[str, Any], now: dt.datetime) -> tuple[str, str] | None:
        """Where to and why; None where the run stays, with when it wakes."""
        if step["kind"] == "branch":
            to = next(
                (way["to"] for way in step["ways"] if self._holds(way["when"], run.account)),
                step["otherwise"],
            )
            return to, f"to {to}"
        if step["kind"] == "split":
            to = _arm(run.playbook, step, run.account)
            return to, f"to {to}"
        since = run.since or now
        ends = (
            self._ends(step.get("timeout", step), since) if step["kind"] != "working_hours" else _opens(since)
        )
        if step["kind"] == "wait_until":
            did = self.people[run.account].did
            if self._holds(step.get("condition"), run.account) or any(
                name == step.get("event") and since <= at <= ends for name, at in did
            ):
                return self._after(run, step), "met"
            if ends <= now:
                return step.get("on_timeout") or self._after(run, step), "timed out"
        elif ends <= now:
            return self._after(run, step), "waited"
        run.since, run.due = since, ends
        return None

    def _on(self, run: Run, to: str, result: str) -> None:
        run.trail.append((run.step, run.visit, result))
        run.step, run.visit, run.since = to, run.visit + 1, None

    def _end(self, run: Run, state: str, reason: str, now: dt.datetime) -> None:
        run.state, run.reason, run.ended = state, reason, now

    def _step(self, run: Run) -> Mapping[str, Any]:
        found: Mapping[str, Any] = next(one for one in run.data["steps"] if one["key"] == run.step)
        return found

    def _after(self, run: Run, step: Mapping[str, Any]) -> str:
        if "next" in step:
            return str(step["next"])
        keys = [one["key"] for one in run.data["steps"]]
        return str(keys[keys.index(step["key"]) + 1])

    def _holds(self, condition: str | None, account: int, default: bool = False) -> bool:
        if not condition:
            return default
        assert condition.startswith("tier = ")
        return self.people[account].tier == condition.removeprefix("tier = ")

    def _ends(self, span: Mapping[str, Any], since: dt.datetime) -> dt.datetime:
        if "minutes" in span or "hours" in span:
            return since + dt.timedelta(minutes=span.get("minutes", 0), hours=span.get("hours", 0))
        wall = since + _AHEAD
        day = wall.date()
        if "days" in span:
            day += span["days"] * _DAY
        else:
            left = span["working_days"]
            if left == 0 and day.weekday() >= 5:
                left = 1
            while left:
                day += _DAY
                left -= day.weekday() < 5
        at = dt.time.fromisoformat(span["at"]) if "at" in span else wall.time()
        ends = dt.datetime.combine(day, at, dt.UTC) - _AHEAD
        while ends < since or ("working_days" in span and (ends + _AHEAD).weekday() >= 5):
            ends += _DAY
        return ends

    def _quiet_ends(self, run: Run, now: dt.datetime) -> dt.datetime | None:
        if "quiet_from" not in run.data:
            return None
        begins, ends = (dt.time.fromisoformat(run.data[key]) for key in ("quiet_from", "quiet_to"))
        wall = now + _AHEAD
        if not (wall.time() >= begins or wall.time() < ends):  # the tests' quiet hours lie over midnight
            return None
        day = wall.date() + (_DAY if wall.time() >= begins else dt.timedelta())
        return dt.datetime.combine(day, ends, dt.UTC) - _AHEAD


def _opens(since: dt.datetime) -> dt.datetime:
    wall = since + _AHEAD
    if wall.weekday() < 5 and wall.time() < dt.time(18):
        return max(since, dt.datetime.combine(wall.date(), dt.time(9), dt.UTC) - _AHEAD)
    day = wall.date() + _DAY
    while day.weekday() >= 5:
        day += _DAY
    return dt.datetime.combine(day, dt.time(9), dt.UTC) - _AHEAD


def _arm(playbook: str, step: Mapping[str, Any], account: int) -> str:
    """As docs/playbooks.md says: the first eight bytes of SHA-256 over playbook, step and account, as parts of 100."""
    digest = hashlib.sha256("\0".join((playbook, step["key"], str(account))).encode()).hexdigest()
    place = int(digest[:16], 16) / 2**64 * 100
    reached = 0
    for arm in step["arms"]:
        reached += arm["share"]
        if int(place) < reached:
            return str(arm["to"])
    return str(step["arms"][-1]["to"])
