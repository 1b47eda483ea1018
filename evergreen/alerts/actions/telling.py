"""What alerts and work orders did comes back as events and as counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from evergreen.alerts.models import Alert, Rule, WorkOrder
from evergreen.customers.models import Account
from evergreen.events import journal


def recount(alerts: Iterable[Alert]) -> None:
    """Bring the counts of open alerts that lists show up to date at once (the night does it for all)."""
    open_ones = Alert.objects.filter(account=OuterRef("pk"), state=Alert.State.OPEN).order_by()
    count = open_ones.values("account").annotate(n=Count("pk")).values("n")
    Account.objects.filter(pk__in={alert.account_id for alert in alerts}).update(
        open_alerts=Coalesce(Subquery(count), 0)
    )


def tell(opened: Iterable[Alert], closed: Iterable[Alert]) -> None:
    """Everything comes back as an event, so that metrics and models can read what we did."""
    keys = dict(Rule.objects.values_list("pk", "key"))
    told = [
        _event("alert.opened", alert.account_id, alert.opened_at, f"{alert.pk}", _of(alert, keys))
        for alert in opened
    ]
    for alert in closed:
        at = (alert.closed_at or alert.opened_at).astimezone(dt.UTC)
        properties = {**_of(alert, keys), "outcome": alert.outcome}
        told.append(_event("alert.closed", alert.account_id, at, f"{alert.pk}:{at.isoformat()}", properties))
    if told:
        journal.write_system_events(told)


def tell_orders(
    opened: Iterable[WorkOrder] = (), closed: Iterable[WorkOrder] = (), escalated: Iterable[WorkOrder] = ()
) -> None:
    """Work orders opened, closed and escalated, as events. Telling again adds nothing."""
    told = [
        _event("work_order.opened", order.account_id, order.opened_at, f"{order.pk}", {"order": order.pk})
        for order in opened
    ]
    for name, moment, orders in (
        ("work_order.closed", "resolved_at", closed),
        ("work_order.escalated", "escalated_at", escalated),
    ):
        for order in orders:
            at = (getattr(order, moment) or order.opened_at).astimezone(dt.UTC)
            properties: dict[str, Any] = {"order": order.pk, "severity": order.severity}
            if moment == "resolved_at":
                properties["outcome"] = order.outcome
            else:
                properties["for"] = order.escalated_for
            told.append(_event(name, order.account_id, at, f"{order.pk}:{at.isoformat()}", properties))
    if told:
        journal.write_system_events(told)


def _of(alert: Alert, rule_keys: Mapping[int, str]) -> dict[str, Any]:
    return {"rule": rule_keys[alert.rule_id], "alert": alert.pk}


def _event(
    name: str, account: int, at: dt.datetime, key: str, properties: dict[str, Any]
) -> journal.SystemEvent:
    return {
        "name": name,
        "account_id": account,
        "occurred_at": at,
        "known_at": at,
        "message_id": f"{name}:{key}",
        "properties": properties,
    }
