"""A task for a person, with the reason it exists and a day by which it is due."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from evergreen.alerts.models import Alert, Rule
from evergreen.alerts.rules import SHIPPED
from evergreen.alerts.words import rule_name, say
from evergreen.base.clock import local_day
from evergreen.base.models import User
from evergreen.base.queries import vendor_zone
from evergreen.base.upserts import in_batches
from evergreen.base.working_days import WorkingDays, for_vendor
from evergreen.customers.models import Account
from evergreen.playbooks.kinds import Order, Wrong
from evergreen.playbooks.models import Effect, Enrolment, PlaybookVersion
from evergreen.playbooks.steps.words import texts
from evergreen.work.actions import NewTask, add_tasks
from evergreen.work.models import Task

ALERT = "alert"
ORIGIN = "playbook"
ASSIGNEES = ("owner", "owner_or_team")
# Task priorities (work.Task.Priority) by a rule's severity.
PRIORITIES = {3: 1, 2: 2, 1: 3}
_SEVERITIES = ("3", "2", "1")
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MOST_ANSWERS = 8


class MakeTask:
    """``title``, or ``titles`` by the alert's rule ("*": any other); ``due_working_days`` is a number or one by the alert's
    severity; ``for_alert``: the task stands for the alert, gives its reason and ends with it; ``answers``: one of them is given
    when it is done, and a step of kind ``answer`` goes by it.
    """

    key = "task"
    keys: tuple[str, ...] = (
        "title", "titles", "assignee", "due_working_days", "priority", "answers", "for_alert",
    )  # fmt: skip
    is_message = False
    max_lateness_hours: int | None = None

    def read(self, given: Mapping[str, Any], wrong: Wrong) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "titles" in given:
            found["titles"] = self._titles(given["titles"], wrong)
        else:
            found["title"] = texts(given.get("title"), "title", wrong)
        assignee = given.get("assignee", "owner")
        if assignee not in ASSIGNEES:
            wrong("assignee", assignee, ", ".join(ASSIGNEES))
        found["assignee"] = assignee
        due = given.get("due_working_days", 2)
        if isinstance(due, Mapping):
            found["due_working_days"] = {
                severity: self._days(due.get(severity, 2), wrong) for severity in _SEVERITIES
            }
        else:
            found["due_working_days"] = self._days(due, wrong)
        if "priority" in given:
            found["priority"] = self._priority(given["priority"], wrong)
        if str(given.get("for_alert", "false")).lower() == "true":
            found["for_alert"] = True
        if given.get("answers"):
            found["answers"] = self._answers(given["answers"], wrong)
            if found.get("for_alert"):
                wrong("answers", "for_alert", "-")
        return found

    def _answers(self, given: Any, wrong: Wrong) -> list[dict[str, Any]]:
        rows = given if isinstance(given, list) else []
        keys = [str(row.get("key") or "") if isinstance(row, Mapping) else "" for row in rows]
        if (
            not rows
            or len(rows) > _MOST_ANSWERS
            or len(set(keys)) < len(keys)
            or not all(map(_KEY.fullmatch, keys))
        ):
            wrong(
                "answers",
                ", ".join(keys) or given,
                f"key: a–z, 0–9, _ (1–40), name: zh, en; 1–{_MOST_ANSWERS}",
            )
            return []
        return [
            {"key": key, "name": texts(row.get("name"), f"answers {key}", wrong)}
            for key, row in zip(keys, rows, strict=True)
        ]

    def _titles(self, given: Any, wrong: Wrong) -> dict[str, Any]:
        known = {*SHIPPED, *Rule.objects.values_list("key", flat=True), "*"}
        if not isinstance(given, Mapping) or "*" not in given or not given.keys() <= known:
            wrong(
                "titles", ", ".join(given) if isinstance(given, Mapping) else given, ", ".join(sorted(known))
            )
            return {}
        return {rule: texts(title, f"titles {rule}", wrong) for rule, title in given.items()}

    def _days(self, given: Any, wrong: Wrong) -> int:
        if not str(given).isdecimal() or int(given) > 250:
            wrong("due_working_days", given, "0–250")
            return 2
        return int(given)

    def _priority(self, given: Any, wrong: Wrong) -> int:
        if str(given) not in {"1", "2", "3", "4"}:
            wrong("priority", given, "1, 2, 3, 4")
            return 3
        return int(given)

    def sets(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        return {}

    def lacks(self, settings: Mapping[str, Any]) -> str:
        return ""

    def act(self, orders: Sequence[Order], *, now: dt.datetime) -> None:
        """Make the tasks. A task for an alert that is closed by now, or that another playbook begins with, is not made."""
        today, calendar = local_day(now, vendor_zone()), for_vendor()
        alerts = _alerts(orders)
        assignees = _assignees(orders)
        taken_up = _taken_up([one for one in orders if one.settings.get("for_alert")])
        made = []
        for order in orders:
            alert = alerts.get(order.enrolment.origin_id) if order.enrolment.origin_kind == ALERT else None
            if order.settings.get("for_alert"):
                if alert is None or alert.state == Alert.State.CLOSED or str(alert.pk) in taken_up:
                    continue
                made.append(alert_task(order.settings, alert, assignees[order], today, calendar))
            else:
                made.append(_task(order, alert, assignees[order], today, calendar))
        add_tasks(made, now=now)


def alert_task(
    settings: Mapping[str, Any], alert: Alert, assignee: int | None, today: dt.date, calendar: WorkingDays
) -> NewTask:
    """The task that stands for an alert: its reason in figures, ended with it."""
    return NewTask(
        account=alert.account_id,
        title=_title(settings, alert),
        reason=_reason(alert),
        assignee=assignee,
        due_on=calendar.add(today, _due_in(settings, alert)).value,
        priority=settings.get("priority") or PRIORITIES[alert.rule.severity],
        origin=(ALERT, str(alert.pk)),
    )


def _task(
    order: Order, alert: Alert | None, assignee: int | None, today: dt.date, calendar: WorkingDays
) -> NewTask:
    return NewTask(
        account=order.enrolment.account_id,
        title=_title(order.settings, alert),
        reason=_reason(alert) if alert is not None else dict(order.enrolment.playbook.name),
        assignee=assignee,
        due_on=calendar.add(today, _due_in(order.settings, alert)).value,
        answers=order.settings.get("answers", ()),
        priority=order.settings.get("priority", 3),
        origin=(ORIGIN, order.origin),
    )


def answers(runs: Collection[int], steps: Collection[str]) -> dict[int, dict[str, str | None]]:
    """Of each run and step whose newest visit made a task, what was answered: None while it is open, '' where it ended without."""
    newest: dict[tuple[int, str], int] = {}
    made = Effect.objects.filter(enrolment__in=runs, step__in=steps, kind=MakeTask.key).order_by("visit")
    for run, step, visit in made.values_list("enrolment_id", "step", "visit"):
        newest[run, step] = visit
    origins = {f"{run}:{step}:{visit}": (run, step) for (run, step), visit in newest.items()}
    found: dict[int, dict[str, str | None]] = defaultdict(dict)
    for batch in in_batches(list(origins), 500):
        rows = Task.objects.filter(origin_kind=ORIGIN, origin_id__in=batch)
        for origin, state, answer in rows.values_list("origin_id", "state", "answer"):
            run, step = origins[origin]
            found[run][step] = None if state == Task.State.OPEN else answer
    return dict(found)


def _title(settings: Mapping[str, Any], alert: Alert | None) -> dict[str, str]:
    titles = settings.get("titles")
    if titles is None:
        return dict(settings["title"])
    if alert is None or alert.rule.key in titles:
        return dict(titles[alert.rule.key if alert else "*"])
    # Words for any rule say at least which one it is.
    between = {"zh": "：", "en": ": "}
    return {
        language: f"{text}{between[language]}{rule_name(alert.rule, language)}"
        for language, text in titles["*"].items()
    }


def _due_in(settings: Mapping[str, Any], alert: Alert | None) -> int:
    due = settings["due_working_days"]
    if isinstance(due, Mapping):
        return int(due[str(alert.rule.severity)]) if alert is not None else 2
    return int(due)


def _reason(alert: Alert) -> dict[str, str]:
    return {language: say(alert.rule.key, alert.figures, language) for language in ("zh", "en")}


def _taken_up(orders: Sequence[Order]) -> set[str]:
    """Keys of the orders' alerts for which another playbook that is on begins with a task of its own.

    That task was made, or its run stands at it: which of the two playbooks is taken first makes no difference.
    """
    origins = {one.enrolment.origin_id for one in orders if one.enrolment.origin_kind == ALERT}
    runs = (
        Enrolment.objects.filter(origin_kind=ALERT, origin_id__in=origins, playbook__is_on=True)
        .exclude(pk__in=[one.enrolment.pk for one in orders])
        .values_list("pk", "version_id", "origin_id", "state", "visit")
    )
    rows = list(runs) if origins else []
    definitions = PlaybookVersion.objects.in_bulk({version for _pk, version, *_ in rows})
    begins = {pk for pk, version in definitions.items() if _begins_with_own_task(version.definition)}
    rows = [row for row in rows if row[1] in begins]
    made = Effect.objects.filter(enrolment__in=[row[0] for row in rows], visit=1, kind=MakeTask.key)
    done = set(made.values_list("enrolment_id", flat=True))
    return {
        origin
        for pk, _version, origin, state, visit in rows
        if pk in done or (state == Enrolment.State.WAITING and visit == 1)
    }


def _begins_with_own_task(definition: Mapping[str, Any]) -> bool:
    first: Mapping[str, Any] = next(iter(definition.get("steps", ())), {})
    return first.get("kind") == MakeTask.key and not first.get("for_alert")


def _alerts(orders: Sequence[Order]) -> dict[str, Alert]:
    keys = {order.enrolment.origin_id for order in orders if order.enrolment.origin_kind == ALERT}
    found = Alert.objects.select_related("rule").filter(pk__in=keys) if keys else ()
    return {str(alert.pk): alert for alert in found}


def _assignees(orders: Sequence[Order]) -> dict[Order, int | None]:
    """The owner where active, else nobody; for ``owner_or_team`` the team's in turn, else whoever may give it on."""
    keys = {order.enrolment.account_id for order in orders}
    rows = Account.objects.filter(pk__in=keys).values_list("pk", "owner_id", "owner__is_active", "team_id")
    standing = {pk: (owner if is_active else None, team) for pk, owner, is_active, team in rows}
    found: dict[Order, int | None] = {}
    orphans = []
    for order in orders:
        owner, _team = standing.get(order.enrolment.account_id, (None, None))
        found[order] = owner
        if owner is None and order.settings["assignee"] == "owner_or_team":
            orphans.append(order)
    if orphans:
        teams: dict[int | None, list[int]] = defaultdict(list)
        people = User.objects.filter(is_active=True).order_by("pk").values_list("pk", "teams")
        for person, of in people:
            teams[of].append(person)
        managers = [user.pk for user in User.objects.filter(is_active=True).order_by("pk") if user.may_assign]
        for order in orphans:
            team = standing.get(order.enrolment.account_id, (None, None))[1]
            turn = (teams[team] if team is not None else []) or managers
            found[order] = turn[order.enrolment.pk % len(turn)] if turn else None
    return found
