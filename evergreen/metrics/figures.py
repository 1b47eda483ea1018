"""The figures of a day: every source in one pass, then formulas, into a temporary table. The night and previews go this way,
and many days at once do but for use (``metrics.across``).
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from evergreen.base.working_days import WorkingDays, for_vendor
from evergreen.customers.models import Tenant
from evergreen.metrics import compiling, records, sources
from evergreen.metrics.registry import OnDay
from evergreen.metrics.rules import Metric, Usage

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir

FRESH = "fresh_snapshot"
_CALENDAR_START = dt.date(2015, 1, 1)
_MOST_KEPT = 64


def compute(con: duckdb.DuckDBPyConnection, day: dt.date, wanted: OnDay, *, tenants: bool = True) -> None:
    """Fill the temporary table ``fresh_snapshot``: day, account_id, tenant and a column a metric, as known at its end.

    Accounts come first (tenant ''), then, where asked for, their tenants. The roll-up must be up to date. A metric that is
    absent on the day has an empty column. Reads the lake only, so a reader's connection serves too.
    """
    mirrored = records.mirror(day, {metric.source for metric in wanted.metrics})
    for name, table in mirrored.items():
        con.register(name, table)
    calendar = calendar_table(day)
    con.register("working_calendar", calendar)
    con.register("night_of", night_table(day, calendar))
    backend = ibis.duckdb.from_connection(con)
    window = compiling.usage_window(backend.table("usage", database="lake.main"), day)
    flags = backend.table("feature_flags")
    usage = [metric for metric in wanted.metrics if isinstance(metric.of, Usage)]
    tenants = tenants and Tenant.objects.exists()
    reads_people = any(metric.source == "newcomers" for metric in wanted.metrics)
    if not usage and not tenants and not reads_people:
        # No figure reads the roll-up: its tables stand there without a row.
        window = window.limit(0)
    people = compiling.people(window, flags, usage)
    features = compiling.features(window, flags, usage)
    con.execute(f"CREATE OR REPLACE TEMP TABLE usage_people AS {_sql(people)}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE usage_features AS {_sql(features)}")
    there = sources.present(con, day, mirrored)
    present = {name: name in there for name in {presence(metric) for metric in wanted.metrics}}
    _fill(con, day, backend, wanted, present, tenants=tenants)
    for name in ("usage_people", "usage_features"):
        con.execute(f"DROP TABLE {name}")
    for name in (*mirrored, "working_calendar", "night_of"):
        con.unregister(name)


def _fill(
    con: duckdb.DuckDBPyConnection,
    day: dt.date,
    backend: Any,
    wanted: OnDay,
    present: Mapping[str, bool],
    *,
    tenants: bool,
) -> None:
    names = ", ".join(["account_id", "tenant", *(m.key for m in (*wanted.metrics, *wanted.absent))])
    for by_tenant in (False, True) if tenants else (False,):
        made = partial(_figures, backend, wanted, present, by_tenant=by_tenant)
        figures = compiled_once(("a day", by_tenant), wanted, present, made)
        put = f"INSERT INTO {FRESH}" if by_tenant else f"CREATE OR REPLACE TEMP TABLE {FRESH} AS"
        con.execute(f"{put} SELECT DATE '{day}' AS day, {names} FROM ({figures})")


_compiled: OrderedDict[tuple[Any, ...], str] = OrderedDict()


def compiled_once(
    way: tuple[str, bool], wanted: OnDay, present: Mapping[str, Any], made: Callable[[], ir.Table]
) -> str:
    """The query of every figure; the days come from a table, so it is compiled once a process and shape."""
    key = (
        tuple((metric.key, metric.kind, metric.formula_text()) for metric in wanted.metrics),
        tuple((metric.key, metric.kind) for metric in wanted.absent),
        tuple(sorted(present.items())),
        way,
    )
    if key not in _compiled:
        _compiled[key] = _sql(made())
        # Previews ask for many shapes once.
        while len(_compiled) > _MOST_KEPT:
            _compiled.popitem(last=False)
    _compiled.move_to_end(key)
    return _compiled[key]


def _figures(backend: Any, wanted: OnDay, present: Mapping[str, bool], *, by_tenant: bool) -> ir.Table:
    """One row an account (or tenant) with every metric: the spine, each source's one aggregation, then formulas."""
    window = compiling.Window.of(backend.table("night_of"))
    people, features = backend.table("usage_people"), backend.table("usage_features")
    spine = _spine(backend, people, by_tenant=by_tenant)
    usage = [metric for metric in wanted.metrics if isinstance(metric.of, Usage)]
    found = []
    if usage:
        found = [(usage, compiling.usage_figures(people, features, usage, window, by_tenant=by_tenant))]
    return assembled(backend, wanted, present, window, spine, found, by_tenant=by_tenant)


