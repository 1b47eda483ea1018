"""Reads of what needs somebody among the accounts that the asking person may see; seven queries."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from evergreen.alerts import rules as alert_rules
from evergreen.alerts.models import Alert, WorkOrder, held_by
from evergreen.base import clock
from evergreen.base import queries as base
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
RENEWAL_RULE: Final = alert_rules.RENEWAL
MINE, ALL, NOBODY = "mine", "all", "nobody"
_ALERT_FIELDS = (
    "pk", "account_id", "rule__severity", "account__owner_id", "account__arr_base_cents", "account__renewal_on", "order_id",
    "order__state", "order__is_given", "order__assignee_id", "order__escalated_to_id", "order__cause_id",
    "order__snoozed_until", "order__response_due_at", "order__resolution_due_at",
)  # fmt: skip
_ORDER_FIELDS = (
    "pk", "account_id", "severity", "is_given", "assignee_id", "escalated_to_id", "cause_id", "resolution_due_at",
    "account__owner_id", "account__arr_base_cents", "account__renewal_on",
)  # fmt: skip
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

    ``who``: ``mine``, ``all`` that I may see, ``nobody``'s, or a person's key. A work order belongs to whoever has it, and once it
    is late also to the manager whom it was told to; a task to its assignee. Due are: work orders with an open alert that no ended or
    sleeping task answers, and those in work that wait for a result; tasks due by today or urgent without a day; renewals within 90
    days that nothing else speaks of.
    """
    book = _Book(user, today, who)
    alerts, told = _alerts(book)
    tasks = [need for need in _tasks(book) if need.task_id not in told]
    found = [*alerts, *tasks, *_renewals(book)]
    return rules.in_order(need for need in found if book.is_all or need.person_id == book.person)


def digest_count(user: User, today: dt.date, who: str | int = MINE) -> int:
    """How many open alerts wait in the digest of those asked for."""
    book = _Book(user, today, who)
    rows = Alert.objects.filter(book.awake, book.visible("account"), book.belongs("account__owner"))
    rows = rows.filter(state=Alert.State.OPEN, in_digest=True).exclude(order__state=WorkOrder.State.WORKING)
    return rows.exclude(pk__in=list(_alert_tasks(book))).count()


def count_of(user: User, today: dt.date) -> int:
    """How many things need the person today."""
    return len(needs_of(user, today))


class _Book:
    """Whose things are asked for, as conditions on rows."""

    def __init__(self, user: User, today: dt.date, who: str | int) -> None:
        self.user, self.today, self.is_all = user, today, who == ALL
        self.person = user.pk if who == MINE else None if who in {ALL, NOBODY} else int(who)
        self.accounts = accounts_for(user).order_by()
        self.zone = base.vendor_zone()
        self.sees_all = user.is_active and user.sees == Scope.ALL and user.role != Role.PARTNER

    def visible(self, name: str) -> Q:
        """Rows whose account, behind ``name``, the person may see."""
        return Q() if self.sees_all else Q(**{f"{name}__in": self.accounts})

    def belongs(self, name: str) -> Q:
        """Rows whose ``name`` is the person asked for."""
        if self.is_all:
            return Q()
        return Q(**{f"{name}__isnull": True}) if self.person is None else Q(**{name: self.person})

    def holds(self, order: str) -> Q:
        """Rows whose work order, behind ``order``, the person asked for has, or was told of when it was late."""
        if self.is_all:
            return Q()
        told = Q() if self.person is None else Q(**{f"{order}escalated_to": self.person})
        return held_by(self.person, order) | told if told else held_by(self.person, order)

    @property
    def on_held_accounts(self) -> Q:
        """Rows of accounts whose open work order the person asked for has, whoever owns them."""
        if self.is_all:
            return Q()
        return Q(account__in=WorkOrder.objects.unresolved().filter(self.holds("")).values("account"))

    def own(self, person: int | None, told: int | None) -> int | None:
        """Whose a work order is in this reading: the person asked for, where it was told of it."""
        return told if told is not None and told == self.person else person

    @property
    def awake(self) -> Q:
        return Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=self.today)


def _alert_tasks(book: _Book) -> dict[str, dict[str, Any]]:
    """Tasks made of alerts, by the alert's key, on accounts that have open alerts."""
    rows = Task.objects.filter(
        book.visible("account"),
        book.belongs("assignee") | book.belongs("account__owner") | book.on_held_accounts,
        origin_kind=ALERT,
        account__open_alerts__gt=0,
    )
    fields = ("origin_id", "pk", "state", "assignee_id", "priority", "due_on", "snoozed_until")
    return {row["origin_id"]: row for row in rows.values(*fields)}


