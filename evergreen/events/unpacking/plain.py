"""The greater part of all traffic in columns: track, page and screen calls with nothing unusual about them. Pure.

A call read alone costs ten times what it costs in a column of many. What is unusual in any way (a long id, a clock that
is off, a type in capitals) is left to the dialect, which says what every call means; a test holds both to the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
    MESSAGE_ID_LENGTH,
    NAME_LENGTH,
    BadRequestError,
    names_somebody,
)
from evergreen.events.journal import Record

Mask = NDArray[np.bool_]

_VIEWS = frozenset({"page", "screen"})
_KINDS = frozenset({"track", *_VIEWS})
_CALLS = {f"{segment.NAME}/{call}": call for call in (*segment.BATCHES, *_KINDS)}
_MOMENT = (
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|\+00:00)$"
)
_MESSAGE_ID = rf"^[A-Za-z0-9_.:/+=-]{{1,{MESSAGE_ID_LENGTH}}}$"
# A place is a record's number and its call's, of which no body has more.
PLACE_BITS = 24
_TIME = pa.timestamp("us")
_REPEATING = pa.dictionary(pa.int32(), pa.string())
_write_lines = msgspec.json.Encoder().encode_lines
_NEWLINE = ord("\n")
_SHORTEST = len('{"":0}')

SCHEMA = pa.schema(
    [
        pa.field("place", pa.int64()),
        pa.field("source", _REPEATING),
        pa.field("kind", _REPEATING),
        pa.field("name", _REPEATING),
        pa.field("account_key", _REPEATING),
        pa.field("end_user", _REPEATING),
        pa.field("occurred_at", _TIME),
        pa.field("original_at", _TIME),
        pa.field("sent_at", _TIME),
        pa.field("received_at", _TIME),
        pa.field("feature", _REPEATING),
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
        if not _VIEWS.isdisjoint(kinds):
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
        kind, good = _repeating(self.kinds)
        fits &= good & _each(kind, lambda text: text in _KINDS, missing=False)
        message_id, good = _texts(self.message_ids, pa.string())
        fits &= good & _matches(message_id, _MESSAGE_ID)
        name, good = _repeating(self.names)
        fits &= good & _each(name, lambda text: _is_clean(text, NAME_LENGTH), missing=False)
        key, good = _ids(self.accounts)
        fits &= good & _each(key, _names_one, missing=True)
        person, good = self._persons(_is_there(key))
        fits &= good
        clock, good = self._clock(counts)
        fits &= good
        feature, good = _repeating(self.features)
        fits &= good & _each(feature, lambda text: 0 < len(text) <= ID_LENGTH, missing=True)
        sources = pa.array(self.sources, _REPEATING)
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
            "properties": _objects(b"".join(self.properties)),
            "message_id": message_id,
        }, fits

    def _persons(self, has_account: Mask) -> tuple[pa.DictionaryArray, Mask]:
        """The end user of each call: userId, else anonymousId, whichever names somebody."""
        user, fits = _ids(self.users)
        fits &= _each(user, lambda text: _is_clean(text, ID_LENGTH), missing=True)
        is_user = _each(user, names_somebody, missing=False)
        if is_user.all() and not any(self.devices):
            return user, fits & np.array([one is None for one in self.devices], np.bool_)
        device, good = _ids(self.devices)
        fits &= good & _each(device, lambda text: _is_clean(text, ID_LENGTH), missing=True)
        is_device = _each(device, names_somebody, missing=False)
        fits &= _is_there(user) | _is_there(device) | has_account
        texts = [column.cast(pa.string()) for column in (user, device)]
        person = pc.if_else(pa.array(is_user), texts[0], pc.if_else(pa.array(is_device), texts[1], None))
        return person.cast(pa.string()).dictionary_encode(), fits

    def _clock(self, counts: NDArray[np.int64]) -> tuple[_Clock, Mask]:
        """Segment's correction for every call; calls whose time is missing, odd or impossible do not fit."""
        received = np.repeat(np.array(self.received, np.int64), counts)
        sent = np.repeat(np.array([one or 0 for one in self.sent], np.int64), counts)
        is_sent = np.repeat(np.array([one is not None for one in self.sent], np.bool_), counts)
        text, good = _texts(self.moments, pa.string())
        fits = good & _matches(text, _MOMENT)
        original = _parsed(text, fits)
        occurred = np.where(is_sent, received - (sent - original), original)
        fits &= (occurred <= received + times.DAY) & (occurred >= times.EARLIEST) & (original != _UNREAD)
        return _Clock(occurred, original, sent, is_sent), fits


