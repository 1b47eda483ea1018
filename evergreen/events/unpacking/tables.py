"""Events and rejections that were read one by one, as the tables the lake takes. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from evergreen.events.columns import EVENT_SCHEMA, REJECTED_SCHEMA
from evergreen.events.ingest.shapes import Event
from evergreen.events.journal import REFUSED
from evergreen.events.unpacking.parts import Refused

_TICK = dt.timedelta(microseconds=1)
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - the lake's times are naive UTC


def event_table(source_events: Sequence[tuple[str, Event, int | None, str]]) -> pa.Table:
    """(source, event, account id, tenant) rows as a table of EVENT_SCHEMA."""
    columns: dict[str, list[Any]] = {
        "source": [source for source, _, _, _ in source_events],
        "account_id": [account for _, _, account, _ in source_events],
        "tenant": [tenant for _, _, _, tenant in source_events],
        "end_user": [event.person for _, event, _, _ in source_events],
    }
    for name in EVENT_SCHEMA.names:
        if name not in columns:
            columns[name] = [getattr(event, name) for _, event, _, _ in source_events]
    return pa.table(
        [pa.array(columns[field.name], field.type) for field in EVENT_SCHEMA], schema=EVENT_SCHEMA
    )


def rejected_table(refused: Sequence[Refused], origin: str) -> pa.Table:
    """Rejections as a table of REJECTED_SCHEMA; bytes that are no text are shown as escapes."""
    rows = [
        (
            one.source,
            one.kind.removeprefix(f"{REFUSED}:"),
            _EPOCH + one.received_at * _TICK,
            one.rejection.reason,
            one.rejection.field,
            one.rejection.body.decode("utf-8", "backslashreplace"),
            origin,
            one.position,
            one.rejection.item,
        )
        for one in refused
    ]
    names = REJECTED_SCHEMA.names
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], REJECTED_SCHEMA)
