"""A world told to the product: its records as rows, its events as a batch of arrivals."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from evergreen.base.models import ExchangeRate, Setting
from evergreen.customers.models import (
    Account,
    Contact,
    Contract,
    ContractLine,
    Edition,
    Feature,
    FieldChange,
    Product,
    Receivable,
)
from evergreen.desk.models import Ticket
from evergreen.events import arrivals, store
from evergreen.events.kpis.models import Kpi, KpiTarget, KpiValue
from evergreen.work.models import Conversation
from tests.metrics.oracle.world import Event, Report, Told, World

_NUMBERS = itertools.count()


def settled(world: World) -> None:
    """What the vendor declares: its zone, features, editions, rates and KPIs."""
    Setting.objects.update_or_create(key="timezone", defaults={"value": str(world.zone)})
    product = Product.objects.create(key="suite")
    features = {
        marks.key: Feature.objects.create(
            product=product,
            key=marks.key,
            is_core=marks.core,
            is_advanced=marks.advanced,
            adds_data=marks.data,
            matchers=[{"event": name}],
        )
        for name, marks in world.features.items()
    }
    for key, held in world.editions.items():
        Edition.objects.create(product=product, key=key).features.set([features[name] for name in held])
    for currency, rate in world.rates.items():
        if currency != "CNY":
            ExchangeRate.objects.create(currency=currency, rate=rate, valid_from=dt.date(2010, 1, 1))
    for key, (period, direction) in world.kpis.items():
        Kpi.objects.create(
            key=key, period=period, direction=direction, created_at=dt.datetime(2010, 1, 1, tzinfo=dt.UTC)
        )


def loaded(world: World, accounts: Sequence[Told] | None = None, *, events: bool = True) -> None:
    """Write accounts with their records; their events too, in the order in which they became known."""
    editions = {edition.key: edition.pk for edition in Edition.objects.all()}
    kpis = {kpi.key: kpi.pk for kpi in Kpi.objects.all()}
    accounts = world.accounts if accounts is None else accounts
    for told in accounts:
        account = Account.objects.create(
            external_id=told.key, name=told.key, created_at=told.known, known_at=told.known, tier=told.tier,
            currency=told.currency, edition_id=editions.get(told.edition or ""), first_value_on=told.first_value,
        )  # fmt: skip
        told.pk = account.pk
        for known, was in told.tiers_before:
            FieldChange.objects.create(account=account, field="tier", old=was, new=told.tier, known_at=known)
        told_records(told, editions, kpis)
    if events:
        append(world, [(told.pk, event) for told in accounts for event in told.events])


def told_records(told: Told, editions: dict[str, int], kpis: dict[str, int]) -> None:
    """Tickets, contracts, receivables, people, conversations and KPIs of an account that stands already."""
    pk = told.pk
    Ticket.objects.bulk_create(
        Ticket(
            account_id=pk, external_id=f"T{next(_NUMBERS)}", opened_at=t.opened, known_at=t.known, priority=t.priority,
            first_response_at=t.answered, closed_at=t.closed, satisfaction=t.mark, sentiment=t.sentiment, replies=t.replies,
            reopened_count=t.reopened, state=Ticket.State.CLOSED if t.closed else Ticket.State.OPEN,
        )
        for t in told.tickets
    )  # fmt: skip
    for line in told.lines:
        contract = Contract.objects.create(
            account_id=pk, external_id=f"C{next(_NUMBERS)}", currency=line.currency, known_at=line.known
        )
        ContractLine.objects.create(
            contract=contract, mrr_cents=line.mrr, seats=line.seats, start_on=line.start, end_on=line.end,
            edition_id=editions.get(line.edition or ""), discount=line.discount, is_trial=line.is_trial,
            kind=ContractLine.Kind.SUBSCRIPTION if line.is_subscription else ContractLine.Kind.ONE_OFF,
        )  # fmt: skip
    Receivable.objects.bulk_create(
        Receivable(
            account_id=pk, external_id=f"R{next(_NUMBERS)}", currency=i.currency, amount_cents=i.amount, paid_cents=i.paid,
            due_on=i.due, paid_on=i.paid_on, known_at=i.known,
        )
        for i in told.invoices
    )  # fmt: skip
    role = Contact.ChainRole
    people = {
        p.key: Contact.objects.create(
            account_id=pk, external_id=p.key, name=p.key, known_at=p.known, left_on=p.left,
            role=role.DECISION_MAKER if p.decides else role.DAILY_USER,
        )
        for p in told.people
    }  # fmt: skip
    for talk in told.talks:
        row = Conversation.objects.create(account_id=pk, kind=talk.kind, at=talk.at, known_at=talk.known)
        row.contacts.set([people[key] for key in talk.people if key in people])
    for model, reports in ((KpiValue, told.values), (KpiTarget, told.targets)):
        newest = {(r.kpi, r.start): r for r in sorted(reports, key=lambda r: r.known)}
        model.objects.bulk_create(_report(model, pk, kpis, r, newest[r.kpi, r.start] is r) for r in reports)


def _report(model: Any, pk: int, kpis: dict[str, int], report: Report, stands: bool) -> Any:
    return model(
        account_id=pk, kpi_id=kpis[report.kpi], starts_on=report.start, value=report.value, known_at=report.known, stands=stands
    )  # fmt: skip


def append(world: World, events: Iterable[tuple[int, Event]], *, in_order: bool = True) -> None:
    """Store events of accounts as one batch of arrivals."""
    rows = sorted(events, key=lambda row: row[1].known) if in_order else list(events)
    if not rows:
        return
    table = pa.Table.from_pylist([_row(pk, event) for pk, event in rows], schema=arrivals.EVENT_SCHEMA)
    with arrivals.appending(), store.writing() as con:
        arrivals.append(
            con,
            table,
            origin=f"batch {next(_NUMBERS)}",
            until=1,
            zone=str(world.zone),
            now=dt.datetime.now(dt.UTC),
        )


def _row(pk: int, event: Event) -> dict[str, Any]:
    at, known = (moment.astimezone(dt.UTC).replace(tzinfo=None) for moment in (event.at, event.known))
    return {
        "source": "product", "kind": event.kind, "name": event.name, "account_id": pk, "tenant": event.tenant,
        "account_key": None, "end_user": event.user, "occurred_at": at, "sent_at": None, "received_at": known,
        "known_at": known, "count": event.count, "seconds": event.seconds, "feature": None, "flag": None,
        "properties": json.dumps(event.said) if event.said else None, "message_id": event.id, "backfilled": False,
    }  # fmt: skip
