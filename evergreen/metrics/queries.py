"""Reads of metrics: the newest as rows, their history from the lake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.metrics import registry
from evergreen.metrics.models import Newest

if TYPE_CHECKING:
    import duckdb


def newest(account: Account) -> Newest | None:
    """The newest figures of an account, or None before its first night."""
    return Newest.objects.filter(account=account).first()


def trend(account_id: int, keys: Sequence[str], since: dt.date, until: dt.date) -> list[dict[str, Any]]:
    """One dict a snapshot day with ``day`` and the metrics named. Raises KeyError for an unknown metric."""
    for key in keys:
        registry.metric(key)
    cursor = store.reading().execute(
        f"SELECT day, {', '.join(keys)} FROM lake.snapshots"
        " WHERE account_id = ? AND tenant = '' AND day BETWEEN ? AND ? ORDER BY day",
        [account_id, since, until],
    )
    names = ["day", *keys]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def snapshot_days() -> list[dt.date]:
    """Every day that has a snapshot, oldest first."""
    return [
        day
        for (day,) in store.reading()
        .execute("SELECT DISTINCT day FROM lake.snapshots ORDER BY day")
        .fetchall()
    ]


def newest_day() -> dt.date | None:
    """The day of the newest figures that pages show."""
    return Newest.objects.order_by("-day").values_list("day", flat=True).first()


class Span(NamedTuple):
    """The first and the newest day that has a snapshot, and when the newest rows were computed."""

    first: dt.date
    newest: dt.date
    computed_at: dt.datetime


def snapshot_span(con: duckdb.DuckDBPyConnection, until: dt.date | None = None) -> Span | None:
    """What snapshots there are, up to a day where one is named; None without any."""
    row = con.execute(
        "SELECT min(day), max(day), max(computed_at) FROM lake.snapshots"
        " WHERE tenant = '' AND day <= coalesce(?, DATE '9999-12-31')",
        [until],
    ).fetchone()
    return None if row is None or row[0] is None else Span(*row)


def columns() -> set[str]:
    """The columns that the snapshot table has."""
    return {row[0] for row in store.reading().execute("DESCRIBE lake.snapshots").fetchall()}


class Values(NamedTuple):
    """A metric of many accounts on a day: parallel arrays, missing values left out. Dates are days before it."""

    day: dt.date
    accounts: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


def values_on(key: str, day: dt.date) -> Values:
    """A metric of every account on a day. Raises KeyError for an unknown metric."""
    metric = registry.metric(key)
    column = f"(DATE '{day}' - {key})" if metric.kind == "date" else key
    found = (
        store.reading()
        .execute(
            f"SELECT account_id, {column}::DOUBLE AS value FROM lake.snapshots"
            f" WHERE day = ? AND tenant = '' AND {key} IS NOT NULL",
            [day],
        )
        .fetchnumpy()
    )
    return Values(day, np.asarray(found["account_id"], np.int64), np.asarray(found["value"], np.float64))


def spread(key: str, accounts: Sequence[int], since: dt.date, until: dt.date) -> list[dict[str, Any]]:
    """The quarter marks of a metric over some accounts: one dict a snapshot day with day, n, low, median, high, and how many
    were restated.
    """
    metric = registry.metric(key)
    column = f"(day - {key})" if metric.kind == "date" else key
    con = store.reading()
    con.register("asked_accounts", pa.table({"id": pa.array(accounts, pa.int64())}))
    rows = con.execute(
        f"SELECT day, count({key}), quantile_cont({column}::DOUBLE, [0.25, 0.5, 0.75]),"
        " count(*) FILTER (WHERE restated) FROM lake.snapshots"
        f" SEMI JOIN asked_accounts ON account_id = asked_accounts.id"
        " WHERE tenant = '' AND day BETWEEN ? AND ? GROUP BY day ORDER BY day",
        [since, until],
    ).fetchall()
    con.unregister("asked_accounts")
    return [
        {"day": day, "n": n, "low": marks[0], "median": marks[1], "high": marks[2], "restated": restated}
        for day, n, marks, restated in rows
        if marks
    ]
