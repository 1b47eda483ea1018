"""How far a run goes now: through its steps until one waits or the run ends. Pure: what is to be done comes back as a list."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evergreen.base.conditions import Condition, holds
from evergreen.base.wall import Calendar, out_of_quiet, working_from
from evergreen.playbooks.rules.definition import (
    PROTECTED,
    Act,
    Answer,
    Branch,
    Definition,
    End,
    Split,
    Step,
    Until,
    Wait,
    WorkingHours,
)
from evergreen.playbooks.rules.problems import PlaybookError
from evergreen.playbooks.rules.timing import span_ends

# A run that goes further at once has been caught in a loop; publishing refuses those that it sees.
MOST_STEPS = 100
# What came of a split in which an account took no part.
SPARED = "spared"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run stands: its step, the how-manieth step of the run it is (``visit``), when it was to go on (``due_at``),
    and, while the step waits, the local rule by which it does."""

    step: str
    visit: int
    due_at: dt.datetime
    rule: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run may look at: field values of its account, the times of events that it waits for by name (oldest first),
    whether its alert is closed, who the account is to the hash that splits, and what was answered to the newest task of each
    step: None while it is open, '' where it ended without an answer.
    """

    values: Mapping[str, Any]
    heard: Mapping[str, Sequence[dt.datetime]]
    is_alert_closed: bool
    account: str
    answers: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passed:
    """A step that was gone through at a visit, and what came of it. ``way``: the step to which a split or a branch sent the run ('' of
    another step, and of a split that spared it)."""

    step: str
    visit: int
    result: str
    way: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """``acts`` are to be done now, in order; ``state`` is waiting, done, or left, with ``reason``; ``wake_at`` while waiting."""

    place: Place
    state: str
    reason: str
    wake_at: dt.datetime | None
    acts: tuple[tuple[Act, int], ...]
    passed: tuple[Passed, ...]
    unknown_years: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """What a walk goes by beside the run itself. ``is_message`` says of a kind of step whether it speaks to customers, ``sets``
    what an act changes of the values that later conditions read."""

    playbook: str
    now: dt.datetime
    today: dt.date
    calendar: Calendar
    is_message: Callable[[str], bool]
    sets: Callable[[Act], Mapping[str, Any]]


def walk(of: Definition, place: Place, seen: Seen, by: Setting) -> Walk:
    """Go on from a place. Raises PlaybookError where a step is not there or a loop does not wait."""
    acts: list[tuple[Act, int]] = []
    passed: list[Passed] = []

    def over(state: str, reason: str) -> Walk:
        return Walk(place, state, reason, None, tuple(acts), tuple(passed))

    for _ in range(MOST_STEPS):
        if of.goal is not None and holds(of.goal, seen.values, by.today):
            return over("done", "goal")
        if leaves(of, seen, by.today):
            return over("left", "exit")
        step = of.step(place.step)
        if step is None:
            raise PlaybookError.at(place.step, "-", ", ".join(one.key for one in of.steps))
        if isinstance(step, End):
            passed.append(Passed(step.key, place.visit, "end"))
            return over("done", "end")
        if isinstance(step, Act):
            held = _held(of, step, place, by)
            if held is not None:
                stays = replace(place, rule={"quiet_since": place.due_at.isoformat()})
                return Walk(stays, "waiting", "quiet", held, tuple(acts), tuple(passed))
            if _is_late(step, place, by.now):
                passed.append(Passed(step.key, place.visit, "late"))
            else:
                acts.append((step, place.visit))
                passed.append(Passed(step.key, place.visit, "done"))
                seen = replace(
                    seen,
                    values={**seen.values, **by.sets(step)},
                    # A task that is made now is open, whatever was answered at a former visit.
                    answers={**seen.answers, step.key: None}
                    if step.settings.get("answers")
                    else seen.answers,
                )
            place = Place(step.next, place.visit + 1, place.due_at)
            continue
        found = _next(step, place, seen, by)
        if isinstance(found, Walk):
            return replace(found, acts=tuple(acts), passed=tuple(passed))
        to, result = found
        divides = isinstance(step, Split | Branch) and result != SPARED
        passed.append(Passed(step.key, place.visit, result, to if divides else ""))
        place = Place(to, place.visit + 1, place.due_at)
    raise PlaybookError.at(place.step, str(MOST_STEPS), "a loop that waits")


def leaves(of: Definition, seen: Seen, today: dt.date) -> bool:
    """Whether an exit rule holds."""
    return any(
        (rule.alert_closed and seen.is_alert_closed)
        or (rule.condition is not None and holds(rule.condition, seen.values, today))
        for rule in of.exits
    )


def _is_late(step: Act, place: Place, now: dt.datetime) -> bool:
    most = step.max_lateness_hours
    return most is not None and now - place.due_at > dt.timedelta(hours=most)


def _held(of: Definition, step: Act, place: Place, by: Setting) -> dt.datetime | None:
    """When the quiet hours end that keep a message back now."""
    if not by.is_message(step.kind) or _is_late(step, place, by.now):
        return None
    ends = out_of_quiet(by.now, of.quiet_from, of.quiet_to, by.calendar.zone)
    return ends if ends > by.now else None


def _next(step: Step, place: Place, seen: Seen, by: Setting) -> Walk | tuple[str, str]:
    match step:
        case Branch(ways=ways, otherwise=otherwise):
            chosen: tuple[Condition, str] | None = next(
                (way for way in ways if holds(way[0], seen.values, by.today)), None
            )
            to = chosen[1] if chosen else otherwise
            return to, f"to {to}"
        case Split(spared=spared) if spared and holds(PROTECTED, seen.values, by.today):
            return spared, SPARED
        case Split(arms=arms):
            to = arm_for(by.playbook, step.key, seen.account, arms)
            return to, f"to {to}"
        case Until():
            return _until(step, place, seen, by)
        case Answer():
            return _answer(step, place, seen, by)
        case Wait() | WorkingHours():
            wakes, years = wakes_at(step, place, by)
            if wakes > by.now:
                return _stays(step, place, by, wakes, years)
            return step.next, "waited"
    raise AssertionError(step)  # an act and an end never come here


def _until(step: Until, place: Place, seen: Seen, by: Setting) -> Walk | tuple[str, str]:
    since = reached_at(place, by.now)
    wakes, years = wakes_at(step, place, by)
    if step.condition is not None and holds(step.condition, seen.values, by.today):
        return step.next, "met"
    # An event counts when it happened while the step waited, however late we hear of it, as long as the step still waits.
    if step.event and any(since <= at <= wakes for at in seen.heard.get(step.event, ())):
        return step.next, "met"
    if wakes <= by.now:
        return step.on_timeout, "timed out"
    return _stays(step, place, by, wakes, years)


def _answer(step: Answer, place: Place, seen: Seen, by: Setting) -> Walk | tuple[str, str]:
    if step.of not in seen.answers:
        return step.otherwise, "no task"
    if (answer := seen.answers[step.of]) is not None:
        return dict(step.ways).get(answer, step.otherwise), f"answered {answer}".strip()
    wakes, years = wakes_at(step, place, by)
    if wakes <= by.now:
        return step.on_timeout, "timed out"
    return _stays(step, place, by, wakes, years)


def _stays(step: Step, place: Place, by: Setting, wakes: dt.datetime, years: tuple[int, ...]) -> Walk:
    stays = Place(step.key, place.visit, place.due_at, {"since": reached_at(place, by.now).isoformat()})
    return Walk(stays, "waiting", step.kind, wakes, (), (), years)


def reached_at(place: Place, now: dt.datetime) -> dt.datetime:
    """When a run reached the step at which it waits: kept in its rule, else now."""
    since = place.rule.get("since")
    return dt.datetime.fromisoformat(since) if since else now


def wakes_at(step: Step, place: Place, by: Setting) -> tuple[dt.datetime, tuple[int, ...]]:
    """When a step that waits wakes by its local rule, and the years that had to be guessed for it."""
    since = reached_at(place, by.now)
    match step:
        case Wait(span=span) | Until(timeout=span) | Answer(timeout=span):
            found = span_ends(span, since, by.calendar)
        case WorkingHours():
            found = working_from(since, by.calendar)
        case _:
            raise PlaybookError.at(step.key, step.kind, "wait, wait_until, working_hours, answer")
    return found.value, found.unknown_years


def arm_for(playbook: str, step: str, account: str, arms: Sequence[tuple[int, str]]) -> str:
    """The arm of an account: the same for ever, and independent between steps. Shares are parts of 100."""
    digest = hashlib.sha256(f"{playbook}\0{step}\0{account}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") * 100 // 2**64
    for share, to in arms:
        if drawn < share:
            return to
        drawn -= share
    return arms[-1][1]
