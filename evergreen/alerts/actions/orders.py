"""What people do with work orders: take up, give away, say the cause, put off, close with a result, take back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from evergreen.alerts.actions.folding import fold
from evergreen.alerts.actions.telling import recount, tell, tell_orders
from evergreen.alerts.models import Alert, WorkOrder
from evergreen.base import changes as rows
from evergreen.base.actions import audit
from evergreen.base.models import AuditEntry, User
from evergreen.customers.queries import accounts_for, sees_every_account


@dataclass(frozen=True, slots=True)
class ClosedOrders:
    """Work orders that were closed together, and the alerts that closed with them."""

    orders: list[WorkOrder]
    alerts: list[Alert]


def verdicts() -> list[str]:
    """What a person may say came of an alert or an order."""
    return [choice.value for choice in Alert.Outcome if choice != Alert.Outcome.CLEARED]


def check_verdict(outcome: str) -> None:
    """Raises ValidationError for an outcome that a person cannot give."""
    if outcome not in verdicts():
        allowed = ", ".join(str(Alert.Outcome(value).label) for value in verdicts())
        raise ValidationError(
            _("The outcome is %(found)s; allowed are %(allowed)s. Nothing was closed.")
            % {"found": outcome or "-", "allowed": allowed}
        )


def close_orders(
    ids: Iterable[int], outcome: str, *, by: User | None, now: dt.datetime, note: str = ""
) -> ClosedOrders:
    """Close work orders with what came of them, and with each all its open alerts: one transaction and one audit entry a batch.

    Those resolved already are left as they are. Raises ValidationError for an outcome that a person cannot give.
    """
    check_verdict(outcome)
    verdict = {"outcome": outcome, "note": note[:300]}
    resolved = {
        "state": WorkOrder.State.RESOLVED.value, "resolved_at": now, "resolved_by": by, "gone_at": None, "snoozed_until": None,
        **verdict,
    }  # fmt: skip
    closed: list[Alert] = []

    def close_alerts(changed: Sequence[rows.Changed]) -> None:
        theirs = Alert.objects.filter(order__in=[row.pk for row in changed], state=Alert.State.OPEN)
        keys = list(theirs.values_list("pk", flat=True))
        theirs.update(state=Alert.State.CLOSED, closed_at=now, closed_by=by, **verdict)
        closed.extend(Alert.objects.filter(pk__in=keys).select_related("rule", "account"))

    with transaction.atomic():
        entries = rows.apply_to_many(
            WorkOrder.objects.unresolved(), ids, resolved, verb="work_order.closed", by=by, now=now, then=close_alerts
        )  # fmt: skip
        orders = list(WorkOrder.objects.filter(pk__in=_keys(entries)).order_by("pk"))
        recount(closed)
        transaction.on_commit(lambda: tell((), closed))
        transaction.on_commit(lambda: tell_orders(closed=orders))
    return ClosedOrders(orders, closed)


def take_up(ids: Iterable[int], *, by: User, now: dt.datetime) -> list[AuditEntry]:
    """Somebody takes work orders up: the first response. Those that wait are in work now, and all of them are that person's."""
    mine = {"assignee": by, "is_given": True, "snoozed_until": None}
    begun = {**mine, "state": WorkOrder.State.WORKING.value, "taken_at": now, "taken_by": by}
    listed = list(ids)
    working = list(
        WorkOrder.objects.filter(pk__in=listed, state=WorkOrder.State.WORKING).values_list("pk", flat=True)
    )
    with transaction.atomic():
        waiting = WorkOrder.objects.filter(state=WorkOrder.State.OPEN)
        entries = rows.apply_to_many(waiting, listed, begun, verb="work_order.taken", by=by, now=now)
        entries += rows.apply_to_many(
            WorkOrder.objects.unresolved(), working, mine, verb="work_order.taken", by=by, now=now
        )
    return entries


def respond(alerts: Collection[int], *, by: User, now: dt.datetime) -> None:
    """Somebody did a task of some alerts: where nobody took their order up, that was the first response. Whose it is stays."""
    orders = set(Alert.objects.filter(pk__in=alerts).values_list("order", flat=True))
    begun = {"state": WorkOrder.State.WORKING.value, "taken_at": now, "taken_by": by}
    waiting = WorkOrder.objects.filter(state=WorkOrder.State.OPEN)
    rows.apply_to_many(
        waiting, [key for key in orders if key], begun, verb="work_order.taken", by=by, now=now
    )


def assign_orders(
    ids: Iterable[int], person: User | None, *, by: User | None, now: dt.datetime
) -> list[AuditEntry]:
    """Give work orders to a person (None: to nobody). Raises ValidationError when the person may not see all of their accounts."""
    listed = list(ids)
    if person is not None and not sees_every_account(person):
        seen = accounts_for(person).order_by().values("pk")
        hidden = WorkOrder.objects.filter(pk__in=listed).exclude(account__in=seen).count()
        if hidden:
            raise ValidationError(
                _(
                    "%(name)s may not see the accounts of %(hidden)s of these work orders. Choose somebody of their team, or give "
                    "the accounts first. Nothing was changed."
                )
                % {"name": person, "hidden": hidden}
            )
    given = {"assignee": person, "is_given": True}
    return rows.apply_to_many(
        WorkOrder.objects.unresolved(), listed, given, verb="work_order.assigned", by=by, now=now
    )


