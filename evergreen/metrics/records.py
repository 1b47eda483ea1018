"""Records mirrored as Arrow tables, as they were known at the end of a day, so that a metric is one set-based query."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import Any

import pyarrow as pa

from evergreen.base import money
from evergreen.base import queries as base
from evergreen.base.clock import day_end
from evergreen.customers import rules
from evergreen.customers.models import Account, Contact, ContractLine, Edition, Feature, Receivable
from evergreen.metrics import kpi_records, talk_records, ticket_records

# Tables that others are joined with, whatever is asked for.
_ALWAYS = frozenset({"spine", "contact_weights", "feature_flags"})


def mirror(day: dt.date, only: Collection[str] | None = None) -> dict[str, pa.Table]:
    """The record tables that metrics read (all, or those of some sources) by name, as known at the end of ``day`` in the
    vendor's zone.
    """
    zone = base.vendor_zone()
    end = day_end(day, zone)

    @cache
    def lines() -> list[_Line]:
        return list(_line_rows(end))

    @cache
    def currencies() -> dict[int, str]:
        return _currencies(lines())

    @cache
    def talks() -> list[talk_records.Talk]:
        return talk_records.conversations(end, zone)

    flags = Feature.objects.values_list("key", "is_core", "is_advanced", "adds_data").distinct()
    rows: dict[str, tuple[pa.Schema, Callable[[], Iterable[tuple[Any, ...]]]]] = {
        "spine": (_SPINE, lambda: Account.objects.filter(known_at__lt=end).values_list("pk")),
        "marked": (_MARKED, lambda: _marked(day, end)),
        "tickets": (ticket_records.SCHEMA, lambda: ticket_records.tickets(day, end, zone)),
        "lines": (_LINES, lambda: _lines(lines(), day, currencies())),
        "entitlement": (_ENTITLEMENT, lambda: _entitlement(lines(), day, end)),
        "receivables": (_RECEIVABLES, lambda: _receivables(day, end, currencies())),
        "conversations": (talk_records.CONVERSATIONS, talks),
        "cadence": (talk_records.CADENCE, lambda: talk_records.cadence(talks(), day, end, zone)),
        "contacts": (_CONTACTS, lambda: _contacts(day, end)),
        "kpis": (_KPIS, lambda: kpi_records.standings(day, end)),
        "contact_weights": (_WEIGHTS, lambda: _weights(end)),
        "feature_flags": (_FEATURES, lambda: flags),
    }
    asked = rows if only is None else [name for name in rows if name in _ALWAYS or name in only]
    return {name: _table(rows[name][0], rows[name][1]()) for name in asked}


def mirror_currencies(day: dt.date) -> dict[int, str]:
    """The currency of each account's figures on a day."""
    return _currencies(_line_rows(day_end(day, base.vendor_zone())))


_SPINE = pa.schema([("account_id", pa.int64())])
_MARKED = pa.schema([("account_id", pa.int64()), ("first_value_on", pa.date32())])
_LINES = pa.schema(
    [
        ("account_id", pa.int64()),
        ("tenant", pa.string()),
        ("start_on", pa.date32()),
        ("end_on", pa.date32()),
        ("mrr_cents", pa.int64()),
        ("list_cents", pa.int64()),
        ("net_cents", pa.int64()),
        ("seats", pa.int64()),
        ("is_subscription", pa.bool_()),
        ("is_paying", pa.bool_()),
        ("edition", pa.string()),
    ]
)
_ENTITLEMENT = pa.schema([("account_id", pa.int64()), ("features", pa.int64())])
_RECEIVABLES = pa.schema(
    [
        ("account_id", pa.int64()),
        ("open_cents", pa.int64()),
        ("days_late", pa.int64()),
        ("is_overdue", pa.bool_()),
    ]
)
_CONTACTS = pa.schema(
    [
        ("account_id", pa.int64()),
        ("is_here", pa.bool_()),
        ("is_decision_maker", pa.bool_()),
        ("role", pa.string()),
    ]
)
_KPIS = pa.schema(
    [
        ("account_id", pa.int64()),
        ("has_target", pa.bool_()),
        ("is_on_target", pa.bool_()),
        ("deviation", pa.float64()),
    ]
)
_WEIGHTS = pa.schema([("contact", pa.string()), ("weight", pa.float64())])
_FEATURES = pa.schema(
    [
        ("feature", pa.string()),
        ("is_core", pa.bool_()),
        ("is_advanced", pa.bool_()),
        ("adds_data", pa.bool_()),
    ]
)


# What metrics may read, by source (source_fields.py names the columns for people).
SCHEMAS = {
    "marked": _MARKED,
    "tickets": ticket_records.SCHEMA,
    "lines": _LINES,
    "entitlement": _ENTITLEMENT,
    "receivables": _RECEIVABLES,
    "conversations": talk_records.CONVERSATIONS,
    "cadence": talk_records.CADENCE,
    "contacts": _CONTACTS,
    "kpis": _KPIS,
}


