"""Take the snapshot of a day, and keep the newest figures of each account as rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa
from django.db import transaction

from evergreen.base import money
from evergreen.base import queries as base
from evergreen.base.clock import day_end
from evergreen.base.upserts import put
from evergreen.base.working_days import WorkingDays, for_vendor
from evergreen.customers.models import Tenant
from evergreen.events import store
from evergreen.metrics import compiling, records, sources
from evergreen.metrics.library import METRICS
from evergreen.metrics.models import Newest
from evergreen.metrics.rules import Metric, Usage

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir

_CALENDAR_START = dt.date(2015, 1, 1)
_BATCH = 2_000


def ensure_columns(con: duckdb.DuckDBPyConnection, metrics: Iterable[Metric] = METRICS.values()) -> None:
    """Give the snapshot table a column for each metric that has none yet."""
    there = {row[0] for row in con.execute("DESCRIBE lake.snapshots").fetchall()}
    absent = [metric for metric in metrics if metric.key not in there]
    if absent:
        with store.transaction(con):
            for metric in absent:
                con.execute(f"ALTER TABLE lake.snapshots ADD COLUMN {metric.key} {metric.column_type}")


def take_snapshot(
    con: duckdb.DuckDBPyConnection,
    day: dt.date,
    *,
    now: dt.datetime,
    metrics: Sequence[Metric] = tuple(METRICS.values()),
) -> int:
    """Compute every metric of every account as known at the end of ``day`` and put the day's rows in place.

    The roll-up must be up to date. Taking the same day again replaces its rows in one transaction and marks those
    whose figures are other than before as restated. Returns the number of rows (accounts, plus tenants).
    """
    mirrored = records.mirror(day)
    for name, table in mirrored.tables.items():
        con.register(name, table)
    calendar = _calendar_table(day)
    con.register("working_calendar", calendar)
    con.register("night_of", _night_table(day, calendar))
    backend = ibis.duckdb.from_connection(con)
    ensure_columns(con, metrics)
    window = compiling.usage_window(backend.table("usage", database="lake.main"), day)
    flags = backend.table("feature_flags")
    con.execute(f"CREATE OR REPLACE TEMP TABLE usage_people AS {_sql(compiling.people(window, flags))}")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE usage_features AS {_sql(compiling.features(window, flags, metrics))}"
    )
    there = sources.present(con, day, mirrored.tables)
    present = {name: name in there for name in {_presence(metric) for metric in metrics}}
    _compute(con, backend, metrics, present)
    stamp = now.astimezone(dt.UTC).replace(tzinfo=None)
    names = ", ".join(metric.key for metric in metrics)
    with store.transaction(con):
        is_again = store.scalar(con, "SELECT 1 FROM lake.snapshots WHERE day = ? LIMIT 1", day) is not None
        con.execute(_restated(metrics, day, base.vendor_zone()) if is_again else _NOTHING_RESTATED)
        con.execute("DELETE FROM lake.snapshots WHERE day = ?", [day])
        con.execute(
            f"INSERT INTO lake.snapshots (day, account_id, tenant, computed_at, restated, {names}) "
            f"SELECT ?::DATE, account_id, tenant, ?::TIMESTAMP, coalesce(was_restated, false), {names} "
            "FROM fresh_snapshot LEFT JOIN restated_rows USING (account_id, tenant) ORDER BY account_id",
            [day, stamp],
        )
    rows = int(store.scalar(con, "SELECT count(*) FROM lake.snapshots WHERE day = ?", day) or 0)
    for name in ("usage_people", "usage_features", "fresh_snapshot", "restated_rows"):
        con.execute(f"DROP TABLE {name}")
    return rows


def _compute(
    con: duckdb.DuckDBPyConnection,
    backend: Any,
    metrics: Sequence[Metric],
    present: Mapping[str, bool],
) -> None:
    """Fill the temporary table fresh_snapshot: accounts, then their tenants where there are any."""
    names = ", ".join(metric.key for metric in metrics)
    figures = _figures_sql(backend, metrics, present, by_tenant=False)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE fresh_snapshot AS SELECT account_id, tenant, {names} FROM ({figures})"
    )
    if Tenant.objects.exists():
        figures = _figures_sql(backend, metrics, present, by_tenant=True)
        con.execute(f"INSERT INTO fresh_snapshot SELECT account_id, tenant, {names} FROM ({figures})")


_NOTHING_RESTATED = """
CREATE OR REPLACE TEMP TABLE restated_rows AS
SELECT account_id, tenant, false AS was_restated FROM fresh_snapshot WHERE false
"""


def _restated(metrics: Sequence[Metric], day: dt.date, zone: ZoneInfo) -> str:
    """SQL for the rows of the day that were there before and now say something else (or did so once already).

    A row taken before the day was over was of a part of it, so another figure is no restatement.
    """
    ended = day_end(day, zone).replace(tzinfo=None)
    changed = " OR ".join(
        f"round(new.{m.key}, 9) IS DISTINCT FROM round(old.{m.key}, 9)"
        if m.column_type == "DOUBLE"
        else f"new.{m.key} IS DISTINCT FROM old.{m.key}"
        for m in metrics
    )
    return (
        "CREATE OR REPLACE TEMP TABLE restated_rows AS "
        f"SELECT old.account_id, old.tenant, old.restated OR (old.computed_at >= TIMESTAMP '{ended}' AND ({changed})) AS was_restated "
        f"FROM (SELECT * FROM lake.snapshots WHERE day = DATE '{day}') old JOIN fresh_snapshot new USING (account_id, tenant)"
    )


@transaction.atomic
def write_newest(
    con: duckdb.DuckDBPyConnection, day: dt.date, currencies: Mapping[int, str] | None = None
) -> int:
    """Write the day's figures back as rows of ``Newest``, unless a newer day stands there. Returns the rows written."""
    keys = list(METRICS)
    table = con.execute(
        f"SELECT account_id, {', '.join(keys)} FROM lake.snapshots WHERE day = ? AND tenant = ''", [day]
    ).to_arrow_table()
    currencies = currencies or records.mirror_currencies(day)
    rates = base.rates(day)
    vendor = base.setting("currency")
    newer = set(Newest.objects.filter(day__gt=day).values_list("pk", flat=True))
    known = set(currencies)
    written = 0
    for batch in table.to_batches(max_chunksize=_BATCH):
        rows = [
            _newest(row, day, currencies[row["account_id"]], rates, vendor)
            for row in batch.to_pylist()
            if row["account_id"] in known and row["account_id"] not in newer
        ]
        put(Newest, rows, unique=["account_id"])
        written += len(rows)
    return written


