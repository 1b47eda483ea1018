"""Events enter the lake here, whoever brings them: the journal's mover, a file, the demo."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.base import env
from evergreen.events import store

if TYPE_CHECKING:
    import duckdb

_MOMENT = pa.timestamp("us")

# What a caller hands over, one row an event. Times are naive UTC; properties is a JSON object as text.
EVENT_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("account_id", pa.int64()),
        pa.field("tenant", pa.string(), nullable=False),
        pa.field("account_key", pa.string()),
        pa.field("end_user", pa.string()),
        pa.field("occurred_at", _MOMENT, nullable=False),
        pa.field("original_at", _MOMENT),
        pa.field("sent_at", _MOMENT),
        pa.field("received_at", _MOMENT, nullable=False),
        pa.field("known_at", _MOMENT, nullable=False),
        pa.field("count", pa.int64(), nullable=False),
        pa.field("seconds", pa.float64()),
        pa.field("feature", pa.string()),
        pa.field("properties", pa.string()),
        pa.field("message_id", pa.string(), nullable=False),
        pa.field("flag", pa.string()),
        pa.field("backfilled", pa.bool_(), nullable=False),
    ]
)

REJECTED_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("received_at", _MOMENT, nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("field", pa.string()),
        pa.field("body", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("item", pa.int32(), nullable=False),
    ]
)


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
    """Hold the right to append: two processes that append at once could both find a message id absent."""
    home = home or env.home()
    home.lake.mkdir(parents=True, exist_ok=True)
    fd = os.open(home.lake / "append.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def append(
    con: duckdb.DuckDBPyConnection,
    events: pa.Table,
    *,
    origin: str,
    until: int,
    zone: str,
    now: dt.datetime,
    rejected: pa.Table | None = None,
) -> Appended:
    """Add a batch inside the caller's transaction (and within ``appending``).

    ``events`` follows EVENT_SCHEMA, ``rejected`` REJECTED_SCHEMA. A message id that its source already has
    adds nothing; of equal ids inside the batch the first row stands. ``origin`` and ``until`` say which part
    of which journal segment or file the lake holds afterwards (``held``). ``zone`` is the vendor's time zone.
    """
    con.register("incoming_batch", _complete(events).cast(EVENT_SCHEMA))
    con.execute(_FRESH.format(keys="lake.message_keys"))
    received, stored, conflicts = con.execute(_COUNTS).fetchone() or (0, 0, 0)
    if stored:
        con.execute(_INSERT_EVENTS, [zone, zone])
        con.execute("INSERT INTO lake.message_keys SELECT hi, lo, body FROM fresh_batch WHERE is_new")
        con.execute(
            "INSERT INTO lake.arrivals SELECT timezone($zone, timezone('UTC', known_at))::DATE AS on_day, $origin, count(*)"
            f" FROM fresh_batch WHERE is_new AND {_IS_ROLLED_UP} GROUP BY on_day",
            {"zone": zone, "origin": origin},
        )
    refused = rejected.num_rows if rejected is not None else 0
    if rejected is not None and refused:
        con.register("rejected_batch", rejected.cast(REJECTED_SCHEMA))
        con.execute("INSERT INTO lake.rejected_events SELECT * FROM rejected_batch")
        con.unregister("rejected_batch")
    result = Appended(received + refused, stored, received - stored, conflicts, refused)
    con.execute(
        "INSERT INTO lake.batches VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            origin,
            until,
            result.received,
            result.stored,
            result.duplicates,
            result.conflicts,
            result.rejected,
            now.astimezone(dt.UTC).replace(tzinfo=None),
        ],
    )
    con.execute("DROP TABLE fresh_batch")
    con.unregister("incoming_batch")
    return result


def trial(con: duckdb.DuckDBPyConnection, events: pa.Table) -> Appended:
    """What ``append`` would count for a batch, without writing: a dry run. On one connection, batches tried
    before count as stored.
    """
    con.execute("CREATE TEMP TABLE IF NOT EXISTS tried_keys (hi UBIGINT, lo UBIGINT, body UBIGINT)")
    con.register("incoming_batch", _complete(events).cast(EVENT_SCHEMA))
    keys = "(SELECT * FROM lake.message_keys UNION ALL SELECT * FROM tried_keys)"
    con.execute(_FRESH.format(keys=keys))
    received, stored, conflicts = con.execute(_COUNTS).fetchone() or (0, 0, 0)
    con.execute("INSERT INTO tried_keys SELECT hi, lo, body FROM fresh_batch WHERE is_new")
    con.execute("DROP TABLE fresh_batch")
    con.unregister("incoming_batch")
    return Appended(received, stored, received - stored, conflicts, 0)


def held(con: duckdb.DuckDBPyConnection, origin: str) -> int:
    """Up to which position of ``origin`` the lake holds its events; 0 when it holds none."""
    return int(store.scalar(con, "SELECT max(until) FROM lake.batches WHERE origin = ?", origin) or 0)


def _complete(events: pa.Table) -> pa.Table:
    """The batch in the order of EVENT_SCHEMA; columns that may be empty need not be given."""
    missing = [field for field in EVENT_SCHEMA if field.nullable and field.name not in events.column_names]
    for field in missing:
        events = events.append_column(field, pa.nulls(events.num_rows, field.type))
    return events.select(EVENT_SCHEMA.names)


# What the daily roll-up reads: of this installation's own events only survey answers, so that an alert of an old day
# does not have the day rolled up again.
_IS_ROLLED_UP = "(kind <> 'system' OR name = 'survey.answered')"

# The key of an event is (source, message id): 128 bits of MD5, so a collision of honest ids is out of the
# question.
_FRESH = """
CREATE OR REPLACE TEMP TABLE fresh_batch AS
WITH hashed AS (
    SELECT *, row_number() OVER () AS place,
           md5_number_upper(source || chr(31) || message_id) AS hi,
           md5_number_lower(source || chr(31) || message_id) AS lo,
           hash(kind, name, account_key, end_user, count, seconds, properties) AS body
    FROM incoming_batch
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY hi, lo ORDER BY place) AS turn,
           first_value(body) OVER (PARTITION BY hi, lo ORDER BY place) AS first_body
    FROM hashed
), stored AS (
    SELECT hi, lo, min(body) AS body FROM {keys}
    WHERE hi IN (SELECT hi FROM ranked) GROUP BY hi, lo
)
SELECT ranked.* EXCLUDE (turn, first_body), ranked.turn = 1 AND stored.hi IS NULL AS is_new,
       ranked.body <> coalesce(stored.body, ranked.first_body) AS differs
FROM ranked LEFT JOIN stored USING (hi, lo)
"""

_COUNTS = """
SELECT count(*), count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new AND differs) FROM
fresh_batch
"""

_INSERT_EVENTS = """
INSERT INTO lake.events
SELECT source, kind, name, account_id, tenant, account_key, end_user, occurred_at, original_at, sent_at,
received_at, known_at, timezone(?, timezone('UTC', occurred_at))::DATE, timezone(?, timezone('UTC',
known_at))::DATE AS known_day, count, seconds, feature, properties, message_id, flag, backfilled FROM
fresh_batch WHERE is_new ORDER BY known_day, account_id, occurred_at
"""
