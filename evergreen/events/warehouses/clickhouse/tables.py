"""The tables of single events in ClickHouse."""

from __future__ import annotations

# A row of ``lake.events`` with its message key and the batch that brought it. Partitions are months of known days: a day's
# events lie together, and a history of years makes dozens of partitions, not thousands. The account stands in no sorting
# key, since it may change.
ROWS = """
CREATE TABLE IF NOT EXISTS event_rows (
    source LowCardinality(String),
    kind LowCardinality(String),
    name LowCardinality(String),
    account_id Nullable(Int64),
    tenant LowCardinality(String),
    account_key Nullable(String),
    end_user Nullable(String),
    occurred_at DateTime64(6, 'UTC'),
    original_at Nullable(DateTime64(6, 'UTC')),
    sent_at Nullable(DateTime64(6, 'UTC')),
    received_at DateTime64(6, 'UTC'),
    known_at DateTime64(6, 'UTC'),
    day Date32,
    known_on Date32,
    count Int64,
    seconds Nullable(Float64),
    feature Nullable(String),
    properties Nullable(String),
    message_id String,
    flag Nullable(String),
    backfilled Bool,
    hi UInt64,
    lo UInt64,
    batch UInt64,
    mark UInt64
) ENGINE = MergeTree PARTITION BY toYYYYMM(known_on) ORDER BY (known_on, source, name, occurred_at)
"""

# Kept for ever, also after erasure and retention: what is sent again adds nothing.
KEYS = """
CREATE TABLE IF NOT EXISTS message_keys (hi UInt64, lo UInt64, body UInt64, batch UInt64, mark UInt64)
ENGINE = MergeTree ORDER BY (hi, lo)
"""

# The batches that the book has committed since those that are settled: rows of any other batch are seen by nobody.
PUBLISHED = """
CREATE TABLE IF NOT EXISTS published (batch UInt64, mark UInt64) ENGINE = MergeTree ORDER BY batch
"""

# Up to the highest number here nothing is left of batches that were never committed, so that readers need not ask for each.
SETTLED = """
CREATE TABLE IF NOT EXISTS settled (through UInt64) ENGINE = MergeTree ORDER BY through
"""

COUNTS = (
    "(batch <= (SELECT max(through) FROM settled) OR (batch, mark) IN (SELECT batch, mark FROM published))"
)

EVENTS = f"""
CREATE VIEW IF NOT EXISTS events AS SELECT * FROM event_rows WHERE {COUNTS}
"""

ALL = (ROWS, KEYS, PUBLISHED, SETTLED, EVENTS)
