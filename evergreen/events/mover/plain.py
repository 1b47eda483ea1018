"""The greater part of all traffic in columns: track calls with nothing unusual about them. Pure.

A call read alone costs ten times what it costs in a column of many. What is unusual in any way (a long id, a clock that
is off, a type in capitals) is left to the dialect, which says what every call means; a test holds both to the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evergreen.events.arrivals import EVENT_SCHEMA
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

_CALLS = {f"{segment.NAME}/{call}": call for call in (*segment.BATCHES, "track")}
_MOMENT = (
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|\+00:00)$"
)
_MESSAGE_ID = rf"^[A-Za-z0-9_.:/+=-]{{1,{MESSAGE_ID_LENGTH}}}$"
_write = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Plain:
    """Plain calls as columns of EVENT_SCHEMA (without account and tenant), and where each stood.

    ``record`` and ``item`` are the places of a row's record and of its call inside it. ``left`` names, by record, the
    calls that are not plain.
    """

    table: pa.Table
    record: NDArray[np.int64]
    item: NDArray[np.int64]
    left: dict[int, list[int]] = field(default_factory=dict)


def read(records: Sequence[Record], account_properties: Sequence[str]) -> Plain:
    """Take the plain calls out of records; a record that ``left`` does not name was not looked at or holds others only."""
    taken = _Taken()
    for place, record in enumerate(records):
        call = _CALLS.get(record.kind)
        if call is not None and not record.reason:
            taken.take(place, call, record)
    return taken.plain(account_properties)


class _Taken:
    """Calls of many records, decoded."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.records: list[int] = []
        self.sizes: list[int] = []
        self.counts: list[int] = []
        self.sources: list[str] = []
        self.received: list[int] = []
        self.sent: list[int | None] = []
        self.is_batch: list[bool] = []

    def take(self, place: int, call: str, record: Record) -> None:
        """Decode the calls of a record; one that holds a broken call is left whole to the dialect."""
        try:
            request = segment.open_request(call, record.body)
            calls = [segment.read_call(item) for item in request.items]
        except (BadRequestError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return
        self.calls += calls
        self.sizes += [memoryview(item).nbytes for item in request.items]
        self.records.append(place)
        self.counts.append(len(calls))
        self.sources.append(record.source)
        self.received.append(record.received_at)
        self.sent.append(times.moment(request.sent))
        self.is_batch.append(call in segment.BATCHES)

    def plain(self, account_properties: Sequence[str]) -> Plain:
        counts = np.array(self.counts, np.int64)
        records = np.repeat(np.array(self.records, np.int64), counts)
        items = np.arange(len(self.calls)) - np.repeat(np.cumsum(counts) - counts, counts)
        columns, fits = self._columns(counts, account_properties)
        left: dict[int, list[int]] = {}
        for record in self.records:
            left[record] = []
        for at in np.flatnonzero(~fits):
            left[int(records[at])].append(int(items[at]))
        rows = pa.array(fits)
        table = pa.table(columns).filter(rows)
        return Plain(table, records[fits], items[fits], left)

    def _columns(
        self, counts: NDArray[np.int64], account_properties: Sequence[str]
    ) -> tuple[dict[str, pa.Array], Mask]:
        calls, size = self.calls, len(self.calls)
        fits = np.array(self.sizes, np.int64) <= EVENT_BYTES
        is_batch = np.repeat(np.array(self.is_batch, np.bool_), counts)
        fits &= ~is_batch | np.array([call.type == "track" for call in calls], np.bool_)
        properties = [call.properties for call in calls]
        message_id, good = _texts([call.messageId for call in calls])
        fits &= good & _matches(message_id, _MESSAGE_ID)
        name, good = _texts([call.event for call in calls])
        fits &= good & _each(name, lambda text: _is_clean(text, NAME_LENGTH), missing=False)
        group, good = _groups(calls)
        key, named = _keys(group, properties, account_properties)
        fits &= good & named
        person, good = _persons(calls, _is_there(key))
        fits &= good
        clock, good = self._clock(counts)
        fits &= good
        feature = [found.get("feature") if found else None for found in properties]
        fits &= np.array(
            [one is None or (one.__class__ is str and 0 < len(one) <= ID_LENGTH) for one in feature], np.bool_
        )
        received = np.repeat(np.array(self.received, np.int64), counts)
        source = pa.array(np.repeat(np.array(self.sources, object), counts), pa.string())
        return {
            "source": source,
            "kind": _same("track", size),
            "name": name,
            "account_key": key,
            "end_user": person,
            "occurred_at": _moments(clock.occurred),
            "original_at": _moments(clock.original),
            "sent_at": pa.array(clock.sent, mask=~clock.is_sent).cast(pa.timestamp("us")),
            "received_at": _moments(received),
            "known_at": _moments(received),
            "count": _same(1, size).cast(pa.int64()),
            "seconds": pa.nulls(size, pa.float64()),
            "feature": pa.array([one if one.__class__ is str else None for one in feature], pa.string()),
            "properties": pa.array([_write(one) if one else None for one in properties], pa.binary()).cast(
                pa.string()
            ),
            "message_id": message_id,
            "flag": pa.nulls(size, pa.string()),
            "backfilled": _same(False, size),
        }, fits

    def _clock(self, counts: NDArray[np.int64]) -> tuple[_Clock, Mask]:
        """Segment's correction for every call; calls whose time is missing, odd or impossible do not fit."""
        received = np.repeat(np.array(self.received, np.int64), counts)
        sent = np.repeat(np.array([one or 0 for one in self.sent], np.int64), counts)
        is_sent = np.repeat(np.array([one is not None for one in self.sent], np.bool_), counts)
        # A call's own sent time counts only where its request has none.
        fits = is_sent | np.array([call.sentAt is None for call in self.calls], np.bool_)
        told = [call.originalTimestamp if call.timestamp is None else call.timestamp for call in self.calls]
        text, good = _texts(told)
        fits &= good & _matches(text, _MOMENT)
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


def _texts(values: list[Any]) -> tuple[pa.Array, Mask]:
    """Values as text (anything else: null), and which are text or None."""
    try:
        column = pa.array(values, pa.string())
        return column, np.ones(len(values), np.bool_)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
        text = [one if one.__class__ is str and _is_unicode(one) else None for one in values]
        good = [one is None or kept is not None for one, kept in zip(values, text, strict=True)]
        return pa.array(text, pa.string()), np.array(good, np.bool_)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_clean(text: str, most: int) -> bool:
    return 0 < len(text) <= most and text == text.strip() and "\0" not in text


def _each(column: pa.Array, holds: Callable[[str], bool], *, missing: bool) -> Mask:
    """Whether something holds of each text; asked once for each different one. Null: ``missing``."""
    encoded = column.dictionary_encode()
    answers = np.array([holds(text) for text in encoded.dictionary.to_pylist()] or [missing], np.bool_)
    places = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    return np.where(_is_there(column), answers[places], missing)


def _is_there(column: pa.Array) -> Mask:
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), np.bool_)