def _alerts(book: _Book) -> tuple[list[Need], set[int]]:
    """(what alerts need of somebody, the keys of the tasks that stand behind it). Alerts of one work order are one need of whoever
    has the order; a task of one of them that another person has is that person's.
    """
    answered = _alert_tasks(book)
    given = [key for key, task in answered.items() if book.is_all or task["assignee_id"] == book.person]
    mine = book.holds("order__") | book.belongs("account__owner")
    rows = Alert.objects.filter(
        book.awake, book.visible("account"), mine | Q(pk__in=given) if mine else Q(), state=Alert.State.OPEN
    )
    # What waits in the digest needs nobody today, unless somebody took it up.
    taken = Q(order__state=WorkOrder.State.WORKING) | Q(pk__in=list(answered))
    single: list[Need] = []
    folded: dict[int, list[_Part]] = defaultdict(list)
    for row in rows.filter(Q(in_digest=False) | taken).values(*_ALERT_FIELDS):
        task = answered.get(str(row["pk"]))
        if task is not None and (
            task["state"] != Task.State.OPEN or _sleeps(task["snoozed_until"], book.today)
        ):
            continue
        need = _alert_need(row, task, book.today)
        if row["order_id"] is None or (task is not None and need.person_id != _holder(row)):
            single.append(need)
        elif not _sleeps(row["order__snoozed_until"], book.today):
            folded[row["order_id"]].append(_Part(row, need))
    needs = [_order_need(order, parts, book) for order, parts in folded.items()]
    told = {part.need.task_id for parts in folded.values() for part in parts}
    return [*single, *needs, *_late_orders(book, set(folded))], {
        key for key in told | {need.task_id for need in single} if key is not None
    }


@dataclass(frozen=True, slots=True)
class _Part:
    """One alert of a work order: its row, and what it would need by itself."""

    row: dict[str, Any]
    need: Need


def _alert_need(row: dict[str, Any], task: dict[str, Any] | None, today: dt.date) -> Need:
    severity = row["rule__severity"]
    need = Need(
        ALERT,
        row["account_id"],
        _holder(row) if row["order_id"] else row["account__owner_id"],
        severity,
        row["account__arr_base_cents"] or 0,
        alert_id=row["pk"],
        days_to_renewal=_days(today, row["account__renewal_on"]),
    )
    if task is None:
        return need
    return replace(
        need,
        person_id=task["assignee_id"],
        weight=max(severity, rules.TASK_WEIGHTS[task["priority"]]),
        task_id=task["pk"],
        days_late=_days(task["due_on"], today),
    )


def _holder(row: dict[str, Any]) -> int | None:
    """Who has the order of an alert."""
    key = "order__assignee_id" if row["order__is_given"] else "account__owner_id"
    person: int | None = row[key]
    return person


def _order_need(order: int, parts: Sequence[_Part], book: _Book) -> Need:
    """One need of the alerts of an order: the cause's reason, the next task, the greatest weight, the soonest due day."""
    first = parts[0].row
    cause = first["order__cause_id"]
    head = next((part for part in parts if part.need.alert_id == cause), None)
    head = head or max(parts, key=lambda part: (part.row["rule__severity"], -part.row["pk"]))
    tasks = sorted(
        (part.need for part in parts if part.need.task_id),
        key=lambda need: (-(need.days_late if need.days_late is not None else -(10**6)), need.task_id or 0),
    )
    due = _due_on(first, book.zone)
    late = [need.days_late for need in tasks if need.days_late is not None]
    if due is not None:
        late.append((book.today - due).days)
    return replace(
        head.need,
        person_id=book.own(_holder(first), first["order__escalated_to_id"]),
        weight=max(part.need.weight for part in parts),
        task_id=tasks[0].task_id if tasks else None,
        order_id=order,
        days_late=max(late, default=None),
    )


def _due_on(row: dict[str, Any], zone: ZoneInfo) -> dt.date | None:
    """The day of what the order is to meet next."""
    waits = row["order__state"] == WorkOrder.State.OPEN
    at = row["order__response_due_at"] if waits else row["order__resolution_due_at"]
    return at.astimezone(zone).date() if at is not None else None


def _late_orders(book: _Book, told: set[int]) -> Iterator[Need]:
    """Orders in work none of whose alerts needs anything by itself, but that wait for a result: the condition is gone, or they are
    due.
    """
    rows = WorkOrder.objects.filter(
        book.awake, book.visible("account"), book.holds(""), state=WorkOrder.State.WORKING
    )
    ends = clock.day_end(book.today, book.zone)
    rows = rows.filter(Q(gone_at__isnull=False) | Q(resolution_due_at__lt=ends)).exclude(pk__in=told)
    for row in rows.values(*_ORDER_FIELDS):
        due = row["resolution_due_at"]
        person = row["assignee_id"] if row["is_given"] else row["account__owner_id"]
        yield Need(
            ALERT,
            row["account_id"],
            book.own(person, row["escalated_to_id"]),
            row["severity"],
            row["account__arr_base_cents"] or 0,
            alert_id=row["cause_id"],
            order_id=row["pk"],
            days_late=(book.today - due.astimezone(book.zone).date()).days if due else None,
            days_to_renewal=_days(book.today, row["account__renewal_on"]),
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
