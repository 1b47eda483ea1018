"""Contract lines read from the records as columns, in the vendor's currency: two queries, whatever their number."""

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
from evergreen.customers.endings import Endings, endings
from evergreen.customers.lines import NEVER, NONE, Ints, Lines, of_table
from evergreen.customers.models import Account, Contract, ContractLine, FieldChange


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


def read_endings(since: dt.date, today: dt.date, *, grace_days: int | None = None) -> Endings:
    """When the cover of accounts came to an end and what became of them, amounts by the rates of ``today``.

    ``grace_days`` is the setting's unless given.
    """
    zone = base.vendor_zone()
    rows = FieldChange.objects.filter(field="stage", new=Account.Stage.CHURNED).order_by("known_at")
    told = {pk: at.astimezone(zone).date() for pk, at in rows.values_list("account_id", "known_at")}
    gone = Account.objects.filter(stage=Account.Stage.CHURNED).order_by().values_list("pk", flat=True)
    grace = int(base.setting("renewal_grace_days")) if grace_days is None else grace_days
    return endings(
        read_lines(today).lines,
        since=since,
        today=today,
        grace_days=grace,
        recorded=told,
        gone=frozenset(gone),
    )