@dataclass(frozen=True, slots=True)
class _Clock:
    """Microseconds since 1970 UTC; ``sent`` counts where ``is_sent``."""

    occurred: NDArray[np.int64]
    original: NDArray[np.int64]
    sent: NDArray[np.int64]
    is_sent: Mask


_UNREAD = np.iinfo(np.int64).min
# Stands where only the dialect can say what is meant; no text, so it fits nowhere.
_ODD = object()


def _texts(values: list[Any], kind: pa.DataType) -> tuple[pa.Array, Mask]:
    """Values as text (anything else: null), and which are text or None."""
    try:
        return pa.array(values, kind), np.ones(len(values), np.bool_)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
        text = [one if one.__class__ is str and _is_unicode(one) else None for one in values]
        good = [one is None or kept is not None for one, kept in zip(values, text, strict=True)]
        return pa.array(text, kind), np.array(good, np.bool_)


def _repeating(values: list[Any]) -> tuple[pa.DictionaryArray, Mask]:
    return _texts(values, _REPEATING)


def _ids(values: list[Any]) -> tuple[pa.DictionaryArray, Mask]:
    """Ids as text: whole numbers are ids too."""
    column, good = _repeating(values)
    if good.all():
        return column, good
    return _repeating([str(one) if one.__class__ is int else one for one in values])


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_clean(text: str, most: int) -> bool:
    return 0 < len(text) <= most and text == text.strip() and "\0" not in text


def _each(column: pa.DictionaryArray, holds: Callable[[str], bool], *, missing: bool) -> Mask:
    """Whether something holds of each text; asked once for each different one. Null: ``missing``."""
    answers = np.array([holds(text) for text in column.dictionary.to_pylist()] or [missing], np.bool_)
    places = column.indices.fill_null(0).to_numpy(zero_copy_only=False)
    found = answers[places]
    return np.where(_is_there(column), found, missing) if column.null_count else found


def _is_there(column: pa.Array) -> Mask:
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), np.bool_)


def _matches(column: pa.Array, pattern: str) -> Mask:
    found = pc.match_substring_regex(column, pattern).fill_null(False)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)


def _objects(lines: bytes) -> pa.Array:
    """Properties written as lines of JSON; null where there are none."""
    signs = np.frombuffer(lines, np.uint8)
    is_end = signs == _NEWLINE
    ends = np.flatnonzero(is_end)
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends - np.arange(len(ends))  # no JSON has a newline in it, so all of them go
    is_empty = np.diff(offsets) < _SHORTEST
    text = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(signs[~is_end]))
    return pc.if_else(pa.array(is_empty), pa.scalar(None, pa.string()), text) if is_empty.any() else text


def _calls(call: str, body: bytes) -> tuple[list[Any], list[int], Any]:
    """The calls of a request, the places of those that are too large, and what it says of when it was sent."""
    if call in segment.BATCHES and (found := segment.read_calls(body)) is not None:
        return found[0], [], found[1]
    request = segment.open_request(call, body)
    calls = list(map(segment.read_call, request.items))
    large = [at for at, item in enumerate(request.items) if memoryview(item).nbytes > EVENT_BYTES]
    return calls, large, request.sent


def _names_one(text: str) -> bool:
    return _is_clean(text, ID_LENGTH) and names_somebody(text)


def _parsed(text: pa.Array, fits: Mask) -> NDArray[np.int64]:
    """ISO times as microseconds, _UNREAD where they are none."""
    candidates = text if fits.all() else pc.if_else(pa.array(fits), text, None)
    try:
        found = candidates.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    except pa.ArrowInvalid:  # such as the 30th of February
        found = pa.array([times.moment(one) if one else None for one in candidates.to_pylist()], pa.int64())
    return np.asarray(found.fill_null(_UNREAD).to_numpy(zero_copy_only=False), np.int64)
