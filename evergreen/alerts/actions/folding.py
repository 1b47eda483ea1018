"""Open alerts fold into the work order of their account: joined, reckoned, closed by themselves. Safe to run at any time."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F, Q

from evergreen.alerts import causes
from evergreen.alerts.actions.due import Promise
from evergreen.alerts.models import Alert, WorkOrder
from evergreen.base.actions import BATCH, audit
from evergreen.base.changes import batches, kind_of
from evergreen.base.models import User

_RECKONED = [
    "severity", "priority", "cause", "response_due_at", "resolution_due_at", "due_is_guess", "gone_at",
]  # fmt: skip
_ENDED = ["state", "resolved_at", "resolved_by", "outcome", "note", "gone_at"]
_BEGUN_AGAIN = [*_ENDED, "clock_from", "escalated_at", "escalated_to", "escalated_for"]


@dataclass(slots=True)
class Folded:
    """What a fold did to work orders."""

    opened: list[WorkOrder] = field(default_factory=list)
    reopened: list[WorkOrder] = field(default_factory=list)
    closed: list[WorkOrder] = field(default_factory=list)


@transaction.atomic
def fold(*, now: dt.datetime, accounts: Collection[int] | None = None, by: User | None = None) -> Folded:
    """Bring work orders in step with their alerts; ``accounts`` narrows to these.

    Open alerts join the open order of their account, which is opened with the first of them. Severity, priority, probable cause
    and due times follow from the open alerts. An order without any open alert is closed by itself, or by the verdict that a
    person gave its last alert; where somebody works on it and the last condition went away, it stays and says so (``gone_at``).
    """
    done = Folded()
    here = Q() if accounts is None else Q(account__in=list(accounts))
    _join(done, here, now, by)
    alerts: dict[int | None, list[Alert]] = defaultdict(list)
    listed = Alert.objects.filter(here, state=Alert.State.OPEN, order__isnull=False).select_related("rule")
    for alert in listed.order_by("pk"):
        alerts[alert.order_id].append(alert)
    promise = Promise.read()
    changed, empty = [], []
    for order in WorkOrder.objects.unresolved().filter(here).order_by("pk"):
        if not alerts[order.pk]:
            empty.append(order)
        elif reckon(order, alerts[order.pk], promise):
            changed.append(order)
    WorkOrder.objects.bulk_update(changed, _RECKONED, batch_size=500)
    _end(empty, done, now)
    return done


def signs_of(alerts: Iterable[Alert]) -> list[causes.Sign]:
    """Alerts, read with their rule, as the table of causes looks at them."""
    return [causes.Sign(one.pk, one.rule.key, one.rule.severity, one.opened_at) for one in alerts]


def reckon(order: WorkOrder, alerts: Sequence[Alert], promise: Promise) -> bool:
    """Set what follows from an order's open alerts; whether anything of it is new."""
    before = [getattr(order, name) for name in _ATTRIBUTES]
    order.severity = max(alert.rule.severity for alert in alerts)
    order.priority = max(alert.priority for alert in alerts)
    if order.cause_by_id is None:
        explained = causes.explain(signs_of(alerts))
        order.cause_id = explained.cause if explained is not None else None
    due = promise.due(alerts, order.clock_from)
    order.response_due_at, order.resolution_due_at = due.response_at, due.resolution_at
    order.due_is_guess, order.gone_at = due.is_guess, None
    return before != [getattr(order, name) for name in _ATTRIBUTES]


_ATTRIBUTES = ["cause_id" if name == "cause" else name for name in _RECKONED]


