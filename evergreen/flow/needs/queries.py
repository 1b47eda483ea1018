"""Reads of what needs somebody among the accounts that the asking person may see; six queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

from django.db.models import Q, QuerySet

from evergreen.alerts.models import Alert
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.flow.needs import rules
from evergreen.flow.needs.rules import Need
from evergreen.work.models import Task
from evergreen.work.queries import tasks_for

ALERT: Final = "alert"
RENEWAL: Final = "renewal"
RENEWAL_RULE = "renewal_due"
MINE, ALL, NOBODY = "mine", "all", "nobody"
_TASK_FIELDS = (
    "pk",
    "account_id",
    "assignee_id",
    "priority",
    "due_on",
    "origin_kind",
    "account__arr_base_cents",
    "account__renewal_on",
)


def needs_of(user: User, today: dt.date, who: str | int = MINE) -> list[Need]:
    """What needs somebody today, the most important first.

    ``who``: ``mine``, ``all`` that I may see, ``nobody``'s, or a person's key. A thing belongs to its task's
    assignee, without a task to the account's owner. Due are: every open alert that no ended or sleeping task
    answers, tasks due by today or urgent without a day, renewals within 90 days that nothing else speaks of.
    """
    visible = accounts_for(user).order_by()
    alerts = list(_alerts(visible, today))
    told = {need.task_id for need in alerts}
    tasks = [need for need in _tasks(user, today) if need.task_id not in told]
    found = [*alerts, *tasks, *_renewals(visible, today)]
    wanted = {MINE: user.pk, NOBODY: None}.get(who, who) if isinstance(who, str) else who
    return rules.in_order(need for need in found if who == ALL or need.person_id == wanted)


def count_of(user: User, today: dt.date) -> int:
    """How many things need the person today."""
    return len(needs_of(user, today))


def _alert_tasks(visible: QuerySet[Account]) -> dict[str, dict[str, Any]]:
    """Tasks made of alerts, by the alert's key, on accounts that have open alerts."""
    rows = Task.objects.filter(origin_kind=ALERT, account__in=visible.filter(open_alerts__gt=0))
    fields = ("origin_id", "pk", "state", "assignee_id", "priority", "due_on", "snoozed_until")
    return {row["origin_id"]: row for row in rows.values(*fields)}


def _alerts(visible: QuerySet[Account], today: dt.date) -> Iterator[Need]:
    answered = _alert_tasks(visible)
    awake = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=today)
    rows = Alert.objects.filter(awake, state=Alert.State.OPEN, account__in=visible).values_list(
        "pk",
        "account_id",
        "rule__severity",
        "account__owner_id",
        "account__arr_base_cents",
        "account__renewal_on",
    )
    for pk, account, severity, owner, arr, renewal in rows:
        task = answered.get(str(pk))
        if task is None:
            yield Need(
                ALERT, account, owner, severity, arr or 0, alert_id=pk, days_to_renewal=_days(today, renewal)
            )
        elif task["state"] == Task.State.OPEN and not (
            task["snoozed_until"] and task["snoozed_until"] > today
        ):
            yield Need(
                kind=ALERT,
                account_id=account,
                person_id=task["assignee_id"],
                weight=max(severity, rules.TASK_WEIGHTS[task["priority"]]),
                money=arr or 0,
                alert_id=pk,
                task_id=task["pk"],
                days_late=_days(task["due_on"], today),
                days_to_renewal=_days(today, renewal),
            )


def _tasks(user: User, today: dt.date) -> Iterator[Need]:
    """Tasks that are due."""
    awake = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=today)
    due = Q(due_on__lte=today) | Q(due_on__isnull=True, priority__lte=Task.Priority.HIGH)
    rows = tasks_for(user).filter(awake, due, state=Task.State.OPEN)
    for pk, account, person, priority, due_on, kind, arr, renewal in rows.values_list(*_TASK_FIELDS):
        yield Need(
            kind="renewal" if kind == RENEWAL else "task",
            account_id=account,
            person_id=person,
            weight=rules.TASK_WEIGHTS[priority],
            money=arr or 0,
            task_id=pk,
            days_late=_days(due_on, today),
            days_to_renewal=_days(today, renewal),
        )


def _renewals(visible: QuerySet[Account], today: dt.date) -> Iterator[Need]:
    last = today + dt.timedelta(days=rules.RENEWAL_DAYS)
    rows = visible.filter(renewal_on__range=(today, last)).exclude(stage=Account.Stage.CHURNED)
    spoken_of = _spoken_of(rows, today)
    fields = ("pk", "owner_id", "arr_base_cents", "renewal_on")
    for account, owner, arr, renewal in rows.values_list(*fields):
        if account not in spoken_of:
            yield Need(RENEWAL, account, owner, 1.0, arr or 0, days_to_renewal=_days(today, renewal))


def _spoken_of(accounts: QuerySet[Account], today: dt.date) -> set[int]:
    """Accounts whose coming renewal has an alert that did not clear by itself, or a task."""
    since = today - dt.timedelta(days=rules.RENEWAL_DAYS)
    alerts = Alert.objects.filter(rule__key=RENEWAL_RULE, account__in=accounts, opened_on__gte=since)
    alerts = alerts.exclude(outcome=Alert.Outcome.CLEARED)
    tasks = Task.objects.filter(origin_kind=RENEWAL, account__in=accounts)
    rows = tasks.values_list("account_id", "origin_id", "account__renewal_on")
    done = {account for account, key, renewal in rows if account and key == renewal_key(account, renewal)}
    return done | set(alerts.values_list("account_id", flat=True))


def renewal_key(account_id: int | None, renewal_on: dt.date | None) -> str:
    """What names the renewal of an account's term, so that each term gets one task."""
    return f"{account_id}:{renewal_on}"


def _days(start: dt.date | None, end: dt.date | None) -> int | None:
    return (end - start).days if start and end else None
