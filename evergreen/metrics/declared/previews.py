"""What a definition gives for real accounts, before it is saved: computed as the night will, written nowhere."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evergreen.events import store
from evergreen.metrics import figures, queries, registry
from evergreen.metrics.registry import OnDay
from evergreen.metrics.rules import Metric

if TYPE_CHECKING:
    import duckdb

DRAFT = "own_draft"


def with_draft(draft: Metric) -> OnDay:
    """What the next night would compute for a draft: itself and what its formula reads, by their newest definitions."""
    others = (metric for metric in registry.metrics().values() if metric.key != draft.key)
    return OnDay((*others, draft)).closure({draft.key})


@dataclass(frozen=True, slots=True)
class Tried:
    """A draft's values on a day, and of each account without one which inputs are missing."""

    values: queries.Values
    missing: dict[str, set[int]]


def tried(draft: Metric, day: dt.date) -> Tried:
    """The values that the next night would find had it been that of ``day``, over all accounts. The roll-up must have reached it."""
    con = store.reading()
    figures.compute(con, day, with_draft(draft), tenants=False)
    try:
        return _read(con, draft, day, figures.FRESH)
    finally:
        con.execute(f"DROP TABLE {figures.FRESH}")


def stored_missing(metric: Metric, day: dt.date) -> dict[str, set[int]]:
    """Of each account without a value in the snapshot of a day, which inputs of the formula are missing."""
    there = queries.columns()
    if metric.key not in there or not registry.read_by(metric) <= there:
        return {}
    table = f"(SELECT * FROM lake.snapshots WHERE day = DATE '{day}' AND tenant = '')"
    return _read(store.reading(), metric, day, table).missing


def _read(con: duckdb.DuckDBPyConnection, metric: Metric, day: dt.date, table: str) -> Tried:
    value = f"(DATE '{day}' - {metric.key})" if metric.kind == "date" else metric.key
    inputs = sorted(registry.read_by(metric))
    flags = "".join(f", {name} IS NULL AS no_{name}" for name in inputs)
    found = con.execute(
        f"SELECT account_id, {value}::DOUBLE AS value, {metric.key} IS NOT NULL AS has{flags} FROM {table}"
    ).fetchnumpy()
    accounts = np.asarray(found["account_id"], np.int64)
    has = np.asarray(found["has"], bool)
    values = np.ma.filled(found["value"], np.nan)[has]
    missing = {name: set(accounts[~has & np.asarray(found[f"no_{name}"], bool)].tolist()) for name in inputs}
    return Tried(queries.Values(day, accounts[has], np.asarray(values, np.float64)), missing)
