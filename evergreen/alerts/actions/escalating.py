"""Work orders past their due time: told to a manager, once."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from evergreen.alerts.actions.telling import tell_orders
from evergreen.alerts.models import Alert, WorkOrder
from evergreen.base import queries as base
from evergreen.base.actions import audit
from evergreen.base.changes import kind_of
from evergreen.base.models import User
from evergreen.base.roles import Role

MOST = 1_000


def escalate_due(*, now: dt.datetime) -> list[WorkOrder]:
    """Escalate each open work order that missed a due time, once: to a manager of its person's team, else of the account's team,
    else to any (setting ``order_escalation``; ``off`` escalates nothing). What is put off is left until it is back.

    Safe to run in several processes: an order is claimed by a filtered update.
    """
    if base.setting("order_escalation") == "off":
        return []
    today = base.vendor_day(now)
    awake = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=today)
    in_sight = Exists(Alert.objects.filter(awake, order=OuterRef("pk"), state=Alert.State.OPEN))
    waits = Q(state=WorkOrder.State.OPEN, response_due_at__lt=now)
    late = (
        WorkOrder.objects.unresolved()
        .awake(today)
        .filter(waits | Q(resolution_due_at__lt=now), in_sight, escalated_at__isnull=True)
        .select_related("account__owner", "assignee")
        .order_by(F("priority").desc(), "pk")[:MOST]
    )
    managers = _managers()
    return [order for order in late if _escalate(order, managers, now)]


def _escalate(order: WorkOrder, managers: list[tuple[User, frozenset[int]]], now: dt.datetime) -> bool:
    waited = order.state == WorkOrder.State.OPEN and order.response_due_at and order.response_due_at < now
    kind = WorkOrder.Broken.RESPONSE if waited else WorkOrder.Broken.RESOLUTION
    lead = _lead(order, managers)
    with transaction.atomic():
        claimed = WorkOrder.objects.unresolved().filter(pk=order.pk, escalated_at__isnull=True)
        if claimed.update(escalated_at=now, escalated_to=lead, escalated_for=kind) != 1:
            return False
        order.escalated_at, order.escalated_to, order.escalated_for = now, lead, kind
        audit(
            "work_order.escalated", kind_of(WorkOrder), [order.pk], by=None, now=now,
            after={"to": lead.pk if lead else None, "for": kind.value},
        )  # fmt: skip
        transaction.on_commit(lambda: tell_orders(escalated=[order]))
    return True


def _managers() -> list[tuple[User, frozenset[int]]]:
    rows = User.objects.filter(role=Role.MANAGER, is_active=True).prefetch_related("teams").order_by("pk")
    return [(user, frozenset(team.pk for team in user.teams.all())) for user in rows]


def _lead(order: WorkOrder, managers: list[tuple[User, frozenset[int]]]) -> User | None:
    """The manager of the person's team, else of the account's, else any; never the person itself; None without one."""
    person = order.person
    others = [(user, teams) for user, teams in managers if person is None or user.pk != person.pk]
    mine = frozenset(person.teams.values_list("pk", flat=True)) if person is not None else frozenset()
    for near in (mine, frozenset({order.account.team_id} - {None})):
        for user, teams in others:
            if teams & near:
                return user
    return others[0][0] if others else None
