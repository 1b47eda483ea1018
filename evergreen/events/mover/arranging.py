"""What was unpacked becomes tables of events that know their account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evergreen.events import identity
from evergreen.events.arrivals import EVENT_SCHEMA
from evergreen.events.identity import Place
from evergreen.events.ingest.shapes import Event
from evergreen.events.unpacking import Unpacked, event_table

_TIMES = ("occurred_at", "received_at")


@dataclass(frozen=True, slots=True)
class Arranged:
    """``events`` has the columns of EVENT_SCHEMA; ``places`` says in which order its rows came."""

    events: pa.Table
    places: NDArray[np.int64]


def arrange(parts: Sequence[Unpacked]) -> list[Arranged]:
    """Find whose the events of each part are; end users are remembered on the way."""
    parts = list(parts)
    plain = pa.concat_tables([part.plain for part in parts]).unify_dictionaries().combine_chunks()
    singles = [single for part in parts for single in part.singles]
    nobodys = np.flatnonzero(plain["account_key"].is_null().to_numpy())
    resolved = identity.resolve([*((one.source, one.event) for one in singles), *_events_of(plain, nobodys)])
    if resolved.told:
        identity.remember(resolved.told)
    placed = _placed(plain, nobodys, resolved.places[len(singles) :])
    found, row, number = [], 0, 0
    for part in parts:
        rows, alone = part.plain.num_rows, len(part.singles)
        found.append(_together(part, placed.slice(row, rows), resolved.places[number : number + alone]))
        row, number = row + rows, number + alone
    return found


def _together(part: Unpacked, placed: pa.Table, accounts: Sequence[Place | None]) -> Arranged:
    """The plain calls of a part and those that were read alone."""
    places = part.plain["place"].to_numpy()
    if not part.singles:
        return Arranged(placed, places)
    others = event_table(
        [
            (one.source, one.event, *((at.account_id, at.tenant) if at else (None, one.event.tenant)))
            for one, at in zip(part.singles, accounts, strict=True)
        ]
    )
    alone = np.array([one.place for one in part.singles], np.int64)
    return Arranged(pa.concat_tables([placed, others.cast(placed.schema)]), np.concatenate([places, alone]))


def _events_of(plain: pa.Table, rows: NDArray[np.intp]) -> list[tuple[str, Event]]:
    """Plain calls whose account only their end user can tell."""
    if not len(rows):
        return []
    told = plain.select(["source", "kind", "name", "message_id", "end_user", *_TIMES]).take(pa.array(rows))
    texts = [told[name].to_pylist() for name in ("source", "kind", "name", "message_id", "end_user")]
    times = [told[name].cast(pa.int64()).to_pylist() for name in _TIMES]
    return [
        (
            source,
            Event(
                kind=kind,
                name=name,
                message_id=message_id,
                person=person,
                occurred_at=occurred,
                received_at=received,
                known_at=received,
            ),
        )
        for source, kind, name, message_id, person, occurred, received in zip(*texts, *times, strict=True)
    ]


def _placed(plain: pa.Table, nobodys: NDArray[np.intp], places: Sequence[Place | None]) -> pa.Table:
    """The plain calls with account and tenant: by their key, those without one (rows ``nobodys``) as told."""
    sources, source = _coded(plain["source"])
    keys, key = _coded(plain["account_key"])
    both, which = np.unique(source * (len(keys) + 1) + key, return_inverse=True)
    pairs = [(sources[one // (len(keys) + 1)], one % (len(keys) + 1)) for one in both.tolist()]
    known = identity.places({(name, keys[at]) for name, at in pairs if at < len(keys)})
    found = [known.get((name, keys[at])) if at < len(keys) else None for name, at in pairs]
    account = np.array([place.account_id if place else 0 for place in found], np.int64)[which]
    is_known = np.array([place is not None for place in found], np.bool_)[which]
    tenants = sorted({"", *(place.tenant for place in (*found, *places) if place)})
    code = {tenant: at for at, tenant in enumerate(tenants)}
    tenant = np.array([code[place.tenant if place else ""] for place in found], np.int32)[which]
    for row, place in zip(nobodys, places, strict=True):
        if place is not None:
            account[row], is_known[row], tenant[row] = place.account_id, True, code[place.tenant]
    size = plain.num_rows
    columns: dict[str, Any] = {name: plain[name] for name in plain.column_names}
    columns |= {
        "account_id": pa.array(account, mask=~is_known),
        "tenant": pa.DictionaryArray.from_arrays(pa.array(tenant), pa.array(tenants, pa.string())),
        "known_at": plain["received_at"],
        "count": pa.array(np.ones(size, np.int64)),
        "backfilled": pa.array(np.zeros(size, np.bool_)),
    }
    return pa.table(
        {
            field.name: columns.get(field.name) if field.name in columns else pa.nulls(size, field.type)
            for field in EVENT_SCHEMA
        }
    )


def _coded(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """The different texts of a column and which of them each row has; their number where it has none."""
    array = column.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    texts = array.dictionary.to_pylist()
    codes = pc.fill_null(array.indices.cast(pa.int64()), len(texts))
    return texts, np.asarray(codes.to_numpy(zero_copy_only=False), np.int64)
