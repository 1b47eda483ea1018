"""Keeping the lake in few files: each commit of the mover writes small ones, which are merged and later removed.

Readers are never disturbed: a merge is a deletion and an insertion in one transaction, and the old files stay until no
reader can still hold a snapshot that names them. (DuckLake's own merge takes the old files' rows out of the catalog at
once; a reader of a catalog in SQLite may then see neither the old files nor the new one: measured, see the test.)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.base import env
from evergreen.events import arrivals, store
from evergreen.events.warehouses.named import event_store

if TYPE_CHECKING:
    import duckdb

# The tables that each commit of the mover adds a file to, with the order in which their rows are read.
GROWING = {
    "events": "account_id, occurred_at",
    "message_keys": "batch",
    "batches": "moved_at",
    "arrivals": "known_on",
    "rejected_events": "received_at",
    "intake": "moved_at",
}
# Larger files are not merged again, so that a day's events are rewritten a few times and not for ever.
_MERGED_BYTES = 16 << 20
_AT_ONCE_BYTES = 64 << 20
# Folders (partitions) whose files are merged in one transaction: a commit costs more than the rows of a quiet day.
_AT_ONCE_FOLDERS = 16
# No query may run longer on an old snapshot; lake snapshots are no history (as-known reading uses known_at).
SNAPSHOT_HOURS = 2
_REPLACED = "__ducklake_metadata_lake.ducklake_files_scheduled_for_deletion"
_CHUNK = 1_000
_ORPHAN_HOURS = 24


@dataclass(frozen=True, slots=True)
class Kept:
    """What one round did: files that became fewer, old snapshots dropped, files removed from the disk, and whether files are
    left to be merged in the next one."""

    merged: int
    snapshots: int
    removed: int
    has_more: bool


def unmerged_commits(con: duckdb.DuckDBPyConnection) -> int:
    """About how many commits of the mover have not been merged: each adds one small file to ``batches``."""
    counted = f"SELECT count(*) FROM ducklake_list_files('lake', 'batches') WHERE data_file_size_bytes < {_MERGED_BYTES}"
    return int(store.scalar(con, counted) or 0)


def merge(con: duckdb.DuckDBPyConnection, *, most: int | None = None, home: env.Home | None = None) -> int:
    """Merge the small files of the growing tables; returns how many files went into larger ones.

    At most ``most`` transactions: a connection grows with every commit (``store.READER_SECONDS``).
    """
    return _merge(con, _waiting(con)[:most], home or env.home())


def _merge(con: duckdb.DuckDBPyConnection, waiting: list[tuple[str, _Files]], home: env.Home) -> int:
    merged = 0
    for table, files in waiting:
        with store.transaction(con, home):
            named = f"filename IN ({files.listed})"
            con.execute(
                f"INSERT INTO lake.{table} SELECT * FROM lake.{table} WHERE {named} ORDER BY {GROWING[table]}"
            )
            # Every row of a file at once, which drops the file as a whole.
            con.execute(f"DELETE FROM lake.{table} WHERE {named}")
        merged += files.count
    return merged


def _waiting(con: duckdb.DuckDBPyConnection) -> list[tuple[str, _Files]]:
    """What is to be merged: a table and files of it, a transaction each.

    Asked in one statement: each one reads the catalog anew, which on a small lake is most of what a round costs.
    """
    listed = " UNION ALL ".join(
        f"SELECT {place} AS place, data_file, data_file_size_bytes FROM ducklake_list_files('lake', '{table}')"
        f" WHERE data_file_size_bytes < {_MERGED_BYTES}"
        for place, table in enumerate(GROWING)
    )
    rows = con.execute(f"SELECT * FROM ({listed}) ORDER BY place, data_file").fetchall()
    tables = list(GROWING)
    return [
        (tables[place], files)
        for place, small in groupby(rows, key=lambda row: row[0])
        for files in _grouped([(path, size) for _place, path, size in small])
    ]


@dataclass(frozen=True, slots=True)
class _Files:
    """Small files of some partitions, at least two of each: their paths as a list in SQL."""

    listed: str
    count: int


def _grouped(rows: list[tuple[str, int]]) -> Iterator[_Files]:
    """Of small files (path, bytes; by path): those that stand in one folder with others, of several folders together."""
    group: list[str] = []
    size = folders = 0
    for _, found in groupby(rows, key=lambda row: row[0].rpartition("/")[0]):
        files = list(found)
        for begin, end in _pieces([bytes_ for _path, bytes_ in files]):
            piece = sum(bytes_ for _path, bytes_ in files[begin:end])
            if group and (size + piece > _AT_ONCE_BYTES or folders == _AT_ONCE_FOLDERS):
                yield _together(group)
                group, size, folders = [], 0, 0
            group += [path for path, _bytes in files[begin:end]]
            size, folders = size + piece, folders + 1
    if group:
        yield _together(group)


def _pieces(sizes: list[int]) -> Iterator[tuple[int, int]]:
    """Stretches of a folder's files, each of at least two and of little more than may be merged at once."""
    begin = size = 0
    for at, bytes_ in enumerate(sizes):
        if size + bytes_ > _AT_ONCE_BYTES and at - begin > 1:
            yield begin, at
            begin, size = at, 0
        size += bytes_
    if len(sizes) - begin > 1:
        yield begin, len(sizes)


