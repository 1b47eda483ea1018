"""Take the snapshot of a day, compute some of its metrics again, and keep the newest figures of each account as rows."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db import transaction

from evergreen.base import money
from evergreen.base import queries as base
from evergreen.base.clock import day_end
from evergreen.base.upserts import put
from evergreen.events import store
from evergreen.metrics import figures, records, registry
from evergreen.metrics.across import figures as across
from evergreen.metrics.models import Newest
from evergreen.metrics.registry import OnDay
from evergreen.metrics.rules import Metric

if TYPE_CHECKING:
    import duckdb

_BATCH = 2_000
# The columns of the snapshot table that are no metrics.
_KEYS = ("day", "account_id", "tenant", "computed_at", "restated")


def ensure_columns(con: duckdb.DuckDBPyConnection, metrics: Iterable[Metric] | None = None) -> None:
    """Give the snapshot table a column for each metric that has none yet; rows that are there stay as they are."""
    there = _columns(con)
    wanted = registry.metrics().values() if metrics is None else metrics
    absent = [metric for metric in wanted if metric.key not in there]
    if absent:
        with store.transaction(con):
            for metric in absent:
                con.execute(f"ALTER TABLE lake.snapshots ADD COLUMN {metric.key} {metric.column_type}")


def _columns(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [row[0] for row in con.execute("DESCRIBE lake.snapshots").fetchall()]


def take_snapshot(
    con: duckdb.DuckDBPyConnection, day: dt.date, *, now: dt.datetime, wanted: OnDay | None = None
) -> int:
    """Compute every metric of every account as known at the end of ``day`` and put the day's rows in place.

    The roll-up must be up to date. Taking the same day again replaces its rows in one transaction and marks those
    whose figures are other than before as restated. Returns the number of rows (accounts, plus tenants).
    """
    wanted = wanted or registry.current().on(day)
    metrics = (*wanted.metrics, *wanted.absent)
    ensure_columns(con, metrics)
    figures.compute(con, day, wanted)
    with store.transaction(con):
        _put(con, [day], wanted.metrics, wanted.absent, now=now, is_whole=True)
    rows = int(store.scalar(con, "SELECT count(*) FROM lake.snapshots WHERE day = ?", day) or 0)
    con.execute(f"DROP TABLE {figures.FRESH}")
    return rows


def take_snapshots(
    con: duckdb.DuckDBPyConnection, days: Sequence[dt.date], *, now: dt.datetime
) -> dict[dt.date, int]:
    """Take the snapshots of the first of ``days`` in one pass (``metrics.across``), as ``take_snapshot`` takes each: as many
    as have the same definitions and fit. Returns the rows of each day taken.
    """
    known = registry.current()
    wanted = known.on(days[0])
    alike = takewhile(lambda day: known.on(day) == wanted, days[: across.MOST_DAYS])
    ensure_columns(con, (*wanted.metrics, *wanted.absent))
    of_days = across.mirrored(alike, wanted)
    across.compute(con, of_days, wanted)
    taken = dict.fromkeys(of_days, 0)
    taken.update(con.execute(f"SELECT day, count(*) FROM {figures.FRESH} GROUP BY day").fetchall())
    with store.transaction(con):
        _put(con, list(of_days), wanted.metrics, wanted.absent, now=now, is_whole=True)
    con.execute(f"DROP TABLE {figures.FRESH}")
    return taken


def refill(
    con: duckdb.DuckDBPyConnection, days: Sequence[dt.date], key: str, *, now: dt.datetime, wanted: OnDay
) -> int:
    """Compute one metric, and those whose formulas read it, for days that have snapshots, as known at the end of each.

    ``wanted`` are the definitions to compute by. The other columns stay as they are. Days go in their order, as many as one
    pass takes (``metrics.across``), in one transaction. Returns how many of them are done.
    """
    written = {key} | wanted.dependents(key)
    needed = wanted.closure(written)
    ensure_columns(con, (*needed.metrics, *needed.absent))
    of_days = across.mirrored(days, needed)
    across.compute(con, of_days, needed)
    with store.transaction(con):
        _put(con, list(of_days), [m for m in needed.metrics if m.key in written], (), now=now, is_whole=False)
    con.execute(f"DROP TABLE {figures.FRESH}")
    return len(of_days)


def _put(
    con: duckdb.DuckDBPyConnection,
    days: Sequence[dt.date],
    metrics: Sequence[Metric],
    absent: Sequence[Metric],
    *,
    now: dt.datetime,
    is_whole: bool,
) -> None:
    """Bring the fresh figures of ``metrics`` into the days' rows: all rows anew, or (not ``is_whole``) only their columns.

    What is not computed keeps its value. Values of a definition that another one takes the place of are kept with its
    version.
    """
    stamp = now.astimezone(dt.UTC).replace(tzinfo=None)
    fresh = [metric.key for metric in (*metrics, *absent)]
    kept = [column for column in _columns(con) if column not in {*fresh, *_KEYS}]
    listed = ", ".join(f"DATE '{day}'" for day in days)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE former AS SELECT * FROM lake.snapshots WHERE day IN ({listed})"
    )
    versions = _definitions(con, listed)
    _keep_former(con, days, metrics, versions, stamp)
    restated = _restated(days, metrics, versions, base.vendor_zone())
    columns = ", ".join([*(f"fresh.{key}" for key in fresh), *(f"former.{key}" for key in kept)])
    if is_whole:
        computed, join = f"TIMESTAMP '{stamp}'", f"{figures.FRESH} fresh LEFT JOIN former"
    else:
        computed, join = "former.computed_at", f"former LEFT JOIN {figures.FRESH} fresh"
    con.execute(f"DELETE FROM lake.snapshots WHERE day IN ({listed})")
    con.execute(
        f"INSERT INTO lake.snapshots ({', '.join([*_KEYS, *fresh, *kept])}) "
        f"SELECT day, account_id, tenant, {computed}, coalesce({restated}, false), {columns} "
        f"FROM {join} USING (day, account_id, tenant) ORDER BY day, account_id"
    )
    con.execute(f"DELETE FROM lake.snapshot_days WHERE day IN ({listed})")
    told = []
    for day in days:
        carried = {key: number for key, number in versions.get(day, {}).items() if key in kept}
        said = json.dumps({**carried, **{m.key: m.version for m in metrics}}, sort_keys=True)
        told.append(f"(DATE '{day}', '{said}')")
    con.execute(f"INSERT INTO lake.snapshot_days VALUES {', '.join(told)}")
    con.execute("DROP TABLE former")


def definitions(con: duckdb.DuckDBPyConnection, day: dt.date) -> dict[str, int] | None:
    """The version by which each metric of the day's snapshot was computed; None where it was not noted."""
    return _definitions(con, f"DATE '{day}'").get(day)


