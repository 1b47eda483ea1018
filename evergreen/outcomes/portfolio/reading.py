"""Contract lines and the groups of accounts, read from the records in one query each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connections
from django.db.models import Case, F, Func, IntegerField, QuerySet, Value, When
from django.db.models.functions import Coalesce

from evergreen.base import money
from evergreen.base import queries as base
from evergreen.customers.figures import SegmentMember
from evergreen.customers.models import Account, Contract, ContractLine, FieldChange
from evergreen.outcomes.portfolio.lines import NEVER, NONE, Ints, Lines, number, of_table

_CHUNK = 50_000


class DayNumber(Func):
    """A date as days since 1970-01-01, computed where it lies: a Python date a row costs more than all else."""

    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="CAST(julianday(%(expressions)s) - 2440587.5 AS INTEGER)", **extra)  # fmt: skip

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="((%(expressions)s) - DATE '1970-01-01')", **extra)


@dataclass(frozen=True, slots=True)
class Read:
    """Lines in the vendor's currency, and the lines left out for want of a rate by currency."""

    lines: Lines
    currency: str
    rates_on: dt.date
    left_out: dict[str, int]


def read_lines(rates_on: dt.date, accounts: QuerySet[Account] | None = None) -> Read:
    """Every subscription line that is no trial (of ``accounts``, else of all), by the rates of one day."""
    vendor, rates = base.setting("currency"), base.rates(rates_on)
    currencies = sorted(Contract.objects.order_by().values_list("currency", flat=True).distinct())
    contracts = (
        Contract.objects.all()
        if accounts is None
        else Contract.objects.filter(account__in=accounts.order_by())
    )
    key, account, signed, code, renews = _columns(
        contracts,
        "pk",
        "account_id",
        Coalesce(DayNumber(F("signed_on")), Value(NEVER)),
        Case(*(When(currency=one, then=place) for place, one in enumerate(currencies)), default=NONE),
        Coalesce("renews_id", Value(NONE)),
    )
    # The two tables are read side by side: row by row, one fetches the other's row from wherever it lies.
    of_contract, start, end, cents, edition, counts = _columns(
        ContractLine.objects.all(),
        "contract_id",
        DayNumber(F("start_on")),
        Coalesce(DayNumber(F("end_on")), Value(NEVER)),
        "mrr_cents",
        Coalesce("edition_id", Value(NONE)),
        # A condition here would send SQLite through an index to every single row.
        Case(When(kind=ContractLine.Kind.SUBSCRIPTION, is_trial=False, then=1), default=0),
    )
    order = np.argsort(key)
    place = np.searchsorted(key, of_contract, sorter=order)
    place = order[np.minimum(place, len(order) - 1)] if len(order) else np.zeros_like(place)
    kept = (counts == 1) & (key[place] == of_contract) if len(order) else np.zeros(len(counts), np.bool_)
    place, start = place[kept], start[kept]
    worth, left_out = _converted(cents[kept], code[place], currencies, vendor, rates)
    table = np.column_stack(
        [
            account[place],
            key[place],
            start,
            end[kept],
            np.where(signed[place] == NEVER, start, signed[place]),
            worth,
            edition[kept],
            _renewed_by(key[place], np.column_stack([renews, key])[renews != NONE]),
        ]
    )
    lost = [place for place, one in enumerate(currencies) if one in left_out]
    return Read(of_table(table[np.isin(code[place], lost, invert=True)]), vendor, rates_on, left_out)


def _columns(rows: QuerySet[Any], *expressions: Any) -> list[Ints]:
    """Whole numbers of every row as columns, past Django's conversion of each value."""
    named = {f"c{place}": F(one) if isinstance(one, str) else one for place, one in enumerate(expressions)}
    asked = rows.order_by().annotate(**named).values_list(*named)
    sql, params = asked.query.sql_with_params()
    with connections[asked.db].cursor() as cursor:
        cursor.execute(sql, params)
        table = np.array(cursor.fetchall(), np.int64).reshape(-1, len(named))
    return [np.ascontiguousarray(column) for column in table.T]


