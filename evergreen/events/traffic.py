"""Reads of what comes in: by source, what was rejected, events of no feature."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from evergreen.events.looking import of_events, of_lake


class Incoming(NamedTuple):
    """Events of a source since a day, and when the newest came."""

    source: str
    events: int
    newest_at: dt.datetime


class Rejected(NamedTuple):
    """An event that was not taken: why, which field, and the beginning of its body."""

    source: str
    received_at: dt.datetime
    reason: str
    field: str | None
    body: str
    origin: str
    position: int
    item: int


class Unnamed(NamedTuple):
    """An event that is no feature yet: uses and accounts since a day."""

    event: str
    uses: int
    accounts: int


def by_source(since: dt.date) -> list[Incoming]:
    """Events by source that became known since a day; nothing while the lake cannot be read."""
    rows = of_events(
        "SELECT source, count(*), max(received_at) FROM lake.events WHERE known_on >= ? GROUP BY source",
        since,
    )
    return [Incoming(source, count, at.replace(tzinfo=dt.UTC)) for source, count, at in rows]


def rejected(limit: int, length: int = 400, *, source: str = "", reason: str = "") -> list[Rejected]:
    """The newest rejected events, of one source and for one reason if named."""
    rows = of_lake(
        "SELECT source, received_at, reason, field, left(body, ?), origin, position, item FROM lake.rejected_events"
        " WHERE source = coalesce(nullif(?, ''), source) AND reason = coalesce(nullif(?, ''), reason)"
        " ORDER BY received_at DESC, origin, position, item LIMIT ?",
        length,
        source,
        reason,
        limit,
    )
    return [Rejected(source, at.replace(tzinfo=dt.UTC), *rest) for source, at, *rest in rows]


def rejected_count() -> int:
    rows = of_lake("SELECT count(*) FROM lake.rejected_events")
    return int(rows[0][0]) if rows else 0


def unnamed(since: dt.date, limit: int) -> list[Unnamed]:
    """Events since a day that are no feature, the most used first."""
    rows = of_lake(
        "SELECT event, sum(count)::BIGINT AS uses, count(DISTINCT account_id) FROM lake.usage"
        " WHERE known_on >= ? AND feature IS NULL GROUP BY event ORDER BY uses DESC, event LIMIT ?",
        since,
        limit,
    )
    return [Unnamed(*row) for row in rows]


def has_events() -> bool:
    """Whether any event has come in."""
    return bool(of_events("SELECT 1 FROM lake.events LIMIT 1"))