def _definitions(con: duckdb.DuckDBPyConnection, listed: str) -> dict[dt.date, dict[str, int]]:
    """By day, of days written as SQL."""
    rows = con.execute(f"SELECT day, definitions FROM lake.snapshot_days WHERE day IN ({listed})").fetchall()
    return {day: dict(json.loads(told)) for day, told in rows}


def _keep_former(
    con: duckdb.DuckDBPyConnection,
    days: Sequence[dt.date],
    metrics: Sequence[Metric],
    versions: Mapping[dt.date, Mapping[str, int]],
    stamp: dt.datetime,
) -> None:
    """Values of declared metrics that another version takes the place of stay readable under theirs."""
    for metric in metrics:
        replaced: dict[int, list[str]] = defaultdict(list)
        for day in days:
            before = versions.get(day, {}).get(metric.key)
            if metric.is_own and before is not None and before != metric.version:
                replaced[before].append(f"DATE '{day}'")
        for before, listed in replaced.items():
            which = f"day IN ({', '.join(listed)})"
            con.execute(
                f"DELETE FROM lake.former_figures WHERE {which} AND metric = ? AND version IN (?, ?)",
                [metric.key, before, metric.version],
            )
            value = f"NULL, {metric.key}" if metric.kind == "date" else f"{metric.key}::DOUBLE, NULL"
            con.execute(
                f"INSERT INTO lake.former_figures SELECT day, account_id, tenant, ?, ?, {value}, ?::TIMESTAMP "
                f"FROM former WHERE {metric.key} IS NOT NULL AND {which}",
                [metric.key, before, stamp],
            )


def _restated(
    days: Sequence[dt.date],
    metrics: Sequence[Metric],
    versions: Mapping[dt.date, Mapping[str, int]],
    zone: ZoneInfo,
) -> str:
    """SQL for whether a row says something else than it did before (or did so once already).

    A row taken before the day was over was of a part of it, so another figure is no restatement. What was computed by the
    same definition may be compared; of days before definitions were noted, every built-in one.
    """
    compared: dict[tuple[str, ...], list[dt.date]] = defaultdict(list)
    for day in days:
        told = versions.get(day)
        same = [m.key for m in metrics if (told.get(m.key) == m.version if told else not m.is_own)]
        compared[tuple(same)].append(day)
    kinds = {metric.key: metric.column_type for metric in metrics}
    parts = []
    for keys, alike in compared.items():
        changed = " OR ".join(
            f"round(fresh.{key}, 9) IS DISTINCT FROM round(former.{key}, 9)"
            if kinds[key] == "DOUBLE"
            else f"fresh.{key} IS DISTINCT FROM former.{key}"
            for key in keys
        )
        ended = " ".join(
            f"WHEN DATE '{day}' THEN TIMESTAMP '{day_end(day, zone).replace(tzinfo=None)}'" for day in alike
        )
        # Days of other definitions have no such end, so nothing of theirs is compared.
        parts.append(f"(former.computed_at >= CASE former.day {ended} END AND ({changed or 'false'}))")
    return " OR ".join(["former.restated", *parts])


@transaction.atomic
def write_newest(
    con: duckdb.DuckDBPyConnection, day: dt.date, currencies: Mapping[int, str] | None = None
) -> int:
    """Write the day's figures back as rows of ``Newest``, unless a newer day stands there. Returns the rows written."""
    there = set(_columns(con))
    keys = [key for key in registry.metrics() if key in there]
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