def assembled(
    backend: Any,
    wanted: OnDay,
    present: Mapping[str, Any],
    window: compiling.Window,
    spine: Any,
    of_usage: Iterable[tuple[Sequence[Metric], Any]],
    *,
    by_tenant: bool,
) -> ir.Table:
    """The spine with every metric beside it: those of use, found before, each other source's one aggregation, formulas.

    ``present`` says of each source whether it has rows, or names the column of the spine that does.
    """
    keys = [*(["account_id", "tenant"] if by_tenant else ["account_id"]), *window.keys]
    table = spine
    if wanted.absent:
        table = table.mutate(**{m.key: ibis.null(compiling.ibis_type(m)) for m in wanted.absent})
    for usage, found in of_usage:
        table = _joined(table, found, usage, present, keys)
    lake = sources.lake_sources(backend, window, by_tenant=by_tenant)
    for source, asked in compiling.by_source(wanted.metrics).items():
        if by_tenant and source not in sources.OF_TENANTS:
            table = table.mutate(**{m.key: ibis.null(compiling.ibis_type(m)) for m in asked})
            continue
        rows = lake[source] if source in lake else backend.table(source)
        found = compiling.row_figures(rows, asked, window, by_tenant=by_tenant)
        table = _joined(table, found, asked, present, keys)
    table = compiling.with_formulas(table, wanted.metrics, backend.table("working_calendar"), window)
    return table if by_tenant else table.mutate(tenant=ibis.literal(""))


def _spine(backend: Any, people: ir.Table, *, by_tenant: bool) -> Any:
    spine = backend.table("spine")
    if not by_tenant:
        return spine
    tenants = people.filter(people.tenant != "").select("account_id", "tenant").distinct()
    return tenants.semi_join(spine, "account_id")


def _joined(
    table: Any, found: Any, metrics: Sequence[Metric], present: Mapping[str, Any], keys: list[str]
) -> Any:
    if not any(present[presence(metric)] for metric in metrics):
        return table.mutate(**{metric.key: ibis.null(compiling.ibis_type(metric)) for metric in metrics})
    joined = table.left_join(found, keys)

    def has_rows(metric: Metric) -> Any:
        told = present[presence(metric)]
        return joined[told] if isinstance(told, str) else told

    typed = {m.key: compiling.typed(joined[m.key], m, has_rows=has_rows(m)) for m in metrics}
    kept = [column for column in table.columns if column not in typed]
    return joined.select(*kept, **typed)


def presence(metric: Metric) -> str:
    """What must be there for the metric's count to be 0 rather than missing: its source, people in it, such features."""
    if isinstance(metric.of, Usage):
        if metric.of.only:
            return f"usage_{metric.of.only}"
        return "usage_people" if metric.of.measure in {"users", "user_days"} else "usage"
    return metric.source


def _sql(expression: ir.Table) -> str:
    return str(ibis.to_sql(expression, dialect="duckdb"))


def night_table(day: dt.date, calendar: pa.Table) -> pa.Table:
    """The one row that queries take their day from; bit i of working_mask is the day i days before.

    ``calendar`` ends with the day.
    """
    working = for_vendor()
    mask = sum(1 << back for back in range(56) if is_working(working, day - dt.timedelta(days=back)))
    return pa.table(
        {
            "day": pa.array([day], pa.date32()),
            "working_mask": pa.array([mask], pa.int64()),
            "working_total": calendar["working_total"][-1:],
            "working_days_28d": pa.array([float((mask & ((1 << 28) - 1)).bit_count())]),
            "working_days_prev_28d": pa.array([float((mask >> 28).bit_count())]),
        }
    )


def is_working(calendar: WorkingDays, day: dt.date) -> bool:
    """Whether the vendor works on a day; of a year not published yet, whether it is a weekday."""
    return calendar.working_or_weekday(day)[0]


def calendar_table(day: dt.date) -> pa.Table:
    """Every day since 2015 with the number of working days up to and including it."""
    calendar = for_vendor()
    days, totals, total = [], [], 0
    current = _CALENDAR_START
    while current <= day:
        total += is_working(calendar, current)
        days.append(current)
        totals.append(total)
        current += dt.timedelta(days=1)
    return pa.table({"day": pa.array(days, pa.date32()), "working_total": pa.array(totals, pa.int64())})