def _newest(
    row: dict[str, Any], day: dt.date, currency: str, rates: Mapping[str, Any], vendor: str
) -> dict[str, Any]:
    """The columns of a row of ``Newest``."""
    account = row.pop("account_id")
    arr = row["arr_cents"] or 0
    base_arr = money.converted(arr, currency, vendor, rates) if arr else 0
    return {
        "account_id": account,
        "day": day,
        "currency": currency,
        "mrr_cents": row["mrr_cents"] or 0,
        "arr_base_cents": base_arr,
        "renewal_on": row["renewal_on"],
        "active_users_28d": row["active_users_28d"],
        "last_active_on": row["last_active_on"],
        "last_conversation_on": row["last_conversation_on"],
        "overdue_cents": row["overdue_cents"] or 0,
        "overdue_days": row["overdue_days"] or 0,
        "tickets_open": row["tickets_open"],
        "values": row,
    }


_compiled: dict[tuple[Any, ...], str] = {}


def _figures_sql(
    backend: Any, metrics: Sequence[Metric], present: Mapping[str, bool], *, by_tenant: bool
) -> str:
    """The query of every figure; the day comes from a table, so it is compiled once a process and shape."""
    key = (
        tuple((metric.key, metric.formula_text()) for metric in metrics),
        tuple(sorted(present.items())),
        by_tenant,
    )
    if key not in _compiled:
        _compiled[key] = _sql(_figures(backend, metrics, present, by_tenant=by_tenant))
    return _compiled[key]


