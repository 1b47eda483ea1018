"""What alerts did comes back as events and as counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from evergreen.alerts.models import Alert, Rule
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
    told = [_event("alert.opened", alert, alert.opened_at, f"{alert.pk}", keys) for alert in opened]
    for alert in closed:
        at = (alert.closed_at or alert.opened_at).astimezone(dt.UTC)
        told.append(
            _event("alert.closed", alert, at, f"{alert.pk}:{at.isoformat()}", keys, outcome=alert.outcome)
        )
    if told:
        journal.write_system_events(told)


def _event(
    name: str, alert: Alert, at: dt.datetime, key: str, rule_keys: Mapping[int, str], **properties: Any
) -> journal.SystemEvent:
    return {
        "name": name,
        "account_id": alert.account_id,
        "occurred_at": at,
        "known_at": at,
        "message_id": f"{name}:{key}",
        "properties": {"rule": rule_keys[alert.rule_id], "alert": alert.pk, **properties},
    }
