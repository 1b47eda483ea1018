"""Segment's HTTP tracking API: which requests it knows and how their bodies become events. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec

from evergreen.events.ingest import splitting, times
from evergreen.events.ingest.reading import (
    BOM,
    UNREADABLE,
    Id,
    MadeIds,
    as_text,
    checked_message_id,
    checked_name,
    feature_in,
    open_event,
    rejected,
)
from evergreen.events.ingest.shapes import (
    BATCH_BYTES,
    EVENT_BYTES,
    ID_LENGTH,
    BadEventError,
    BadRequestError,
    Event,
    Rejection,
    Request,
    checked_id,
    id_text,
    names_somebody,
)

NAME = "segment"
CALLS = ("track", "identify", "group", "page", "screen", "alias")
BATCHES = ("batch", "import")
_BLANKS = b" \t\r\n"
# The array of calls, and in (1) how the first of them begins.
_FIRST_CALL = re.compile(rb'"batch"[ \t\r\n]*:[ \t\r\n]*\[[ \t\r\n]*(\{[ \t\r\n]*"[^"\\]*")')
# The browser library writes the calls short.
_SHORT = {"t": "track", "i": "identify", "g": "group", "p": "page", "s": "screen", "a": "alias", "b": "batch"}
PATHS = {f"/v1/{name}": name for name in (*CALLS, *BATCHES)} | {
    f"/v1/{key}": name for key, name in _SHORT.items()
}


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw]
    sentAt: Any = None  # noqa: N815
    writeKey: Any = None  # noqa: N815


class _Single(msgspec.Struct):
    sentAt: Any = None  # noqa: N815
    writeKey: Any = None  # noqa: N815


class _Context(msgspec.Struct, gc=False):
    """What counts of a call's context; the rest (libraries, pages, devices) is not read."""

    groupId: Any = None  # noqa: N815
    traits: Any = None


class _Call(msgspec.Struct, gc=False):
    type: str | None = None
    event: str | None = None
    messageId: Id = None  # noqa: N815
    userId: Id = None  # noqa: N815
    anonymousId: Id = None  # noqa: N815
    groupId: Id = None  # noqa: N815
    previousId: Id = None  # noqa: N815
    name: Any = None
    category: Any = None
    timestamp: Any = None
    originalTimestamp: Any = None  # noqa: N815
    sentAt: Any = None  # noqa: N815
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: _Context | None = None


class _Calls(msgspec.Struct):
    """A batch whose calls are read with it."""

    batch: list[_Call]
    sentAt: Any = None  # noqa: N815


_read_calls = msgspec.json.Decoder(_Calls).decode
_read_piece = msgspec.json.Decoder(list[_Call]).decode
_read_batch = msgspec.json.Decoder(_Batch).decode
_read_single = msgspec.json.Decoder(_Single).decode
read_call = msgspec.json.Decoder(_Call).decode


def most_bytes(call: str) -> int:
    """How large the body of a call may be, unpacked."""
    return BATCH_BYTES if call in BATCHES else EVENT_BYTES


def open_request(call: str, body: bytes) -> Request:
    """Read the envelope; its events are read one by one later. Raises BadRequestError when there is none."""
    body = body.removeprefix(BOM)
    if call in BATCHES:
        return _open_batch(body)
    try:
        body.decode()
        single = _read_single(body)
    except msgspec.ValidationError as error:
        raise BadRequestError(f"The body must be one JSON object: {error}.") from None
    except RecursionError:
        parts = splitting.split(body) or splitting.Parts()
        return Request([body], parts.value("sentAt"), _key(parts.value("writeKey")))
    except UNREADABLE as error:
        raise BadRequestError(f"The body is not JSON: {error}.") from None
    return Request([body], single.sentAt, _key(single.writeKey))