def _matches(column: pa.Array, pattern: str) -> Mask:
    found = pc.match_substring_regex(column, pattern).fill_null(False)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.bool_)


def _groups(calls: Iterable[Any]) -> tuple[pa.Array, Mask]:
    """context.groupId of each call; a call whose traits might name an account does not fit."""
    contexts = [call.context for call in calls]
    group, good = _texts([context.get("groupId") if context else None for context in contexts])
    good &= _each(group, lambda text: _is_clean(text, ID_LENGTH) and names_somebody(text), missing=True)
    plain = [
        call.traits is None and (not context or context.get("traits") is None)
        for call, context in zip(calls, contexts, strict=True)
    ]
    return group, good & (np.array(plain, np.bool_) | _is_there(group))


def _keys(
    group: pa.Array, properties: list[dict[str, Any] | None], account_properties: Sequence[str]
) -> tuple[pa.Array, Mask]:
    """What each call says of its account: its group, else the first property that names one."""
    missing = np.flatnonzero(~_is_there(group))
    if not len(missing):
        return group, np.ones(len(group), np.bool_)
    names = (*account_properties, "company")
    found: list[Any] = group.to_pylist()
    fits = np.ones(len(found), np.bool_)
    for at in missing:
        told = properties[at]
        if told:
            name = next((name for name in names if name in told), None)
            if name is not None:
                found[at] = value = told[name]
                fits[at] = name != "company" and value.__class__ is str
    column, good = _texts(found)
    fits &= good & _each(
        column, lambda text: _is_clean(text, ID_LENGTH) and names_somebody(text), missing=True
    )
    return column, fits


def _persons(calls: Sequence[Any], has_account: Mask) -> tuple[pa.Array, Mask]:
    """The end user of each call: userId, else anonymousId, whichever names somebody."""
    fits = np.ones(len(calls), np.bool_)
    columns = []
    for values in ([call.userId for call in calls], [call.anonymousId for call in calls]):
        column, good = _texts(values)
        fits &= good & _each(column, lambda text: _is_clean(text, ID_LENGTH), missing=True)
        columns.append((column, _each(column, names_somebody, missing=False)))
    (user, is_user), (anonymous, is_anonymous) = columns
    person = pc.if_else(pa.array(is_user), user, pc.if_else(pa.array(is_anonymous), anonymous, None))
    fits &= _is_there(user) | _is_there(anonymous) | has_account
    return person.cast(pa.string()), fits


def _parsed(text: pa.Array, fits: Mask) -> NDArray[np.int64]:
    """ISO times as microseconds, _UNREAD where they are none."""
    candidates = pc.if_else(pa.array(fits), text, None)
    try:
        found = candidates.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    except pa.ArrowInvalid:  # such as the 30th of February
        found = pa.array([times.moment(one) if one else None for one in candidates.to_pylist()], pa.int64())
    return np.asarray(found.fill_null(_UNREAD).to_numpy(zero_copy_only=False), np.int64)


def _moments(micros: NDArray[np.int64]) -> pa.Array:
    return pa.array(micros).cast(pa.timestamp("us"))


def _same(value: Any, size: int) -> pa.Array:
    return pa.repeat(pa.scalar(value), size)


assert {"account_id", "tenant"} < set(EVENT_SCHEMA.names)
