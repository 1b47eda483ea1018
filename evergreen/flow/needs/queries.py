"""Reads of what needs somebody among the accounts that the asking person may see; six queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

from django.db.models import Q, QuerySet

from evergreen.alerts.models import Alert
from evergreen.base.models import User
from evergreen.base.roles import Role, Scope
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
_ALERT_FIELDS = (
    "pk",
    "account_id",
    "rule__severity",
    "account__owner_id",
    "account__arr_base_cents",
    "account__renewal_on",
)
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
    book = _Book(user, today, who)
    alerts = list(_alerts(book))
    told = {need.task_id for need in alerts}
    tasks = [need for need in _tasks(book) if need.task_id not in told]
    found = [*alerts, *tasks, *_renewals(book)]
    return rules.in_order(need for need in found if book.is_all or need.person_id == book.person)


def digest_count(user: User, today: dt.date, who: str | int = MINE) -> int:
    """How many open alerts wait in the digest of those asked for."""
    book = _Book(user, today, who)
    rows = Alert.objects.filter(book.awake, book.visible("account"), book.belongs("account__owner"))
    return (
        rows.filter(state=Alert.State.OPEN, in_digest=True).exclude(pk__in=list(_alert_tasks(book))).count()
    )


def count_of(user: User, today: dt.date) -> int:
    """How many things need the person today."""
    return len(needs_of(user, today))


class _Book:
    """Whose things are asked for, as conditions on rows."""

    def __init__(self, user: User, today: dt.date, who: str | int) -> None:
        self.user, self.today, self.is_all = user, today, who == ALL
        self.person = user.pk if who == MINE else None if who in {ALL, NOBODY} else int(who)
        self.accounts = accounts_for(user).order_by()
        self.sees_all = user.is_active and user.sees == Scope.ALL and user.role != Role.PARTNER

    def visible(self, name: str) -> Q:
        """Rows whose account, behind ``name``, the person may see."""
        return Q() if self.sees_all else Q(**{f"{name}__in": self.accounts})

    def belongs(self, name: str) -> Q:
        """Rows whose ``name`` is the person asked for."""
        if self.is_all:
            return Q()
        return Q(**{f"{name}__isnull": True}) if self.person is None else Q(**{name: self.person})

    @property
    def awake(self) -> Q:
        return Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=self.today)


def _alert_tasks(book: _Book) -> dict[str, dict[str, Any]]:
    """Tasks made of alerts, by the alert's key, on accounts that have open alerts."""
    rows = Task.objects.filter(
        book.visible("account"),
        book.belongs("assignee") | book.belongs("account__owner"),
        origin_kind=ALERT,
        account__open_alerts__gt=0,
    )
    fields = ("origin_id", "pk", "state", "assignee_id", "priority", "due_on", "snoozed_until")
    return {row["origin_id"]: row for row in rows.values(*fields)}


def _alerts(book: _Book) -> Iterator[Need]:
    answered = _alert_tasks(book)
    given = [key for key, task in answered.items() if book.is_all or task["assignee_id"] == book.person]
    mine = book.belongs("account__owner")
    rows = Alert.objects.filter(
        book.awake, book.visible("account"), mine | Q(pk__in=given) if mine else Q(), state=Alert.State.OPEN
    )
    # What waits in the digest needs nobody today, unless somebody took it up.
    rows = rows.filter(Q(in_digest=False) | Q(pk__in=list(answered)))
    for pk, account, severity, owner, arr, renewal in rows.values_list(*_ALERT_FIELDS):
        task = answered.get(str(pk))
        if task is None:
            yield Need(
                ALERT,
                account,
                owner,
                severity,
                arr or 0,
                alert_id=pk,
                days_to_renewal=_days(book.today, renewal),
            )
        elif task["state"] == Task.State.OPEN and not _sleeps(task["snoozed_until"], book.today):
            yield Need(
                kind=ALERT,
                account_id=account,
                person_id=task["assignee_id"],
                weight=max(severity, rules.TASK_WEIGHTS[task["priority"]]),
                money=arr or 0,
                alert_id=pk,
                task_id=task["pk"],
                days_late=_days(task["due_on"], book.today),
                days_to_renewal=_days(book.today, renewal),
            )


def _sleeps(until: dt.date | None, today: dt.date) -> bool:
    return until is not None and until > today


def _tasks(book: _Book) -> Iterator[Need]:
    """Tasks that are due."""
    due = Q(due_on__lte=book.today) | Q(due_on__isnull=True, priority__lte=Task.Priority.HIGH)
    rows = tasks_for(book.user).filter(book.awake, book.belongs("assignee"), due, state=Task.State.OPEN)
    for pk, account, person, priority, due_on, kind, arr, renewal in rows.values_list(*_TASK_FIELDS):
        yield Need(
            kind="renewal" if kind == RENEWAL else "task",
            account_id=account,
            person_id=person,
            weight=rules.TASK_WEIGHTS[priority],
            money=arr or 0,
            task_id=pk,
            days_late=_days(due_on, book.today),
            days_to_renewal=_days(book.today, renewal),
        )


def _renewals(book: _Book) -> Iterator[Need]:
    last = book.today + dt.timedelta(days=rules.RENEWAL_DAYS)
    rows = book.accounts.filter(book.belongs("owner"), renewal_on__range=(book.today, last))
    rows = rows.exclude(stage=Account.Stage.CHURNED)
    spoken_of = _spoken_of(rows, book.today)
    for account, owner, arr, renewal in rows.values_list("pk", "owner_id", "arr_base_cents", "renewal_on"):
        if account not in spoken_of:
            yield Need(RENEWAL, account, owner, 1.0, arr or 0, days_to_renewal=_days(book.today, renewal))


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
