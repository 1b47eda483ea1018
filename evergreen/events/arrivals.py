"""Events enter the lake here, whoever brings them: the journal's mover, a file, the demo."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evergreen.base import env
from evergreen.events import facts, store
from evergreen.events.columns import EVENT_SCHEMA, REJECTED_SCHEMA
from evergreen.events.message_keys import Found, Keys
from evergreen.events.warehouses.named import event_store

if TYPE_CHECKING:
    import duckdb

__all__ = ["EVENT_SCHEMA", "REJECTED_SCHEMA", "Appended", "append", "appending", "held", "trial"]

_KEY_COLUMNS = [
    "source",
    "message_id",
    "kind",
    "name",
    "account_key",
    "end_user",
    "count",
    "seconds",
    "properties",
]


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of one batch: received = stored + duplicates + rejected, to the unit.

    ``conflicts`` counts those duplicates whose content differs from the event that stood first.
    """

    received: int
    stored: int
    duplicates: int
    conflicts: int
    rejected: int


@contextmanager
def appending(home: env.Home | None = None) -> Iterator[None]:
    """Hold the right to append: two writers that append at once could both find a message id absent.

    On PostgreSQL the writers of several machines take turns too. Not to be entered twice by one thread.
    """
    home = home or env.home()
    home.lake.mkdir(parents=True, exist_ok=True)
    fd = os.open(home.lake / "append.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        with _alone_on_the_catalog():
            # What was committed just before a kill, too.
            event_store(home).publish()
            yield
            event_store(home).publish()
    finally:
        os.close(fd)


@contextmanager
def _alone_on_the_catalog() -> Iterator[None]:
    """The lock that all machines on one PostgreSQL catalog share; released with its connection, also after a kill."""
    if not env.database_url():
        yield
        return
    import psycopg

    with psycopg.connect(env.database_url(), autocommit=True) as con:
        con.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"append:{env.lake_schema()}"])
        yield


def append(
    con: duckdb.DuckDBPyConnection,
    events: pa.Table,
    *,
    origin: str,
    until: int,
    zone: str,
    now: dt.datetime,
    rejected: pa.Table | None = None,
    places: NDArray[np.int64] | None = None,
    home: env.Home | None = None,
) -> Appended:
    """Add a batch inside the caller's transaction (and within ``appending``).

    ``events`` follows EVENT_SCHEMA, ``rejected`` REJECTED_SCHEMA. A message id that its source already has
    adds nothing; of equal ids inside the batch the first row stands, or the one with the lowest of ``places``. ``origin`` and ``until`` say which part
    of which journal segment or file the lake holds afterwards (``held``). ``zone`` is the vendor's time zone.
    """
    rows = _complete(events)
    raw = event_store(home)
    keys = _keys(con, rows)
    checked = _checked(keys, raw.known(con, keys), places)
    number, mark = None, None
    if checked.stored:
        new = checked.is_new
        fresh = _dated(rows if new.all() else rows.filter(pa.array(new)), zone)
        number, mark = raw.add(con, Keys(*(column[new] for column in keys)), fresh)
        con.register("fresh_days", fresh.select(["known_on", "kind", "name"]))
        con.execute(
            "INSERT INTO lake.arrivals SELECT known_on, ?, count(*)"
            f" FROM fresh_days WHERE {_IS_ROLLED_UP} GROUP BY known_on",
            [origin],
        )
        con.unregister("fresh_days")
    refused = rejected.num_rows if rejected is not None else 0
    if rejected is not None and refused:
        con.register("rejected_batch", rejected.cast(REJECTED_SCHEMA))
        con.execute("INSERT INTO lake.rejected_events SELECT * FROM rejected_batch")
        con.unregister("rejected_batch")
    moved_at = now.astimezone(dt.UTC).replace(tzinfo=None)
    con.register("intake_now", _intake(rows, checked, rejected))
    con.execute("INSERT INTO lake.intake SELECT ?, * FROM intake_now", [moved_at])
    con.unregister("intake_now")
    result = checked.counted(refused)
    con.execute(
        "INSERT INTO lake.batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            origin,
            until,
            result.received,
            result.stored,
            result.duplicates,
            result.conflicts,
            result.rejected,
            moved_at,
            number,
            mark,
        ],
    )
    return result


def trial(con: duckdb.DuckDBPyConnection, events: pa.Table, *, home: env.Home | None = None) -> Appended:
    """What ``append`` would count for a batch, without writing: a dry run. On one connection, batches tried
    before count as stored.
    """
    home = home or env.home()
    keys = _keys(con, _complete(events))
    with appending(home):
        found = event_store(home).known(con, keys)
    con.execute("CREATE TEMP TABLE IF NOT EXISTS tried_keys (hi UBIGINT, lo UBIGINT, body UBIGINT)")
    con.register("batch_keys", pa.table([pa.array(column) for column in keys], list(Keys._fields)))
    tried = con.execute(_TRIED).fetchnumpy()
    again = np.asarray(tried["place"], np.int64)
    found.body[again] = np.where(found.known[again], found.body[again], np.asarray(tried["body"], np.uint64))
    found.known[again] = True
    checked = _checked(keys, found)
    con.register("batch_new", pa.table({"is_new": pa.array(checked.is_new)}))
    con.execute(
        "INSERT INTO tried_keys SELECT hi, lo, body FROM batch_keys POSITIONAL JOIN batch_new WHERE is_new"
    )
    con.unregister("batch_keys")
    con.unregister("batch_new")
    return checked.counted(0)


