"""Accounts as one table with the fields that conditions ask for: records mirrored, figures from the newest snapshot."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from evergreen.base import money
from evergreen.base import queries as base
from evergreen.base.conditions import Field, Fields, Kind
from evergreen.customers.models import Account
from evergreen.metrics import records, registry
from evergreen.metrics.models import Newest
from evergreen.metrics.segments import fields as catalogue

if TYPE_CHECKING:
    import duckdb

_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.CHOICE: pa.string(),
    Kind.DATE: pa.date32(),
    Kind.FLAG: pa.bool_(),
    Kind.TAGS: pa.list_(pa.string()),
    Kind.WHOLE: pa.int64(),
}
_CHUNK = 20_000


def standing(
    con: duckdb.DuckDBPyConnection, day: dt.date, asked: Collection[str], fields: Fields
) -> ibis.expr.types.Table:
    """One row a living account: account_id, book_arr_cents (in the vendor's currency, null where there is no rate or
    figure), and every field asked for. Figures are those of the snapshot of ``day``; money stands in whole units of the vendor's
    currency.
    """
    snapshots: Any = ibis.duckdb.from_connection(con).table("snapshots", database="lake.main")
    figures = snapshots.filter(snapshots.day == day, snapshots.tenant == "")
    table: Any = _accounts(con, day, asked, fields)
    figures = figures.select("account_id", *_metrics(asked))
    return _with_amounts(table.left_join(figures, "account_id").drop("account_id_right"), asked)


def over_days(
    con: duckdb.DuckDBPyConnection, first: dt.date, last: dt.date, asked: Collection[str], fields: Fields
) -> ibis.expr.types.Table:
    """As ``standing``, a row an account and ``day`` that has a snapshot: figures of each day, by today's rates; what the records
    tell as it stands now.
    """
    snapshots: Any = ibis.duckdb.from_connection(con).table("snapshots", database="lake.main")
    figures = snapshots.filter(snapshots.day.between(first, last), snapshots.tenant == "")
    table: Any = _accounts(con, last, asked, fields)
    figures = figures.select("account_id", "day", *_metrics(asked))
    return _with_amounts(figures.inner_join(table, "account_id"), asked)


def _metrics(asked: Collection[str]) -> list[str]:
    metric_of = catalogue.metric_of()
    return sorted({"arr_cents", *(metric_of[key] for key in asked if key in metric_of)})


def _accounts(
    con: duckdb.DuckDBPyConnection, day: dt.date, asked: Collection[str], fields: Fields
) -> ibis.expr.types.Table:
    """Accounts with what their records tell, and the minor units of their currency in one of the vendor's."""
    backend = ibis.duckdb.from_connection(con)
    own = sorted(key for key in asked if key not in catalogue.metric_of())
    con.register("standing_accounts", _mirrored(own, fields))
    con.register("standing_rates", _rates(day))
    table: Any = backend.table("standing_accounts").left_join(backend.table("standing_rates"), "account_id")
    return table.drop("account_id_right")


def _with_amounts(table: Any, asked: Collection[str]) -> ibis.expr.types.Table:
    """Figures under the names of their fields, amounts in whole units of the vendor's currency."""
    metric_of = catalogue.metric_of()
    amounts = {
        key: table[metric_of[key]] / table.per_unit
        for key in asked
        if key in metric_of and registry.metric(metric_of[key]).kind == "money"
    }
    minor = 10.0 ** money.exponent(base.setting("currency"))
    book = (table.arr_cents / table.per_unit * minor).round().cast("int64")
    return table.mutate(book_arr_cents=book, **amounts)


def forget(con: duckdb.DuckDBPyConnection) -> None:
    """Let go of what ``standing`` mirrored, once its table was read."""
    for name in ("standing_accounts", "standing_rates"):
        con.unregister(name)


def _mirrored(keys: list[str], fields: Fields) -> pa.Table:
    own = [key for key in keys if key in catalogue.COLUMNS]
    custom = [key for key in keys if key.startswith(catalogue.CUSTOM)]
    columns = [catalogue.COLUMNS[key] for key in own] + (["custom"] if custom else [])
    rows = Account.objects.order_by("pk").values_list("pk", *columns)
    return _table(rows.iterator(_CHUNK), own, [fields[key] for key in custom], fields)


def _table(rows: Iterable[tuple[Any, ...]], own: list[str], custom: list[Field], fields: Fields) -> pa.Table:
    found: list[list[Any]] = [[] for _ in range(1 + len(own) + len(custom))]
    for row in rows:
        for place, value in enumerate(row[: 1 + len(own)]):
            found[place].append(value)
        if custom:
            told = row[-1] or {}
            for place, field in enumerate(custom, 1 + len(own)):
                value = told.get(field.key.removeprefix(catalogue.CUSTOM))
                found[place].append(catalogue.custom_value(value, field.kind))
    kinds = [pa.int64(), *(_TYPES.get(fields[key].kind, pa.float64()) for key in own)]
    kinds += [_TYPES.get(field.kind, pa.float64()) for field in custom]
    names = ["account_id", *own, *(field.key for field in custom)]
    return pa.table(
        {name: pa.array(values, kind) for name, values, kind in zip(names, found, kinds, strict=True)}
    )


def _currencies(day: dt.date) -> dict[int, str]:
    """The currency of each account's figures: as lists keep it, which spares reading every contract, unless that is of
    another day."""
    kept = list(Newest.objects.values_list("account_id", "day", "currency"))
    if kept and all(of == day for _pk, of, _currency in kept):
        return {pk: currency for pk, _of, currency in kept}
    return records.mirror_currencies(day)


def _rates(day: dt.date) -> pa.Table:
    """How many minor units of each account's currency make a whole unit of the vendor's; null without a rate.

    Dividing by it is exact in the vendor's own currency.
    """
    currencies = _currencies(day)
    rates = base.rates(day)
    per_unit = {
        one: float(10 ** money.exponent(one) / rates[one]) if one in rates else None
        for one in set(currencies.values())
    }
    return pa.table(
        {
            "account_id": pa.array(list(currencies), pa.int64()),
            "per_unit": pa.array([per_unit[one] for one in currencies.values()], pa.float64()),
        }
    )