def _together(paths: list[str]) -> _Files:
    return _Files(", ".join("'" + path.replace("'", "''") + "'" for path in paths), len(paths))


def keep(
    con: duckdb.DuckDBPyConnection,
    *,
    now: dt.datetime,
    most: int | None = None,
    home: env.Home | None = None,
) -> Kept:
    """Merge small files (in at most ``most`` transactions), drop old snapshots, remove the files that only they or killed
    writers knew."""
    home = home or env.home()
    waiting = _waiting(con)
    merged = _merge(con, waiting[:most], home)
    # A round that could do all of it leaves what comes to the next one.
    left = len(_waiting(con)) if most is not None and most < len(waiting) else 0
    _tidy(con, home)
    before = (now - dt.timedelta(hours=SNAPSHOT_HOURS)).astimezone(dt.UTC)
    dropped = _drop_snapshots(con, before, home)
    removed = _remove_files(con, before, home) + _remove_orphans(con, now, home)
    return Kept(merged, dropped, removed, has_more=0 < left < len(waiting))


def _tidy(con: duckdb.DuckDBPyConnection, home: env.Home) -> None:
    if env.warehouse_url():
        with arrivals.appending(home):
            event_store(home).tidy(con)


def forget(con: duckdb.DuckDBPyConnection, *, home: env.Home | None = None) -> int:
    """Drop every old snapshot and remove the files that only they knew, now; returns how many files went.

    A query that reads such a file just then fails and has to be asked again.
    """
    home = home or env.home()
    # The catalog's clock may be a little ahead of ours.
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=5)
    _drop_snapshots(con, soon, home)
    return _remove_files(con, soon, home)


def _drop_snapshots(con: duckdb.DuckDBPyConnection, before: dt.datetime, home: env.Home) -> int:
    """Forget snapshots older than a moment. They are named one by one: on a catalog in SQLite ``older_than`` compares
    times as text in two notations and takes every snapshot of the same day."""
    with store.transaction(con, home):
        old = con.execute(
            "SELECT snapshot_id FROM ducklake_snapshots('lake') WHERE snapshot_time < ?::TIMESTAMPTZ "
            "AND snapshot_id < (SELECT max(snapshot_id) FROM ducklake_snapshots('lake'))",
            [before.isoformat()],
        ).fetchall()
        if old:
            listed = ", ".join(str(number) for (number,) in old)
            con.execute(f"SELECT count(*) FROM ducklake_expire_snapshots('lake', versions => [{listed}])")
    return len(old)


def _remove_files(con: duckdb.DuckDBPyConnection, before: dt.datetime, home: env.Home) -> int:
    """Remove the files that were replaced before a moment."""
    stamp = before.isoformat()
    if env.database_url():
        with store.transaction(con, home):
            counted = f"SELECT count(*) FROM ducklake_cleanup_old_files('lake', older_than => TIMESTAMPTZ '{stamp}')"
            return int(store.scalar(con, counted) or 0)
    # As with the snapshots: the file first, then its row, as DuckLake's specification has it.
    with store.transaction(con, home):
        rows = con.execute(
            f"SELECT data_file_id, path, path_is_relative FROM {_REPLACED} "
            "WHERE schedule_start::TIMESTAMPTZ < ?::TIMESTAMPTZ",
            [stamp],
        ).fetchall()
        for _, path, is_relative in rows:
            (home.lake / "data" / path if is_relative else Path(path)).unlink(missing_ok=True)
        for at in range(0, len(rows), _CHUNK):
            listed = ", ".join(str(number) for number, _, _ in rows[at : at + _CHUNK])
            con.execute(f"DELETE FROM {_REPLACED} WHERE data_file_id IN ({listed})")
    return len(rows)


def _remove_orphans(con: duckdb.DuckDBPyConnection, now: dt.datetime, home: env.Home) -> int:
    """Remove files that a writer left behind when it was killed before its commit; here the file's age decides."""
    stamp = (now - dt.timedelta(hours=_ORPHAN_HOURS)).astimezone(dt.UTC).isoformat()
    with store.transaction(con, home):
        counted = f"SELECT count(*) FROM ducklake_delete_orphaned_files('lake', older_than => TIMESTAMPTZ '{stamp}')"
        return int(store.scalar(con, counted) or 0)
