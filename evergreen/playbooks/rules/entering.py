"""Who may enter when: re-entry, lifecycle days, schedules. Pure."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from evergreen.events.scales import GROUPS, group_of
from evergreen.playbooks.rules.definition import FORM, NEVER_COMPARED, Definition, Trigger
from evergreen.playbooks.rules.walking import arm_for

# A trigger that was missed (the machine was off, the playbook too) is made good for so many days, not for ever.
MAKE_GOOD_DAYS = 7
# Playbooks that start each other would go round for ever: an account enters one at most so often a day.
MOST_A_DAY = 10


@dataclass(frozen=True, slots=True)
class Past:
    """A run of an account in a playbook; ``ended_at`` is None while it is inside."""

    entered_at: dt.datetime
    ended_at: dt.datetime | None


def refused(of: Definition, past: Iterable[Past], now: dt.datetime) -> str:
    """Why an account may not enter now, '' when it may: inside, again (by the re-entry rule), too_often."""
    runs = list(past)
    if of.per == "account":
        if any(run.ended_at is None for run in runs):
            return "inside"
        if runs and of.reentry == "never":
            return "again"
        if runs and of.reentry == "after_days":
            left = max(run.ended_at for run in runs if run.ended_at is not None)
            if now - left < dt.timedelta(days=of.reentry_days):
                return "again"
    if sum(now - run.entered_at < dt.timedelta(days=1) for run in runs) >= MOST_A_DAY:
        return "too_often"
    return ""


MOST_HELD_OUT = 50
_HOLDOUT = "\0holdout"


def may_be_held_out(values: Mapping[str, Any]) -> bool:
    """Whether an account of these values (``tier``, ``health_band``) may be kept out of a playbook to compare with."""
    return all(values.get(field) != never for field, never in NEVER_COMPARED.items())


def is_held_out(playbook: str, account: str, share: int) -> bool:
    """Whether an account is among the ``share`` percent kept out: the same for ever, by the hash that splits."""
    return share > 0 and arm_for(playbook, _HOLDOUT, account, ((share, "out"), (100 - share, "in"))) == "out"


# Answers to a survey by how they speak of us: the scale of each, and the highest and lowest mark of its groups.
FORMS = tuple(
    name
    for form, groups in GROUPS.items()
    for name in (form, *(f"{form}.{group}" for group, _l, _m in groups))
)


def heard_as(name: str, said: Mapping[str, Any]) -> tuple[str, ...]:
    """The names by which an event is heard: its own, and of an answer to a survey the kind's, that of its group (events/scales),
    the survey's own and that of each option chosen in it (``health-check.in-use.no``).
    """
    if name != FORM:
        return (name,)
    form, score = str(said.get("kind", "")), said.get("score")
    found = [name, f"{FORM}:{form}"]
    is_number = isinstance(score, int | float) and not isinstance(score, bool)
    if is_number and (group := group_of(form, float(score or 0))):
        found.append(f"{FORM}:{form}.{group}")
    if isinstance(survey := said.get("survey"), str) and survey not in GROUPS:
        found.append(f"{FORM}:{survey}")
        answers = said.get("answers")
        for question, told in answers.items() if isinstance(answers, Mapping) else ():
            chosen = told if isinstance(told, list) else [told]
            found += [
                f"{FORM}:{survey}.{question}.{one}"
                for one in chosen
                if isinstance(one, str) and len(one) <= 40
            ]
    return tuple(found)


def scheduled(trigger: Trigger, since: dt.date, today: dt.date) -> dt.date | None:
    """The newest day of a schedule after ``since`` until today; None where there is none."""
    day = today
    while day > since:
        if _is_on(trigger, day):
            return day
        day -= dt.timedelta(days=1)
    return None


def _is_on(trigger: Trigger, day: dt.date) -> bool:
    if trigger.every == "day":
        return True
    if trigger.every == "week":
        return day.isoweekday() == trigger.on
    # The 31st of a shorter month is its last day.
    last = calendar.monthrange(day.year, day.month)[1]
    is_day = day.day == min(trigger.on, last)
    return is_day and (trigger.every == "month" or day.month in {1, 4, 7, 10})
