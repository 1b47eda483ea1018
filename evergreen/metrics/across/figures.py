"""The figures of many days into a temporary table, as ``metrics.figures`` computes those of one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from evergreen.base.working_days import for_vendor
from evergreen.customers.models import Tenant
from evergreen.metrics import compiling, figures, records, sources
from evergreen.metrics.across import levels, usage
from evergreen.metrics.registry import OnDay
from evergreen.metrics.rules import WINDOW_DAYS, Metric, Usage

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir

MOST_DAYS = 64
# Records stand in memory once for each day.
MOST_RECORDS = 2_000_000
# What is the same on every day.
_TIMELESS = "feature_flags"

Mirrored = dict[dt.date, Mapping[str, pa.Table]]


def mirrored(days: Iterable[dt.date], wanted: OnDay) -> Mirrored:
    """The records that metrics read, as known at the end of each of the first of ``days``: as many as one pass takes."""
    only = {metric.source for metric in wanted.metrics}
    found: Mirrored = {}
    rows = 0
    for day in days:
        tables = records.mirror(day, only)
        found[day] = tables
        rows += sum(table.num_rows for table in tables.values())
        if len(found) == MOST_DAYS or rows >= MOST_RECORDS:
            break
    return found


def compute(
    con: duckdb.DuckDBPyConnection, of_days: Mirrored, wanted: OnDay, *, tenants: bool = True
) -> None:
    """Fill the temporary table ``fresh_snapshot``, as ``metrics.figures.compute`` does, with the rows of several days.

    One pass: what use counts is moved from day to day (``usage``); every other source stands there once a day, as known
    at its end, and goes the way of one day with the day as a column.
    """
    days = sorted(of_days)
    metrics = [metric for metric in wanted.metrics if isinstance(metric.of, Usage)]
    there = sources.present_by_day(con, of_days)
    asked = {figures.presence(metric) for metric in wanted.metrics}
    made = {
        **_stacked(of_days),
        "working_calendar": figures.calendar_table(days[-1]),
        "across_nights": _nights(days, {name: [name in there[day] for day in days] for name in asked}),
        "across_calendar": levels.calendar(days),
        "across_working": _working(days),
    }
    for name, table in made.items():
        con.register(name, table)
    backend = ibis.duckdb.from_connection(con)
    tenants = tenants and Tenant.objects.exists()
    nights = backend.table("across_nights")
    rows = usage.window(backend.table("usage", database="lake.main"), backend.table(_TIMELESS), days)
    reads_people = any(metric.source == "newcomers" for metric in wanted.metrics)
    temporary = {
        "across_people": usage.people(_if(rows, metrics), metrics),
        "across_features": usage.features(_if(rows, metrics or tenants), metrics),
        "usage_people": usage.first_core_days(_if(rows, reads_people), nights),
    }
    for name, expression in temporary.items():
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {_sql(expression)}")
    present = {name: f"has_{name}" for name in asked}
    names = ", ".join(["account_id", "tenant", *(m.key for m in (*wanted.metrics, *wanted.absent))])
    for by_tenant in (False, True) if tenants else (False,):
        make = partial(_figures, backend, wanted, present, metrics, by_tenant=by_tenant)
        sql = figures.compiled_once(("many days", by_tenant), wanted, present, make)
        put = (
            f"INSERT INTO {figures.FRESH}"
            if by_tenant
            else f"CREATE OR REPLACE TEMP TABLE {figures.FRESH} AS"
        )
        con.execute(f"{put} SELECT asked AS day, {names} FROM ({sql})")
    for name in temporary:
        con.execute(f"DROP TABLE {name}")
    for name in made:
        con.unregister(name)


def _if(rows: Any, needed: object) -> Any:
    """The rows where any figure needs them."""
    return rows if needed else rows.limit(0)


def _figures(
    backend: Any, wanted: OnDay, present: Mapping[str, Any], metrics: Sequence[Metric], *, by_tenant: bool
) -> ir.Table:
    """One row an account (or tenant) and day with every metric."""
    nights = backend.table("across_nights")
    tables = usage.Tables(
        backend.table("across_people"),
        backend.table("across_features"),
        nights,
        backend.table("across_calendar"),
        backend.table("across_working"),
    )
    spine = backend.table("spine")
    if by_tenant:
        spine = usage.tenants(tables).semi_join(spine, ["account_id", "asked"])
    spine = spine.inner_join(nights, "asked")
    window = compiling.Window.of_many(nights)
    found = usage.figures(tables, metrics, by_tenant=by_tenant)
    return figures.assembled(backend, wanted, present, window, spine, found, by_tenant=by_tenant)


def _stacked(of_days: Mirrored) -> dict[str, pa.Table]:
    """Each table of records once for each day, which ``asked`` names."""
    tables: dict[str, pa.Table] = {}
    newest = of_days[max(of_days)]
    for name in newest:
        if name == _TIMELESS:
            tables[name] = newest[name]
            continue
        parts = [
            told[name].append_column("asked", pa.repeat(pa.scalar(day, pa.date32()), told[name].num_rows))
            for day, told in of_days.items()
        ]
        tables[name] = pa.concat_tables(parts)
    return tables


def _nights(days: Sequence[dt.date], has: Mapping[str, list[bool]]) -> pa.Table:
    """The row of each day that ``metrics.figures`` takes its day from, with its number and which sources have rows."""
    calendar = figures.calendar_table(days[-1])
    last = calendar.num_rows - 1
    rows = [figures.night_table(day, calendar.slice(0, last - (days[-1] - day).days + 1)) for day in days]
    nights = pa.concat_tables(rows).rename_columns({"day": "asked"})
    nights = nights.append_column("at", pa.array([(day - days[0]).days for day in days], pa.int64()))
    for name, told in has.items():
        nights = nights.append_column(f"has_{name}", pa.array(told, pa.bool_()))
    return nights


def _working(days: Sequence[dt.date]) -> pa.Table:
    """The working days of every window, as numbers."""
    vendor = for_vendor()
    first = days[0]
    numbers = range(1 - WINDOW_DAYS, (days[-1] - first).days + 1)
    working = [n for n in numbers if figures.is_working(vendor, first + dt.timedelta(days=n))]
    return pa.table({"at": pa.array(working, pa.int64())})


def _sql(expression: Any) -> str:
    return str(ibis.to_sql(expression, dialect="duckdb"))
