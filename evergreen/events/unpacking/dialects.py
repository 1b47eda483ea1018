"""Journal records become events and rejections one by one, as the dialect says in which they came. Pure."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec

from evergreen.events.ingest.shapes import BadRequestError, Event, Rejection
from evergreen.events.ingest.wires import WIRES
from evergreen.events.journal import SYSTEM, Record

log = logging.getLogger(__name__)

WHOLE_REQUEST = -1
DIALECTS = {wire.dialect.NAME: wire.dialect for wire in WIRES}
_TICK = dt.timedelta(microseconds=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class _System(msgspec.Struct):
    """An internal event as the journal holds it (``journal.SystemEvent``)."""

    name: str
    message_id: str
    account_id: int | None = None
    account_key: str | None = None
    tenant: str = ""
    end_user: str | None = None
    occurred_at: dt.datetime | None = None
    known_at: dt.datetime | None = None
    count: int = 1
    seconds: float | None = None
    feature: str | None = None
    properties: dict[str, Any] | None = None
    backfilled: bool = False


_read_system = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_event = msgspec.json.Decoder(_System).decode


def unpack(
    record: Record, account_properties: Sequence[str], places: Collection[int] | None = None
) -> Iterator[Event | Rejection]:
    """Everything a record holds, or what stands at some ``places`` of it (Segment's only).

    What cannot be read becomes a rejection: nothing stops the stream.
    """
    if record.reason:
        yield Rejection(record.reason, None, record.body, WHOLE_REQUEST)
        return
    try:
        if record.kind == SYSTEM:
            yield from _system_events(record)
        else:
            dialect, _, call = record.kind.partition("/")
            module = DIALECTS[dialect]
            request = module.open_request(call, record.body)
            yield from module.events(
                call,
                request,
                source=record.source,
                received=record.received_at,
                account_properties=account_properties,
                **({} if places is None else {"places": places}),
            )
    except (BadRequestError, msgspec.MsgspecError, KeyError) as error:
        log.error("A journal record of %s (%s) could not be unpacked: %s", record.source, record.kind, error)
        yield Rejection(f"The stored request could not be read: {error}.", None, record.body, WHOLE_REQUEST)


def _system_events(record: Record) -> Iterator[Event | Rejection]:
    for place, raw in enumerate(_read_system(record.body)):
        try:
            told = _read_event(raw)
        except msgspec.MsgspecError as error:
            yield Rejection(str(error), None, bytes(raw), place)
            continue
        occurred = _micros(told.occurred_at) if told.occurred_at else record.received_at
        yield Event(
            kind=SYSTEM,
            name=told.name,
            message_id=told.message_id,
            person=told.end_user,
            occurred_at=occurred,
            original_at=occurred,
            received_at=record.received_at,
            known_at=_micros(told.known_at) if told.known_at else record.received_at,
            account_id=told.account_id,
            account_key=told.account_key,
            tenant=told.tenant,
            properties=msgspec.json.encode(told.properties).decode() if told.properties else None,
            feature=told.feature,
            count=told.count,
            seconds=told.seconds,
            backfilled=told.backfilled,
        )


def _micros(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // _TICK