def _table(schema: pa.Schema, rows: Iterable[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def _marked(day: dt.date, end: dt.datetime) -> Iterable[tuple[Any, ...]]:
    """Days that stand on the account's record, as soon as they have come."""
    return Account.objects.filter(known_at__lt=end, first_value_on__lte=day).values_list(
        "pk", "first_value_on"
    )


_Line = tuple[Any, ...]


def _line_rows(end: dt.datetime) -> Iterable[_Line]:
    return (
        ContractLine.objects.filter(contract__known_at__lt=end)
        .order_by("start_on", "pk")
        .values_list(
            "contract__account_id",
            "contract__currency",
            "tenant__external_id",
            "kind",
            "is_trial",
            "start_on",
            "end_on",
            "mrr_cents",
            "seats",
            "edition_id",
            "discount",
            "edition__key",
        )
        .iterator(chunk_size=20_000)
    )


def _currencies(lines: Iterable[_Line]) -> dict[int, str]:
    """The currency each account's figures are in: its own setting, else most of its contract lines, else the vendor's."""
    vendor = base.setting("currency")
    votes: dict[int, Counter[str]] = defaultdict(Counter)
    for line in lines:
        votes[line[0]][line[1]] += 1
    return {
        pk: own or (votes[pk].most_common(1)[0][0] if pk in votes else vendor)
        for pk, own in Account.objects.values_list("pk", "currency")
    }


def _lines(lines: Iterable[_Line], day: dt.date, currencies: dict[int, str]) -> Iterable[tuple[Any, ...]]:
    rates = base.rates(day)
    for account, currency, tenant, kind, is_trial, start, end, mrr, seats, *more in lines:
        _pk, discount, edition = more
        is_subscription = kind == ContractLine.Kind.SUBSCRIPTION
        in_force = start <= day and (end is None or end > day)
        net = money.converted(mrr, currency, currencies[account], rates)
        # What is given away wholly has no list price to tell of.
        at_list = None if net is None or discount is None or discount >= 1 else rules.at_list(net, discount)
        yield (
            account,
            tenant or "",
            start if start <= day else None,
            end,
            net,
            at_list,
            None if at_list is None else net,
            seats,
            is_subscription and start <= day,
            is_subscription and not is_trial and in_force,
            edition,
        )


def _entitlement(lines: Iterable[_Line], day: dt.date, end: dt.datetime) -> Iterable[tuple[int, int]]:
    """Features that the editions of the lines in force hold together, else those of the account's own edition."""
    everything = frozenset(Feature.objects.values_list("pk", flat=True))
    listed: dict[int, set[int]] = defaultdict(set)
    for edition, feature in Edition.features.through.objects.values_list("edition_id", "feature_id"):
        listed[edition].add(feature)
    by_product: dict[int, set[int]] = defaultdict(set)
    for feature, product in Feature.objects.values_list("pk", "product_id"):
        by_product[product].add(feature)
    held = {
        pk: by_product[product] if holds_all else listed[pk]
        for pk, product, holds_all in Edition.objects.values_list("pk", "product_id", "holds_all_features")
    }
    found: dict[int, set[int]] = defaultdict(set)
    for line in lines:
        account, kind, start, line_end, edition = line[0], line[3], line[5], line[6], line[9]
        in_force = start <= day and (line_end is None or line_end > day)
        if edition and in_force and kind == ContractLine.Kind.SUBSCRIPTION:
            found[account] |= held[edition] & everything
    own = Account.objects.filter(known_at__lt=end, edition__isnull=False).values_list("pk", "edition_id")
    for account, edition in own:
        if account not in found:
            found[account] = held[edition] & everything
    return [(account, len(features)) for account, features in found.items() if features]


def _receivables(day: dt.date, end: dt.datetime, currencies: dict[int, str]) -> Iterable[tuple[Any, ...]]:
    rates = base.rates(day)
    rows = Receivable.objects.filter(known_at__lt=end, due_on__lte=day).values_list(
        "account_id", "currency", "amount_cents", "paid_cents", "paid_on", "due_on"
    )
    for account, currency, amount, paid, paid_on, due in rows.iterator(chunk_size=20_000):
        # What was paid later was still open on the day.
        left = amount if paid_on and paid_on > day else amount - paid
        late = (day - due).days
        yield (
            account,
            money.converted(left, currency, currencies[account], rates),
            late,
            left > 0 and late > 0,
        )


def _contacts(day: dt.date, end: dt.datetime) -> Iterable[tuple[Any, ...]]:
    rows = Contact.objects.filter(known_at__lt=end).values_list("account_id", "left_on", "role")
    for account, left, role in rows.iterator(chunk_size=20_000):
        yield account, left is None or left > day, role == Contact.ChainRole.DECISION_MAKER, role


def _weights(end: dt.datetime) -> Iterable[tuple[Any, ...]]:
    """Answers of decision makers count twice (product.md 5.2)."""
    deciding = Contact.objects.filter(role=Contact.ChainRole.DECISION_MAKER, known_at__lt=end)
    return [
        (rules.contact_key(key, number), 2.0) for key, number in deciding.values_list("external_id", "pk")
    ]
