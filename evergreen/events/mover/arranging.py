"""Journal records become one table of events that know their account, in the order in which they came."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evergreen.events import identity
from evergreen.events.arrivals import EVENT_SCHEMA
from evergreen.events.identity import Place
from evergreen.events.ingest.shapes import Event, Rejection
from evergreen.events.journal import Entry
from evergreen.events.mover import plain
from evergreen.events.mover.unpacking import event_table, unpack

_EPOCH_COLUMNS = ("occurred_at", "received_at", "known_at")


@dataclass(frozen=True, slots=True)
class Arranged:
    """``events`` follows EVENT_SCHEMA; ``entry`` is the place of each row's entry, ascending."""

    events: pa.Table
    entry: NDArray[np.int64]
    rejected: list[tuple[int, Rejection]]


@dataclass(frozen=True, slots=True)
class _Single:
    """An event read alone: at which entry, and at which place in it."""

    entry: int
    item: int
    source: str
    event: Event


def arrange(entries: Sequence[Entry]) -> Arranged:
    """Unpack entries and find whose their events are; end users are remembered on the way."""
    properties = identity.account_properties()
    with _uncollected():
        taken = plain.read([entry.record for entry in entries], properties)
        singles, rejected = _singles(entries, taken, properties)
    without = _without_account_key(taken)
    resolved = identity.resolve([(one.source, one.event) for one in (*singles, *without)])
    if resolved.told:
        identity.remember(resolved.told)
    places = resolved.places
    table = _placed(
        taken.table, dict(zip((one.item for one in without), places[len(singles) :], strict=True))
    )
    if not singles:
        return Arranged(table, taken.record, rejected)
    others = event_table(
        [
            (
                one.source,
                one.event,
                place.account_id if place else None,
                place.tenant if place else one.event.tenant,
            )
            for one, place in zip(singles, places, strict=False)
        ]
    )
    entry = np.concatenate([taken.record, np.array([one.entry for one in singles], np.int64)])
    item = np.concatenate([taken.item, np.array([one.item for one in singles], np.int64)])
    order = np.lexsort((item, entry))
    return Arranged(pa.concat_tables([table, others]).take(pa.array(order)), entry[order], rejected)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for circles among the hundred thousand objects of a batch, which have none: it took half of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _singles(
    entries: Sequence[Entry], taken: plain.Plain, properties: Sequence[str]
) -> tuple[list[_Single], list[tuple[int, Rejection]]]:
    """Everything that is not plain."""
    singles: list[_Single] = []
    rejected: list[tuple[int, Rejection]] = []
    for at, entry in enumerate(entries):
        left = taken.left.get(at)
        if left == []:
            continue
        found = unpack(entry.record, properties, left)
        for item, one in zip(count() if left is None else left, found, strict=False):
            if isinstance(one, Event):
                singles.append(_Single(at, item, entry.record.source, one))
            else:
                rejected.append((at, one))
    return singles, rejected


def _without_account_key(taken: plain.Plain) -> list[_Single]:
    """Plain calls whose account only their end user can tell; ``item`` is the row."""
    rows = np.flatnonzero(taken.table["account_key"].is_null().to_numpy())
    if not len(rows):
        return []
    told = taken.table.select(["source", "name", "message_id", "end_user", *_EPOCH_COLUMNS]).take(
        pa.array(rows)
    )
    times = [told[name].cast(pa.int64()).to_pylist() for name in _EPOCH_COLUMNS]
    texts = [told[name].to_pylist() for name in ("source", "name", "message_id", "end_user")]
    return [
        _Single(
            0,
            row,
            source,
            Event(
                kind="track",
                name=name,
                message_id=message_id,
                person=person,
                occurred_at=occurred,
                received_at=received,
                known_at=known,
            ),
        )
        for row, source, name, message_id, person, occurred, received, known in zip(
            rows.tolist(), *texts, *times, strict=True
        )
    ]


def _placed(table: pa.Table, by_row: dict[int, Place | None]) -> pa.Table:
    """The plain calls with account and tenant."""
    keys = list(zip(table["source"].to_pylist(), table["account_key"].to_pylist(), strict=True))
    found = identity.places({key for key in set(keys) if key[1] is not None})
    places = [found.get(key) for key in keys]
    for row, place in by_row.items():
        places[row] = place
    columns = {name: table[name] for name in table.column_names}
    columns["account_id"] = pa.array([place.account_id if place else None for place in places], pa.int64())
    columns["tenant"] = pa.array([place.tenant if place else "" for place in places], pa.string())
    return pa.table([columns[field.name] for field in EVENT_SCHEMA], schema=EVENT_SCHEMA)
