"""How new the newest row of each source is."""

from __future__ import annotations

import datetime as dt

from django.db.models import Max

from evergreen.base import queries as base
from evergreen.base.clock import local_day
from evergreen.customers.models import Contact, Contract, Receivable
from evergreen.desk.models import Ticket
from evergreen.events import store
from evergreen.events.kpis.models import KpiValue
from evergreen.metrics import registry
from evergreen.metrics.rules import Formula, Metric
from evergreen.work.models import Conversation

_RECORDS = {
    "tickets": Ticket,
    "lines": Contract,
    "entitlement": Contract,
    "receivables": Receivable,
    "conversations": Conversation,
    "contacts": Contact,
    "kpis": KpiValue,
}
# The roll-up's own daily sums tell its newest day faster than its rows.
_LAKE = {
    "usage": "account_days",
    "people": "account_days",
    "account_days": "account_days",
    "nps": "answers",
    "csat": "answers",
}


def sources_of(metric: Metric) -> list[str]:
    """The sources that a metric reads, directly or through formulas."""
    found: list[str] = []
    seen: set[str] = set()
    todo = [metric]
    while todo:
        one = todo.pop(0)
        if one.key in seen:
            continue
        seen.add(one.key)
        if not isinstance(one.of, Formula):
            found.append(one.source)
        todo += [other for other in map(registry.find, sorted(registry.read_by(one))) if other is not None]
    return list(dict.fromkeys(found))


def newest_rows(metric: Metric) -> dict[str, dt.date | None]:
    """The day on which the newest row of each of its sources became known; None where there is none."""
    zone = base.vendor_zone()
    found: dict[str, dt.date | None] = {}
    for source in sources_of(metric):
        if source in _LAKE:
            found[source] = store.scalar(store.reading(), f"SELECT max(known_on) FROM lake.{_LAKE[source]}")
        elif source in _RECORDS:
            newest = _RECORDS[source]._default_manager.aggregate(newest=Max("known_at"))["newest"]
            found[source] = local_day(newest, zone) if newest else None
    return found
