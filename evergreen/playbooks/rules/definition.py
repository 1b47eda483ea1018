"""What a version of a playbook is: triggers, who may enter, steps, when a run ends early. Frozen; no Django, no clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from evergreen.base.conditions import AnyOf, Condition, Op, Test

# An answer to a form is heard as this event with the form behind it: survey.answered:nps.
FORM = "survey.answered"
TRIGGERS = ("alert", "lifecycle", "stage", "segment", "event", "form", "schedule", "by_hand")
# Dates a lifecycle day may count from; ``renewal_on`` is the newest snapshot's, the others are the account's own.
LIFECYCLE_DATES = ("signed_on", "kickoff_on", "live_on", "first_value_on", "stage_since", "renewal_on")
REENTRY = ("never", "after_days", "each_time")
PER = ("account", "occasion")
FLOW_KINDS = ("wait", "wait_until", "working_hours", "answer", "branch", "split", "end")
# A strategic account and one in trouble are helped, not compared.
NEVER_COMPARED = {"tier": "strategic", "health_band": "red"}
PROTECTED = AnyOf(tuple(Test(field, Op.IS, (value,)) for field, value in NEVER_COMPARED.items()))
SPANS = ("minutes", "hours", "days", "working_days")
EVERY = ("day", "week", "month", "quarter")


@dataclass(frozen=True, slots=True)
class Trigger:
    """What lets an account enter. Which of the fields count depends on ``kind``; empty ``names`` of an alert mean any rule.

    alert: ``names`` are rule keys; lifecycle: ``day`` days after ``counts_from`` (negative: before); stage: ``names`` are
    stages; segment: its key; event, form: the event's name; schedule: ``every`` and ``on`` (weekday 1-7, day of the month).
    """

    kind: str
    names: tuple[str, ...] = ()
    day: int = 0
    counts_from: str = ""
    every: str = ""
    on: int = 1


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: so many ``unit``; of days, ``at`` is the wall time at which they end."""

    unit: str
    count: int
    at: dt.time | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """A step that does something: what, is its kind's own matter (``playbooks.kinds``)."""

    key: str
    kind: str
    settings: Mapping[str, Any]
    next: str
    max_lateness_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for a time, counted from the moment the step is reached."""

    key: str
    span: Span
    next: str
    kind: Literal["wait"] = "wait"


@dataclass(frozen=True, slots=True)
class Until:
    """Wait until a condition holds, or an event happened after the step was reached; else go on after the timeout."""

    key: str
    condition: Condition | None
    event: str
    timeout: Span
    next: str
    on_timeout: str
    kind: Literal["wait_until"] = "wait_until"


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """Wait until the vendor's working hours."""

    key: str
    next: str
    kind: Literal["working_hours"] = "working_hours"


@dataclass(frozen=True, slots=True)
class Branch:
    """Take the first way whose condition holds, else ``otherwise``."""

    key: str
    ways: tuple[tuple[Condition, str], ...]
    otherwise: str
    kind: Literal["branch"] = "branch"


@dataclass(frozen=True, slots=True)
class Answer:
    """Wait until the task of step ``of`` is done, and take the way of the answer that was given with it: ``ways`` are
    (answer, step). Another answer, none, or no task leads ``otherwise``; the time being up, ``on_timeout``."""

    key: str
    of: str
    ways: tuple[tuple[str, str], ...]
    timeout: Span
    otherwise: str
    on_timeout: str
    kind: Literal["answer"] = "answer"


@dataclass(frozen=True, slots=True)
class Split:
    """Send a share of the accounts each way, by a stable hash of the account. ``arms`` are (share, step), the first is what the others
    are compared with. ``spared``: where accounts that are strategic or in the red go, who then take no part; '' where all do."""

    key: str
    arms: tuple[tuple[int, str], ...]
    spared: str = ""
    kind: Literal["split"] = "split"


@dataclass(frozen=True, slots=True)
class End:
    """The run is done."""

    key: str
    kind: Literal["end"] = "end"


Step = Act | Wait | Until | WorkingHours | Answer | Branch | Split | End


@dataclass(frozen=True, slots=True)
class Exit:
    """When a run is left early: a condition holds, or its alert is closed."""

    condition: Condition | None = None
    alert_closed: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """A version whole. Steps run in order unless they name the next one; the first is where a run begins. ``holdout``: percent of the
    accounts that are kept out, so that what the playbook brings can be told."""

    triggers: tuple[Trigger, ...]
    steps: tuple[Step, ...]
    entry: Condition | None = None
    reentry: str = "never"
    reentry_days: int = 0
    per: str = "account"
    holdout: int = 0
    exits: tuple[Exit, ...] = ()
    goal: Condition | None = None
    quiet_from: dt.time | None = None
    quiet_to: dt.time | None = None
    zone: str = ""
    _by_key: dict[str, Step] = field(default_factory=dict, repr=False, compare=False)

    def step(self, key: str) -> Step | None:
        """The step of a key, None where this version has none."""
        if not self._by_key:
            self._by_key.update({one.key: one for one in self.steps})
        return self._by_key.get(key)


def targets(step: Step) -> tuple[str, ...]:
    """The steps that a step may lead to."""
    match step:
        case Branch(ways=ways, otherwise=otherwise):
            return (*(to for _condition, to in ways), otherwise)
        case Split(arms=arms, spared=spared):
            return (*(to for _share, to in arms), *([spared] if spared else []))
        case Answer(ways=answers, otherwise=otherwise, on_timeout=late):
            return (*(to for _answer, to in answers), otherwise, late)
        case Until(next=next, on_timeout=late):
            return (next, late)
        case End():
            return ()
    return (step.next,)


def conditions(of: Definition) -> Iterator[Condition]:
    """Every condition of a version."""
    yield from (one for one in (of.entry, of.goal, *(rule.condition for rule in of.exits)) if one is not None)
    for step in of.steps:
        if isinstance(step, Branch):
            yield from (condition for condition, _to in step.ways)
        elif isinstance(step, Until) and step.condition is not None:
            yield step.condition
        elif isinstance(step, Split) and step.spared:
            yield PROTECTED


def from_here(of: Definition, key: str) -> dict[str, Step]:
    """A step and every step that may follow it, by key: what is done to whoever comes to it. Empty where there is no such step."""
    found: dict[str, Step] = {}
    waiting = [key]
    while waiting:
        step = of.step(waiting.pop())
        if step is not None and step.key not in found:
            found[step.key] = step
            waiting.extend(targets(step))
    return found


def asked(of: Definition) -> frozenset[str]:
    """The steps whose tasks' answers some step waits for."""
    return frozenset(step.of for step in of.steps if isinstance(step, Answer))


def events(of: Definition) -> frozenset[str]:
    """The events that a version listens to, of triggers and of waits."""
    waited = {step.event for step in of.steps if isinstance(step, Until) and step.event}
    started = {name for one in of.triggers if one.kind in {"event", "form"} for name in one.names}
    return frozenset(waited | started)