def _join(done: Folded, here: Q, now: dt.datetime, by: User | None) -> None:
    """Give every open alert without an open order of its own account to that account's, opened where there is none."""
    elsewhere = (
        Q(order__isnull=True) | Q(order__state=WorkOrder.State.RESOLVED) | ~Q(order__account=F("account"))
    )
    stray: dict[int, list[Alert]] = defaultdict(list)
    rows = Alert.objects.filter(here, elsewhere, state=Alert.State.OPEN)
    for alert in rows.select_related("order", "rule").order_by("pk"):
        stray[alert.account_id].append(alert)
    if not stray:
        return
    fresh = []
    standing = _standing(stray)
    for account, alerts in stray.items():
        if account in standing:
            continue
        former = [one.order for one in alerts if one.order is not None and one.order.account_id == account]
        if former:
            done.reopened.append(max(former, key=lambda order: order.pk))
        else:
            opened_at = min(alert.opened_at for alert in alerts)
            # Times count since there is a work order: alerts may be older than that.
            fresh.append(WorkOrder(account_id=account, opened_at=opened_at, clock_from=now))
    _begin_again(done.reopened, now, by)
    # Another process may have opened one at the same moment: the constraint lets one stand, and both take that.
    WorkOrder.objects.bulk_create(fresh, batch_size=500, ignore_conflicts=True)
    new = {order.account_id for order in fresh}
    standing = _standing(stray)
    done.opened = [order for account, order in standing.items() if account in new]
    for batch in batches(order.pk for order in done.opened):
        audit("work_order.opened", kind_of(WorkOrder), batch, by=by, now=now)
    joined = []
    for account, alerts in stray.items():
        for alert in alerts:
            alert.order = standing[account]
            joined.append(alert)
    Alert.objects.bulk_update(joined, ["order"], batch_size=500)
    # What is new wakes an order that somebody put off, unless it only waits in the digest.
    loud = {standing[one.account_id].pk for one in joined if not one.in_digest and not one.snoozed_until}
    for batch in batches(loud):
        WorkOrder.objects.filter(pk__in=batch, snoozed_until__isnull=False).update(snoozed_until=None)


def _standing(accounts: Iterable[int]) -> dict[int, WorkOrder]:
    found: dict[int, WorkOrder] = {}
    for batch in batches(accounts, 500):
        found |= {row.account_id: row for row in WorkOrder.objects.unresolved().filter(account__in=batch)}
    return found


def _begin_again(orders: Sequence[WorkOrder], now: dt.datetime, by: User | None) -> None:
    for order in orders:
        order.state = WorkOrder.State.WORKING if order.taken_at else WorkOrder.State.OPEN
        order.resolved_at = order.resolved_by = order.gone_at = None
        order.outcome = order.note = ""
        order.clock_from = now
        order.escalated_at = order.escalated_to = None
        order.escalated_for = ""
    WorkOrder.objects.bulk_update(orders, _BEGUN_AGAIN, batch_size=500)
    for batch in batches(order.pk for order in orders):
        audit("work_order.reopened", kind_of(WorkOrder), batch, by=by, now=now)


def _end(empty: Sequence[WorkOrder], done: Folded, now: dt.datetime) -> None:
    """Close orders whose alerts are all closed; those that somebody works on are only marked, unless a person judged the last one."""
    last: dict[int | None, Alert] = {}
    for batch in batches((order.pk for order in empty), 500):
        rows = Alert.objects.filter(order__in=batch, state=Alert.State.CLOSED)
        last |= {alert.order_id: alert for alert in rows.order_by("closed_at", "pk")}
    marked = []
    for order in empty:
        alert = last.get(order.pk)
        is_judged = alert is not None and alert.outcome not in {"", Alert.Outcome.CLEARED}
        if order.state == WorkOrder.State.WORKING and not is_judged:
            if order.gone_at is None:
                order.gone_at = now
                marked.append(order)
            continue
        order.state, order.resolved_at = WorkOrder.State.RESOLVED, now
        order.outcome = alert.outcome if alert is not None and is_judged else Alert.Outcome.CLEARED
        if alert is not None and is_judged:
            order.resolved_by_id, order.note = alert.closed_by_id, alert.note
        done.closed.append(order)
    WorkOrder.objects.bulk_update(marked, ["gone_at"], batch_size=500)
    WorkOrder.objects.bulk_update(done.closed, _ENDED, batch_size=500)
    outcomes: dict[tuple[str, int | None], list[int]] = defaultdict(list)
    for order in done.closed:
        outcomes[order.outcome, order.resolved_by_id].append(order.pk)
    for (outcome, person), keys in outcomes.items():
        who = User.objects.filter(pk=person).first() if person else None
        for batch in batches(keys, BATCH):
            audit("work_order.closed", kind_of(WorkOrder), batch, by=who, now=now, after={"outcome": outcome})