def _renewed_by(contract: Ints, pairs: Ints) -> Ints:
    """The contract that renews each line's own, NONE where none is linked."""
    if not len(pairs):
        return np.full(len(contract), NONE, np.int64)
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    place = np.minimum(np.searchsorted(pairs[:, 0], contract), len(pairs) - 1)
    return np.where(pairs[place, 0] == contract, pairs[place, 1], NONE)


def _converted(
    cents: Ints, code: Ints, currencies: Sequence[str], vendor: str, rates: Any
) -> tuple[Ints, dict[str, int]]:
    """Amounts in the vendor's currency, each by itself to the minor unit, and how many lines have no rate."""
    worth, left_out = cents.copy(), {}
    for place, currency in enumerate(currencies):
        mine = np.flatnonzero(code == place)
        if currency == vendor or not len(mine):
            continue
        amounts, back = np.unique(cents[mine], return_inverse=True)
        exchanged = [money.converted(int(one), currency, vendor, rates) for one in amounts]
        if exchanged[0] is None:
            left_out[currency] = len(mine)
        else:
            worth[mine] = np.array(exchanged, np.int64)[back]
    return worth, left_out


@dataclass(frozen=True, slots=True)
class Groups:
    """The values of a dimension and each account's on each day: ``codes`` (days, accounts) are places in ``keys``."""

    keys: list[str]
    codes: Ints


def of_field(field: str, accounts: Ints, bounds: Ints, visible: QuerySet[Account]) -> Groups:
    """Tier, industry or owner (by key; '' for nobody) of each account on each day, as it was known at that day's end.

    Industry has no history: its value of now serves. So does the first known value for the time before it was known.
    """
    column = "owner_id" if field == "owner" else field
    rows = list(visible.order_by().values_list("pk", column).iterator(_CHUNK))
    values = {key: "" if value is None else str(value) for key, value in rows}
    now = [values.get(key, "") for key in accounts.tolist()]
    changes = [] if field == "industry" else _changes(field, accounts, values)
    keys = sorted({*now, *(word for _place, _day, word in changes)})
    code = {key: place for place, key in enumerate(keys)}
    codes = np.array([code[one] for one in now], np.int64).reshape(1, -1).repeat(len(bounds), 0)
    if changes:
        place, days, words = (
            np.array(column) for column in zip(*((p, d, code[w]) for p, d, w in changes), strict=True)
        )
        for row, day in enumerate(bounds):
            later = days > day
            # From the newest to the oldest: of a repeated account the oldest change after the day stays.
            codes[row, place[later]] = words[later]
    return Groups(keys, codes)


def _changes(field: str, accounts: Ints, values: dict[int, str]) -> list[tuple[int, int, str]]:
    """(account's place, day, what stood before), the newest first; before the first known value that value itself."""
    zone = base.vendor_zone()
    owners: dict[str, str] = {}
    if field == "owner":
        owners = {email: str(key) for key, email in base.staff_emails()}
    place_of = {key: place for place, key in enumerate(accounts.tolist())}
    found = []
    first: set[int] = set()
    rows = FieldChange.objects.filter(field=field).order_by("known_at", "pk")
    for account, old, new, at in rows.values_list("account_id", "old", "new", "known_at").iterator(_CHUNK):
        place = place_of.get(account)
        if place is None:
            continue
        word = new if not old and place not in first else old
        first.add(place)
        if field == "owner":
            word = owners.get(word, "")
        found.append((place, number(at.astimezone(zone).date()), word))
    return found[::-1]


def members(segment: str, accounts: Ints) -> Any:
    """Which of the accounts are in a segment now."""
    inside = SegmentMember.objects.filter(segment=segment).values_list("account_id", flat=True)
    return np.isin(accounts, np.fromiter(inside.iterator(_CHUNK), np.int64))