def read_calls(body: bytes) -> tuple[list[_Call], Any] | None:
    """(the calls of a batch, its ``sentAt``) read at once, in two thirds of the time of one by one; None where a call may
    be larger than EVENT_BYTES, or where nothing of a large body can be read so.

    A large body is cut where one call ends and the next begins, into pieces no larger than a call may be. A piece that
    reads as calls with commas between them begins and ends with a call, so none is larger than its piece. Raises
    msgspec.MsgspecError and its like where a small body cannot be read.
    """
    if len(body) <= EVENT_BYTES:
        opened = _read_calls(body)
        return opened.batch, opened.sentAt
    begin, end = _FIRST_CALL.search(body, 0, EVENT_BYTES), body.rfind(b"]")
    # Only the first key of that name opens the array, and only the last bracket of the body ends it.
    if begin is None or b"\\" in (before := body[: begin.start()]) or b'"batch"' in before:
        return None
    start, calls = begin.start(1), []
    try:
        around = _read_calls(body[:start] + body[max(start, end) :])
        for piece in _pieces(body, start, end, begin[1]):
            calls += _read_piece(b"[" + piece + b"]")
    except (_NotCutError, *UNREADABLE):
        return None
    return (calls, around.sentAt) if not around.batch else None


class _NotCutError(ValueError):
    """No call was found to begin where one must."""


def _pieces(body: bytes, start: int, end: int, first: bytes) -> Iterator[bytes]:
    """Stretches of whole calls at most EVENT_BYTES long, if calls begin with ``first`` and nothing in them does."""
    while end - start > EVENT_BYTES:
        cut = body.rfind(first, start + 1, start + EVENT_BYTES)
        piece = body[start : max(start, cut)].rstrip(_BLANKS)
        if not piece.endswith(b","):
            raise _NotCutError
        yield piece[:-1]
        start = cut
    yield body[start:end]


def _open_batch(body: bytes) -> Request:
    try:
        opened = _read_batch(body)
    except msgspec.ValidationError as error:
        raise BadRequestError(f'The body must be a JSON object with an array "batch": {error}.') from None
    except UNREADABLE as error:
        # One unreadable event must not take its neighbours with it.
        parts = splitting.split(body, "batch")
        if parts is None:
            raise BadRequestError(f"The body is not JSON: {error}.") from None
        return Request(parts.items, parts.value("sentAt"), _key(parts.value("writeKey")))
    return Request(opened.batch, opened.sentAt, _key(opened.writeKey))


def _key(value: Any) -> str:
    return value if isinstance(value, str) else ""


def events(
    call: str,
    request: Request,
    *,
    source: str,
    received: int,
    account_properties: Sequence[str],
    places: Collection[int] | None = None,
) -> Iterator[Event | Rejection]:
    """Every event of a request, or why it cannot be stored, in the order they were sent; only those at ``places`` if
    given."""
    single = call if call in CALLS else None
    sent = times.moment(request.sent)
    made = MadeIds(source)
    for place, item in enumerate(request.items):
        if places is not None and place not in places:
            continue
        body = bytes(item)
        found: _Call | None = None
        try:
            found = open_event(read_call, body, EVENT_BYTES)
            message_id = checked_message_id(found.messageId, "messageId") or made.make(request.sent, body)
            yield _event(found, single, message_id, sent, received, account_properties)
        except BadEventError as error:
            yield rejected(error, body, place, EVENT_BYTES, _shown_id(found))


def alone(call: str, event: bytes) -> bytes:
    """A request of the call with just this event in it."""
    return b'{"batch":[' + event + b"]}" if call in BATCHES else event