def held(con: duckdb.DuckDBPyConnection, origin: str) -> int:
    """Up to which position of ``origin`` the lake holds its events; 0 when it holds none."""
    return int(store.scalar(con, "SELECT max(until) FROM lake.batches WHERE origin = ?", origin) or 0)


def _complete(events: pa.Table) -> pa.Table:
    """The batch in the order and types of EVENT_SCHEMA; columns that may be empty need not be given.

    Texts may be given as dictionaries and stay so.
    """
    missing = [field for field in EVENT_SCHEMA if field.nullable and field.name not in events.column_names]
    for field in missing:
        events = events.append_column(field, pa.nulls(events.num_rows, field.type))
    events = events.select(EVENT_SCHEMA.names)
    given = zip(EVENT_SCHEMA, events.schema.types, strict=True)
    return events.cast(pa.schema([field.with_type(_kept(own, field.type)) for field, own in given]))


def _kept(given: pa.DataType, wanted: pa.DataType) -> pa.DataType:
    return given if pa.types.is_dictionary(given) and given.value_type == wanted else wanted


# What the daily roll-up reads: of this installation's own events only survey answers and facts, so that an alert of an old day
# does not have the day rolled up again.
_IS_ROLLED_UP = "(kind <> 'system' OR name IN ({}))".format(
    ", ".join(f"'{name}'" for name in ("survey.answered", *facts.NAMES))
)

# The key of an event is (source, message id): 128 bits of MD5, so a collision of honest ids is out of the question.
_KEYS = """
SELECT (number & 18446744073709551615::UHUGEINT)::UBIGINT AS hi, (number >> 64)::UBIGINT AS lo, body FROM (
    SELECT md5_number(source || chr(31) || message_id) AS number,
           hash(kind, name, account_key, end_user, count, seconds, properties) AS body
    FROM incoming_batch
)
"""

_TRIED = """
SELECT place, tried_keys.body FROM (SELECT hi, lo, row_number() OVER () - 1 AS place FROM batch_keys)
JOIN tried_keys USING (hi, lo)
"""


def _dated(rows: pa.Table, zone: str) -> pa.Table:
    """The rows with the vendor's days of ``occurred_at`` and ``known_at``; the engine itself takes ten times as long."""
    for name, moments in (("day", rows["occurred_at"]), ("known_on", rows["known_at"])):
        here = moments.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", zone))
        rows = rows.append_column(name, pc.local_timestamp(here).cast(pa.date32(), safe=False))
    return rows


@dataclass(frozen=True, slots=True)
class _Checked:
    """Which rows of a batch are new; of the others, how many say something else than the row that stood first."""

    is_new: NDArray[np.bool_]
    differs: NDArray[np.bool_]

    @property
    def stored(self) -> int:
        return int(np.count_nonzero(self.is_new))

    def counted(self, refused: int) -> Appended:
        received, stored = len(self.is_new), self.stored
        conflicts = int(np.count_nonzero(self.differs))
        return Appended(received + refused, stored, received - stored, conflicts, refused)


def _keys(con: duckdb.DuckDBPyConnection, rows: pa.Table) -> Keys:
    """The keys of a batch in the order of its rows."""
    con.register("incoming_batch", rows.select(_KEY_COLUMNS))
    found = con.execute(_KEYS).fetchnumpy()
    con.unregister("incoming_batch")
    return Keys(*(np.asarray(found[name], np.uint64) for name in Keys._fields))


def _checked(keys: Keys, found: Found, places: NDArray[np.int64] | None = None) -> _Checked:
    """Of equal keys in the batch the first row stands (by place), unless the key is known already."""
    rows = np.arange(len(keys.hi))
    first = rows.copy()
    order = np.argsort(keys.hi)
    alike = keys.hi[order[1:]] == keys.hi[order[:-1]]
    if alike.any():
        # Only those with a neighbour of the same half are sorted by all of it.
        near = order[np.append(alike, False) | np.append(False, alike)]
        rank = near if places is None else places[near]
        near = near[np.lexsort((rank, keys.lo[near], keys.hi[near]))]
        hi, lo = keys.hi[near], keys.lo[near]
        begins = np.append(True, (hi[1:] != hi[:-1]) | (lo[1:] != lo[:-1]))
        first[near] = near[np.flatnonzero(begins)][np.cumsum(begins) - 1]
    is_new = ~found.known & (first == rows)
    stood = np.where(found.known, found.body, keys.body[first])
    return _Checked(is_new, ~is_new & (keys.body != stood))


def _intake(rows: pa.Table, checked: _Checked, rejected: pa.Table | None) -> pa.Table:
    """What became of the batch by source: source, stored, duplicates, conflicts, rejected."""
    nothing = pa.array(np.zeros(rows.num_rows, np.int64))
    counted = [checked.is_new, ~checked.is_new, checked.differs]
    names = ["source", "stored", "duplicates", "conflicts", "rejected"]
    found = pa.table(
        [rows["source"].cast(pa.string()), *(pa.array(mask.astype(np.int64)) for mask in counted), nothing],
        names,
    )
    if rejected is not None and rejected.num_rows:
        ones, zeros = (pa.array(np.full(rejected.num_rows, n, np.int64)) for n in (1, 0))
        found = pa.concat_tables([found, pa.table([rejected["source"], zeros, zeros, zeros, ones], names)])
    summed = found.group_by("source").aggregate([(name, "sum") for name in names[1:]])
    return summed.rename_columns([name.removesuffix("_sum") for name in summed.column_names]).select(names)
