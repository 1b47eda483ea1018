"""Batches of events as Parquet files of the lake, written by Arrow.

The engine's own INSERT takes three times as long for the same rows and leaves files nearly twice as large (measured:
3.1 and 1.1 microseconds an event, 9.6 and 5.5 MB for 250,000).
"""

from __future__ import annotations

import uuid
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evergreen.base import env
from evergreen.events import store

if TYPE_CHECKING:
    import duckdb

_FOLDER = "data/main/events"
# Like the engine's: one is read by one thread.
_ROWS = 122_880
# Columns with few different values; the engine would try all, message ids and properties among them.
_REPEATING = [
    "source",
    "kind",
    "name",
    "account_id",
    "tenant",
    "account_key",
    "end_user",
    "feature",
    "flag",
    "day",
    "known_on",
    "count",
]


def add(con: duckdb.DuckDBPyConnection, events: pa.Table, home: env.Home) -> None:
    """Add rows of ``lake.events`` (all its columns, in any order) in the caller's transaction: a file a known day.

    The files are synced with the lake before the transaction commits; those of a transaction that is rolled back are
    taken away.
    """
    rows = events.take(pa.array(_order(events)))
    days = rows["known_on"].cast(pa.int32()).to_numpy()
    cuts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
    paths = []
    for first, end in pairwise(cuts):
        path = (
            home.lake / _FOLDER / f"known_on={rows['known_on'][first]}" / f"events-{uuid.uuid4().hex}.parquet"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        store.wrote(con, path)
        pq.write_table(
            rows.slice(first, end - first),
            path,
            compression="zstd",
            use_dictionary=_REPEATING,
            row_group_size=_ROWS,
        )
        paths.append(path)
    con.execute(f"CALL ducklake_add_data_files('lake', 'events', [{', '.join(map(_quoted, paths))}])")


def _order(events: pa.Table) -> NDArray[np.intp]:
    """By known day, account (those without one last) and time; half of the time of Arrow's own sort."""
    day, moment = events["known_on"].cast(pa.int32()), events["occurred_at"].cast(pa.int64())
    account = events["account_id"]
    keys = [moment, pc.fill_null(account, 0), account.is_null(), day]
    return np.lexsort([column.to_numpy() for column in keys])


def _quoted(path: Path) -> str:
    """A path as an SQL text that stands for itself: a bracket in the home's own path is no pattern."""
    text = str(path).replace("'", "''")
    return "'" + "".join(f"[{sign}]" if sign in "[*?" else sign for sign in text) + "'"
