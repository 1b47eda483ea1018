"""The greater part of all traffic in columns: track, page and screen calls with nothing unusual about them. Pure.

A call read alone costs ten times what it costs in a column of many. What is unusual in any way (a long id, a clock that
is off, a type in capitals) is left to the dialect, which says what every call means; a test holds both to the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evergreen.events.ingest import segment, times
from evergreen.events.ingest.shapes import (
    EVENT_BYTES,
    ID_LENGTH,
    NAME_LENGTH,
    BadRequestError,
    names_somebody,
)
from evergreen.events.journal import Record
from evergreen.events.unpacking import texts
from evergreen.events.unpacking.texts import Mask

_VIEWS = frozenset({"page", "screen"})
_KINDS = frozenset({"track", *_VIEWS})
_CALLS = {f"{segment.NAME}/{call}": call for call in (*segment.BATCHES, *_KINDS)}
# A place is a record's number and its call's, of which no body has more.
PLACE_BITS = 24
_TIME = pa.timestamp("us")
_FEATURE = repeat("feature")
_write_lines = msgspec.json.Encoder().encode_lines

SCHEMA = pa.schema(
    [
        pa.field("place", pa.int64()),
        pa.field("source", texts.REPEATING),
        pa.field("kind", texts.REPEATING),
        pa.field("name", texts.REPEATING),
        pa.field("account_key", texts.REPEATING),
        pa.field("end_user", texts.REPEATING),
        pa.field("occurred_at", _TIME),
        pa.field("original_at", _TIME),
        pa.field("sent_at", _TIME),
        pa.field("received_at", _TIME),
        pa.field("feature", texts.REPEATING),
        pa.field("properties", pa.string()),
        pa.field("message_id", pa.string()),
    ]
)


@dataclass(slots=True)
class Plain:
    """Plain calls as columns of SCHEMA. ``left`` names, by record, the calls that are not plain."""

    table: pa.Table
    left: dict[int, list[int]] = field(default_factory=dict)


def place(record: int, item: int) -> int:
    """Where a call stood: ascending by record, then by place in it."""
    return record << PLACE_BITS | item


def read(records: Sequence[Record], account_properties: Sequence[str]) -> Plain:
    """Take the plain calls out of records; a record that ``left`` does not name was not looked at or holds others only."""
    taken = _Taken(account_properties)
    for number, record in enumerate(records):
        call = _CALLS.get(record.kind)
        if call is not None and not record.reason:
            taken.take(number, call, record)
    return taken.plain()


class _Taken:
    """Calls of many records as lists of what they say.

    The calls of a record are let go of at once: the next ones then take their place in the processor's cache, which
    makes up for half of the time.
    """

    def __init__(self, account_properties: Sequence[str]) -> None:
        self._account_names = (*account_properties, "company")
        # Of each record.
        self.records: list[int] = []
        self.counts: list[int] = []
        self.sources: list[str] = []
        self.received: list[int] = []
        self.sent: list[int | None] = []
        # Of each call; ``odd`` are the places of those that are not plain for sure.
        self.odd: list[int] = []
        self.kinds: list[Any] = []
        self.message_ids: list[Any] = []
        self.names: list[Any] = []
        self.accounts: list[Any] = []
        self.users: list[Any] = []
        self.devices: list[Any] = []
        self.moments: list[Any] = []
        self.features: list[Any] = []
        self.properties: list[bytes] = []

    def take(self, number: int, call: str, record: Record) -> None:
        """Decode the calls of a record; one that holds a broken call is left whole to the dialect."""
        try:
            calls, large, told = _calls(call, record.body)
        except (BadRequestError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return
        sent = times.moment(told)
        if sent is None:  # then a call's own counts
            large += [at for at, one in enumerate(calls) if one.sentAt is not None]
        self.odd += [len(self.kinds) + at for at in large]
        kinds = [one.type for one in calls] if call in segment.BATCHES else [call]
        names = [one.event for one in calls]
        properties = [one.properties for one in calls]
        accounts = [one.context.groupId if one.context else None for one in calls]
        if None in accounts:
            for at, one in enumerate(calls):
                if accounts[at] is None:
                    accounts[at] = self._account(one)
        if kinds.count("track") != len(kinds) and not _VIEWS.isdisjoint(kinds):
            for at, kind in enumerate(kinds):
                if kind in _VIEWS:
                    names[at], properties[at] = kind, segment.properties_of(kind, calls[at])
        self.records.append(number)
        self.counts.append(len(calls))
        self.sources.append(record.source)
        self.received.append(record.received_at)
        self.sent.append(sent)
        self.kinds += kinds
        self.names += names
        self.accounts += accounts
        self.message_ids += [one.messageId for one in calls]
        self.users += [one.userId for one in calls]
        self.devices += [one.anonymousId for one in calls]
        self.moments += [one.originalTimestamp if one.timestamp is None else one.timestamp for one in calls]
        try:
            self.features += list(map(dict.get, properties, _FEATURE))
        except TypeError:  # some have no properties
            self.features += [one.get("feature") if one else None for one in properties]
        self.properties.append(_write_lines(properties))

    def _account(self, call: Any) -> Any:
        """The first property that names an account; _ODD where traits might, or what it names is no plain text."""
        if call.traits is not None or (call.context and call.context.traits is not None):
            return _ODD
        told = call.properties
        name = next((name for name in self._account_names if name in told), None) if told else None
        if name is None:
            return None
        value = told[name]
        return value if name != "company" and value.__class__ in (str, int) else _ODD

    def plain(self) -> Plain:
        counts = np.array(self.counts, np.int64)
        records = np.repeat(np.array(self.records, np.int64), counts)
        items = np.arange(len(self.kinds)) - np.repeat(np.cumsum(counts) - counts, counts)
        columns, fits = self._columns(counts)
        left: dict[int, list[int]] = {record: [] for record in self.records}
        for at in np.flatnonzero(~fits):
            left[int(records[at])].append(int(items[at]))
        table = pa.table({"place": pa.array(records << PLACE_BITS | items), **columns}, SCHEMA)
        return Plain(table if fits.all() else table.filter(pa.array(fits)), left)

    def _columns(self, counts: NDArray[np.int64]) -> tuple[dict[str, pa.Array], Mask]:
        fits = np.ones(len(self.kinds), np.bool_)
        fits[self.odd] = False
        kind, good = texts.repeating(self.kinds)
        fits &= good & texts.each(kind, lambda text: text in _KINDS, missing=False)
        message_id, good = texts.column(self.message_ids, pa.string())
        fits &= good & texts.are_message_ids(message_id)
        name, good = texts.repeating(self.names)
        fits &= good & texts.each(name, lambda text: texts.is_clean(text, NAME_LENGTH), missing=False)
        key, good = texts.ids(self.accounts)
        fits &= good & texts.each(key, _names_one, missing=True)
        person, good = self._persons(texts.is_there(key))
        fits &= good
        clock, good = self._clock(counts)
        fits &= good
        feature, good = texts.repeating(self.features)
        fits &= good & texts.each(feature, lambda text: 0 < len(text) <= ID_LENGTH, missing=True)
        sources = pa.array(self.sources, texts.REPEATING)
        return {
            "source": sources.take(pa.array(np.repeat(np.arange(len(sources)), counts))),
            "kind": kind,
            "name": name,
            "account_key": key,
            "end_user": person,
            "occurred_at": pa.array(clock.occurred).cast(_TIME),
            "original_at": pa.array(clock.original).cast(_TIME),
            "sent_at": pa.array(clock.sent, mask=~clock.is_sent).cast(_TIME),
            "received_at": pa.array(np.repeat(np.array(self.received, np.int64), counts)).cast(_TIME),
            "feature": feature,
            "properties": texts.objects(b"".join(self.properties)),
            "message_id": message_id,
        }, fits

    def _persons(self, has_account: Mask) -> tuple[pa.DictionaryArray, Mask]:
        """The end user of each call: userId, else anonymousId, whichever names somebody."""
        user, fits = texts.ids(self.users)
        fits &= texts.each(user, lambda text: texts.is_clean(text, ID_LENGTH), missing=True)
        is_user = texts.each(user, names_somebody, missing=False)
        if is_user.all() and self.devices.count(None) == len(self.devices):
            return user, fits
        device, good = texts.ids(self.devices)
        fits &= good & texts.each(device, lambda text: texts.is_clean(text, ID_LENGTH), missing=True)
        is_device = texts.each(device, names_somebody, missing=False)
        fits &= texts.is_there(user) | texts.is_there(device) | has_account
        users, devices = (column.cast(pa.string()) for column in (user, device))
        person = pc.if_else(pa.array(is_user), users, pc.if_else(pa.array(is_device), devices, None))
        return person.cast(pa.string()).dictionary_encode(), fits

    def _clock(self, counts: NDArray[np.int64]) -> tuple[_Clock, Mask]:
        """Segment's correction for every call; calls whose time is missing, odd or impossible do not fit."""
        received = np.repeat(np.array(self.received, np.int64), counts)
        sent = np.repeat(np.array([one or 0 for one in self.sent], np.int64), counts)
        is_sent = np.repeat(np.array([one is not None for one in self.sent], np.bool_), counts)
        text, good = texts.column(self.moments, pa.string())
        fits = good & texts.are_moments(text)
        original = texts.moments(text, fits)
        occurred = np.where(is_sent, received - (sent - original), original)
        fits &= (occurred <= received + times.DAY) & (occurred >= times.EARLIEST) & (original != texts.UNREAD)
        return _Clock(occurred, original, sent, is_sent), fits


@dataclass(frozen=True, slots=True)
class _Clock:
    """Microseconds since 1970 UTC; ``sent`` counts where ``is_sent``."""

    occurred: NDArray[np.int64]
    original: NDArray[np.int64]
    sent: NDArray[np.int64]
    is_sent: Mask


# Stands where only the dialect can say what is meant; no text, so it fits nowhere.
_ODD = object()


def _calls(call: str, body: bytes) -> tuple[list[Any], list[int], Any]:
    """The calls of a request, the places of those that are too large, and what it says of when it was sent."""
    if call in segment.BATCHES and (found := segment.read_calls(body)) is not None:
        return found[0], [], found[1]
    request = segment.open_request(call, body)
    calls = list(map(segment.read_call, request.items))
    large = [at for at, item in enumerate(request.items) if memoryview(item).nbytes > EVENT_BYTES]
    return calls, large, request.sent


def _names_one(text: str) -> bool:
    return texts.is_clean(text, ID_LENGTH) and names_somebody(text)
