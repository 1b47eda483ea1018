"""The columns of events on their way into the history."""

from __future__ import annotations

import pyarrow as pa

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