def _figures(
    backend: Any, metrics: Sequence[Metric], present: Mapping[str, bool], *, by_tenant: bool
) -> ir.Table:
    """One row an account (or tenant) with every metric: the spine, each source's one aggregation, then formulas."""
    window = compiling.Window.of(backend.table("night_of"))
    keys = ["account_id", "tenant"] if by_tenant else ["account_id"]
    people, features = backend.table("usage_people"), backend.table("usage_features")
    table = _spine(backend, people, by_tenant=by_tenant)
    usage = [metric for metric in metrics if isinstance(metric.of, Usage)]
    found = compiling.usage_figures(people, features, usage, window, by_tenant=by_tenant)
    table = _joined(table, found, usage, present, keys)
    lake = sources.lake_sources(backend, window, by_tenant=by_tenant)
    for source, wanted in compiling.by_source(metrics).items():
        if by_tenant and source not in sources.OF_TENANTS:
            table = table.mutate(**{m.key: ibis.null(_null_type(m)) for m in wanted})
            continue
        rows = lake[source] if source in lake else backend.table(source)
        found = compiling.row_figures(rows, wanted, window, by_tenant=by_tenant)
        table = _joined(table, found, wanted, present, keys)
    table = compiling.with_formulas(table, metrics, backend.table("working_calendar"), window.day)
    return table if by_tenant else table.mutate(tenant=ibis.literal(""))


def _spine(backend: Any, people: ir.Table, *, by_tenant: bool) -> Any:
    spine = backend.table("spine")
    if not by_tenant:
        return spine
    tenants = people.filter(people.tenant != "").select("account_id", "tenant").distinct()
    return tenants.semi_join(spine, "account_id")


def _joined(
    table: Any, found: Any, metrics: Sequence[Metric], present: Mapping[str, bool], keys: list[str]
) -> Any:
    if not any(present[_presence(metric)] for metric in metrics):
        return table.mutate(**{metric.key: ibis.null(_null_type(metric)) for metric in metrics})
    joined = table.left_join(found, keys)
    typed = {m.key: compiling.typed(joined[m.key], m, has_rows=present[_presence(m)]) for m in metrics}
    kept = [column for column in table.columns if column not in typed]
    return joined.select(*kept, **typed)


def _presence(metric: Metric) -> str:
    """What must be there for the metric's count to be 0 rather than missing: its source, people in it, such features."""
    if isinstance(metric.of, Usage):
        if metric.of.only:
            return f"usage_{metric.of.only}"
        return "usage_people" if metric.of.measure in {"users", "user_days"} else "usage"
    return metric.source


def _null_type(metric: Metric) -> str:
    return {"DATE": "date", "BIGINT": "int64", "DOUBLE": "float64"}[metric.column_type]


def _sql(expression: ir.Table) -> str:
    return str(ibis.to_sql(expression, dialect="duckdb"))


def _night_table(day: dt.date, calendar: pa.Table) -> pa.Table:
    """The one row that queries take their day from; bit i of working_mask is the day i days before."""
    working = for_vendor()
    mask = sum(1 << back for back in range(56) if _is_working(working, day - dt.timedelta(days=back)))
    return pa.table(
        {
            "day": pa.array([day], pa.date32()),
            "working_mask": pa.array([mask], pa.int64()),
            "working_total": calendar["working_total"][-1:],
            "working_days_28d": pa.array([float((mask & ((1 << 28) - 1)).bit_count())]),
            "working_days_prev_28d": pa.array([float((mask >> 28).bit_count())]),
        }
    )


def _is_working(calendar: WorkingDays, day: dt.date) -> bool:
    return calendar.working_or_weekday(day)[0]


def _calendar_table(day: dt.date) -> pa.Table:
    """Every day since 2015 with the number of working days up to and including it."""
    calendar = for_vendor()
    days, totals, total = [], [], 0
    current = _CALENDAR_START
    while current <= day:
        total += _is_working(calendar, current)
        days.append(current)
        totals.append(total)
        current += dt.timedelta(days=1)
    return pa.table({"day": pa.array(days, pa.date32()), "working_total": pa.array(totals, pa.int64())})