def _event(
    call: _Call,
    single: str | None,
    message_id: str,
    sent: int | None,
    received: int,
    account_properties: Sequence[str],
) -> Event:
    kind = single or (call.type or "").lower()
    if kind not in CALLS:
        raise BadEventError("type", f"type is {call.type!r}; allowed are {', '.join(CALLS)}.")
    if kind == "group" and not id_text(call.groupId):
        raise BadEventError("groupId", "groupId is missing; a group call needs it.")
    account_key = _account_key(kind, call, account_properties)
    timestamp = call.originalTimestamp if call.timestamp is None else call.timestamp
    clock = times.place(timestamp, times.moment(call.sentAt) if sent is None else sent, received)
    properties = properties_of(kind, call)
    return Event(
        kind=kind,
        name=_name(kind, call),
        message_id=message_id,
        person=_person(call, account_key),
        occurred_at=clock.occurred,
        received_at=received,
        known_at=received,
        original_at=clock.original,
        sent_at=clock.sent,
        flag=clock.flag,
        account_key=account_key,
        previous=_joined(kind, call),
        traits=call.traits if kind in {"identify", "group"} else None,
        properties=as_text(properties),
        feature=feature_in(properties),
    )


def _name(kind: str, call: _Call) -> str:
    return checked_name(call.event, "event", "a track call") if kind == "track" else kind


def _shown_id(call: _Call | None) -> str:
    return id_text(call.messageId)[:ID_LENGTH] if call else ""


def _person(call: _Call, account_key: str | None) -> str | None:
    """The end user: userId, else anonymousId; None when the ids given name nobody."""
    user = checked_id(call.userId, "userId")
    anonymous = checked_id(call.anonymousId, "anonymousId")
    if not user and not anonymous and account_key is None:
        raise BadEventError(
            "userId", "userId and anonymousId are both missing; one of them, or an account, is needed."
        )
    return next((text for text in (user, anonymous) if names_somebody(text)), None)


def _joined(kind: str, call: _Call) -> str | None:
    """The id that is the same person: an alias's previous one; the device that an identify call names beside the user."""
    if kind == "alias":
        return _previous(call)
    if kind != "identify":
        return None
    user, device = id_text(call.userId), id_text(call.anonymousId)
    return device if names_somebody(user) and names_somebody(device) and user != device else None


def _previous(call: _Call) -> str | None:
    previous = checked_id(call.previousId, "previousId")
    return previous if names_somebody(previous) else None


def _account_key(kind: str, call: _Call, account_properties: Sequence[str]) -> str | None:
    """What the event says of its account: its group, else the first property or trait that names one."""
    context = call.context or _Context()
    if (given := context.groupId) is not None:
        if isinstance(given, bool) or not isinstance(given, (str, int, float)):
            raise BadEventError("context.groupId", "context.groupId must be text or a number.")
        if names_somebody(text := checked_id(given, "context.groupId")):
            return text
    if kind == "group" and names_somebody(text := checked_id(call.groupId, "groupId")):
        return text
    for told in (call.properties, _traits(kind, call, context)):
        if not told:
            continue
        for name in account_properties:
            if name in told and names_somebody(text := _scalar(told[name], name)):
                return text
        company = told.get("company")
        if isinstance(company, dict) and names_somebody(text := _scalar(company.get("id"), "company.id")):
            return text
    return None


def _traits(kind: str, call: _Call, context: _Context) -> dict[str, Any]:
    """Traits of the person; a group call's traits are the group's and name no other account."""
    if kind == "group":
        return {}
    found = call.traits if call.traits is not None else context.traits
    return found if isinstance(found, dict) else {}


def _scalar(value: Any, field: str) -> str:
    """A property as an id; other kinds of value mean something else and name no account."""
    return checked_id(value, field) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def properties_of(kind: str, call: _Call) -> dict[str, Any]:
    """What the lake keeps of a call beside its columns."""
    if kind in {"identify", "group"}:
        return call.traits or {}
    found = call.properties or {}
    if kind in {"page", "screen"}:
        told = {"name": call.name, "category": call.category}
        return {key: value for key, value in told.items() if isinstance(value, str) and value} | found
    if kind == "alias" and (previous := _previous(call)):
        return {"previousId": previous} | found
    return found
