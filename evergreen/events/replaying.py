"""Rejected events read again, after whatever made them unreadable was put right; what can be read now is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pyarrow as pa

from evergreen.base import env, queries
from evergreen.events import arrivals, identity, store
from evergreen.events.ingest.shapes import Event
from evergreen.events.journal import Record
from evergreen.events.unpacking import DIALECTS, WHOLE_REQUEST, event_table, unpack

if TYPE_CHECKING:
    import duckdb

_AT_MOST = 20_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Key(NamedTuple):
    """Which rejected event: its journal segment, the request's position there, its place in the request."""

    origin: str
    position: int
    item: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """read = rows taken up again = recovered + still rejected; stored and duplicates count events."""

    read: int
    still: int
    stored: int
    duplicates: int


def replay_rejected(
    con: duckdb.DuckDBPyConnection,
    *,
    now: dt.datetime,
    source: str | None = None,
    reason: str | None = None,
    corrected: Mapping[Key, str] | None = None,
    home: env.Home | None = None,
) -> Replayed:
    """Read rejected events again with today's rules and store those that are good now, in one transaction.

    ``corrected`` gives a new body for some of them, and then only these are read. At most 20,000 rows a call,
    the oldest first, and ``source`` and ``reason`` narrow them. An event becomes known now: the nights that are over
    keep their figures.
    """
    home = home or env.home()
    properties = identity.account_properties()
    known_at = (now - _EPOCH) // dt.timedelta(microseconds=1)
    good: list[Key] = []
    events: list[tuple[str, Event]] = []
    rows = _rows(con, source, reason, corrected)
    for key, record in rows:
        found = list(unpack(record, properties))
        readable = [
            (record.source, msgspec.structs.replace(item, known_at=known_at))
            for item in found
            if isinstance(item, Event)
        ]
        if readable and len(readable) == len(found):
            good.append(key)
            events += readable
    if not good:
        return Replayed(len(rows), len(rows), 0, 0)
    resolved = identity.resolve(events)
    identity.remember(resolved.told)
    table = event_table(
        [
            (name, event, place.account_id if place else None, place.tenant if place else event.tenant)
            for (name, event), place in zip(events, resolved.places, strict=True)
        ]
    )
    con.register("replayed_rows", pa.Table.from_pylist([key._asdict() for key in good]))
    try:
        with arrivals.appending(home), store.transaction(con, home):
            appended = arrivals.append(
                con,
                table,
                origin=f"replay:{now.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
                until=len(events),
                zone=str(queries.setting("timezone")),
                now=now,
                home=home,
            )
            con.execute(
                "DELETE FROM lake.rejected_events WHERE EXISTS (SELECT 1 FROM replayed_rows AS r WHERE "
                "r.origin = rejected_events.origin AND r.position = rejected_events.position "
                "AND r.item = rejected_events.item)"
            )
    finally:
        con.unregister("replayed_rows")
    return Replayed(len(rows), len(rows) - len(good), appended.stored, appended.duplicates)


def _rows(
    con: duckdb.DuckDBPyConnection,
    source: str | None,
    reason: str | None,
    corrected: Mapping[Key, str] | None,
) -> list[tuple[Key, Record]]:
    """The rejected rows asked for, each as a record that can be unpacked."""
    rows = con.execute(
        "SELECT origin, position, item, source, kind, epoch_us(received_at), body FROM lake.rejected_events "
        "WHERE source = coalesce(?, source) AND reason = coalesce(?, reason) AND (? OR list_contains(?, origin)) "
        "ORDER BY received_at, origin, position, item LIMIT ?",
        [source, reason, corrected is None, [key.origin for key in corrected or ()], _AT_MOST],
    ).fetchall()
    found = []
    for origin, position, item, name, kind, received, body in rows:
        key = Key(origin, position, item)
        if corrected is not None:
            if key not in corrected:
                continue
            body = corrected[key]
        dialect, _, call = kind.partition("/")
        raw = body.encode()
        if item != WHOLE_REQUEST and dialect in DIALECTS:
            raw = DIALECTS[dialect].alone(call, raw)
        found.append((key, Record(name, kind, received, raw)))
    return found
