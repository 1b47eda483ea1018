"""What becomes known after a day, as absurd as may be: none of it may change the day's figures."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

from evergreen.customers.models import Edition
from evergreen.events.kpis.models import Kpi, KpiValue
from tests.metrics.oracle.loading import append, told_records
from tests.metrics.oracle.world import (
    Event,
    Invoice,
    Line,
    Person,
    Report,
    Talk,
    Ticket,
    Told,
    World,
)

_LONG_AGO = dt.timedelta(days=30)


def poisoned(world: World, seed: int) -> None:
    """Tell the product of things that happened long before the day's end but became known after it, and of things
    that happen after it."""
    chance = random.Random(seed)
    end = world.midnight(world.day + dt.timedelta(days=1))
    editions = {edition.key: edition.pk for edition in Edition.objects.all()}
    kpis = {kpi.key: kpi.pk for kpi in Kpi.objects.all()}
    events = []
    for told in chance.sample(world.accounts, len(world.accounts) // 2):
        known = end + chance.choice((dt.timedelta(0), dt.timedelta(microseconds=1), dt.timedelta(days=3)))
        at = chance.choice((end - dt.timedelta(microseconds=1), end - _LONG_AGO, known))
        on = world.local(at)
        more = Told(told.key, told.known, pk=told.pk)
        more.tickets = [
            Ticket(at, known, "urgent", closed=at, mark=1, sentiment="negative", replies=0, reopened=5)
        ]
        more.lines = [Line(known, on, None, 10**14, told.currency, 10**6, "large", Decimal("0.9"))]
        more.invoices = [Invoice(known, on - _LONG_AGO, 10**14, 0, None, told.currency)]
        more.people = [Person(f"{told.key}-late-{seed}", known, True)]
        more.talks = [Talk(at, known, "meeting", (f"{told.key}-late-{seed}",))]
        start = world.day.replace(day=1)
        if not KpiValue.objects.filter(account_id=told.pk, kpi__key="auto_share", starts_on=start).exists():
            more.values = [Report("auto_share", start, 10.0**12, known)]
        told_records(more, editions, kpis)
        names = (
            "ledger.posted",
            "survey.answered",
            "need.stated",
            "milestone.met",
            "user.closed",
            "training.completed",
        )
        for number, name in enumerate(names):
            said = {
                "kind": "nps",
                "score": 0,
                "need": "books",
                "state": "met",
                "weight": 10**9,
                "milestone": "go-live",
            }
            id = f"{told.key}-poison-{seed}-{number}"
            events.append(
                (told.pk, Event(id, at, known, name, user="u0", count=10**12, seconds=1e12, said=said))
            )
    append(world, events)