def snooze_orders(
    ids: Iterable[int], until: dt.date, *, by: User | None, now: dt.datetime
) -> list[AuditEntry]:
    """Take work orders with their open alerts out of sight until a day; what joins one before brings it back."""

    def snooze_alerts(changed: Sequence[rows.Changed]) -> None:
        theirs = Alert.objects.filter(order__in=[row.pk for row in changed], state=Alert.State.OPEN)
        theirs.update(snoozed_until=until)

    return rows.apply_to_many(
        WorkOrder.objects.unresolved(), ids, {"snoozed_until": until}, verb="work_order.snoozed", by=by, now=now,
        then=snooze_alerts,
    )  # fmt: skip


@transaction.atomic
def set_cause(
    order: WorkOrder, alert: int | None, words: str = "", *, by: User, now: dt.datetime
) -> WorkOrder:
    """Say the cause: one of the order's alerts, own words, or both; neither gives it back to the table.

    Raises ValidationError for an alert that is not of this order.
    """
    words = words.strip()[:200]
    if alert is not None and not Alert.objects.filter(pk=alert, order=order).exists():
        raise ValidationError(
            _("This alert does not belong to the work order. Choose one of its alerts. Nothing was changed.")
        )
    is_said = alert is not None or bool(words)
    held = rows.locked(order)
    cause = alert if alert is not None else held.cause_id
    changes = {
        "cause": Alert.objects.filter(pk=cause).first() if cause else None,
        "cause_words": words,
        "cause_by": by if is_said else None,
    }
    done = rows.apply(order, changes, changes)
    if done:
        audit(
            "work_order.cause_set", rows.kind_of(WorkOrder), [order.pk], by=by, now=now, before=done.before, after=done.after
        )  # fmt: skip
    if not is_said:
        fold(accounts=[order.account_id], now=now)
    order.refresh_from_db()
    return order


@transaction.atomic
def reopen_orders(ids: Iterable[int], *, by: User | None, now: dt.datetime) -> int:
    """Open work orders that a person closed again, with the alerts that closed with them, unless the account has another open
    one. Returns how many.
    """
    listed = set(ids)
    closed = WorkOrder.objects.filter(
        pk__in=listed, state=WorkOrder.State.RESOLVED, resolved_by__isnull=False
    )
    newest = dict(closed.order_by("pk").values_list("account", "pk"))
    free = set(newest.values()) - _taken(listed)
    shut = dict(WorkOrder.objects.filter(pk__in=free).values_list("pk", "resolved_at"))
    again = {
        "resolved_at": None, "resolved_by": None, "outcome": "", "note": "", "clock_from": now, "escalated_at": None,
        "escalated_to": None, "escalated_for": "",
    }  # fmt: skip
    entries: list[AuditEntry] = []
    for is_taken, state in ((False, WorkOrder.State.OPEN), (True, WorkOrder.State.WORKING)):
        of = closed.filter(taken_at__isnull=not is_taken)
        entries += rows.apply_to_many(
            of, sorted(free), {**again, "state": state.value}, verb="work_order.reopened", by=by, now=now
        )
    keys = _keys(entries)
    for key in keys:
        _open_alerts(key, shut[key])
    _settle(keys, now)
    return len(keys)


@transaction.atomic
def undo_orders(entry: AuditEntry, *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Give work orders back what stood before; with a closing also their alerts, with a snooze theirs. An order of an account
    that has another open one by now stays closed.
    """
    if entry.verb == "work_order.closed":
        taken = _taken(entry.object_ids)
        for group in entry.before.get("groups", ()):
            group["ids"] = [pk for pk in group["ids"] if pk not in taken]

    def give_back(restored: Sequence[rows.Changed]) -> None:
        for row in restored:
            if "resolved_at" in row.before and entry.verb == "work_order.closed":
                _open_alerts(row.pk, dt.datetime.fromisoformat(row.before["resolved_at"]))
            elif entry.verb == "work_order.snoozed":
                until = dt.date.fromisoformat(row.before["snoozed_until"])
                Alert.objects.filter(order=row.pk, snoozed_until=until).update(snoozed_until=None)

    made = rows.undo(entry, WorkOrder, by=by, now=now, then=give_back)
    _settle(entry.object_ids, now)
    return made


def _open_alerts(order: int, closed_at: dt.datetime | None) -> None:
    """Open the alerts that closed with an order at a moment, but for those whose rule opened anew on the account."""
    again = Alert.objects.filter(rule=OuterRef("rule"), account=OuterRef("account"), state=Alert.State.OPEN)
    shut = Alert.objects.filter(order=order, state=Alert.State.CLOSED, closed_at=closed_at)
    keys = list(shut.exclude(Exists(again)).values_list("pk", flat=True))
    Alert.objects.filter(pk__in=keys).update(
        state=Alert.State.OPEN, closed_at=None, closed_by=None, outcome="", note=""
    )


def _settle(orders: Iterable[int], now: dt.datetime) -> None:
    """Counts of the accounts' open alerts, and what follows for their orders."""
    accounts = set(WorkOrder.objects.filter(pk__in=list(orders)).values_list("account", flat=True))
    recount(Alert.objects.filter(account__in=accounts))
    fold(accounts=accounts, now=now)


def _taken(ids: Iterable[int]) -> set[int]:
    """Those of the orders whose account has another open one already."""
    other = WorkOrder.objects.unresolved().filter(account=OuterRef("account")).exclude(pk=OuterRef("pk"))
    found = WorkOrder.objects.filter(Exists(other), pk__in=list(ids), state=WorkOrder.State.RESOLVED)
    return set(found.values_list("pk", flat=True))


def _keys(entries: Iterable[AuditEntry]) -> list[int]:
    return [key for entry in entries for key in entry.object_ids]
