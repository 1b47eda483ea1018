"""PostHog's capture API: which requests it knows and how their bodies become events. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from evergreen.events.ingest import splitting, times
from evergreen.events.ingest.reading import (
    BOM,
    UNREADABLE,
    Id,
    MadeIds,
    account_in,
    as_text,
    checked_message_id,
    checked_name,
    feature_in,
    open_event,
    rejected,
    scalar,
    somebody,
)
from evergreen.events.ingest.shapes import (
    ACCOUNT_GROUPS,
    ID_LENGTH,
    BadEventError,
    BadRequestError,
    Event,
    Rejection,
    Request,
    id_text,
)

NAME = "posthog"
# Evaluates feature flags: here is none, and nothing is stored.
FLAGS, DEFINITIONS = "flags", "definitions"
# Answers for each event by its uuid.
RESULTS = "events"
PATHS = {
    "/batch": "batch",
    "/capture": "capture",
    "/e": "capture",
    "/i/v0/e": "capture",
    "/i/v0/ai/batch": "batch",
    "/i/v1/analytics/events": RESULTS,
    "/flags": FLAGS,
    "/decide": FLAGS,
    "/flags/definitions": DEFINITIONS,
}
REQUEST_BYTES = 10 << 20
EVENT_BYTES = 1 << 20
_PERSON = frozenset({"$identify", "$set", "$set_once", "$unset"})
_KINDS = {"$pageview": "page", "$screen": "screen"}
# Told by the columns of an event, or a secret.
_NOT_KEPT = ("token", "api_key", "distinct_id", "$insert_id")


class _Envelope(msgspec.Struct):
    batch: list[msgspec.Raw] | None = None
    api_key: Any = None
    token: Any = None
    sent_at: Any = None
    historical_migration: Any = None
    properties: Any = None


class _Keyed(msgspec.Struct):
    """Where an event of a batch may name its project."""

    api_key: Any = None
    token: Any = None
    properties: Any = None


class _Event(msgspec.Struct):
    event: str | None = None
    uuid: Id = None
    distinct_id: Id = None
    timestamp: Any = None
    offset: Any = None
    properties: dict[str, Any] | None = None
    set_: Any = msgspec.field(name="$set", default=None)
    set_once: Any = msgspec.field(name="$set_once", default=None)
    options: Any = None
    session_id: Any = None
    window_id: Any = None


_read_envelope = msgspec.json.Decoder(_Envelope).decode
_read_keyed = msgspec.json.Decoder(_Keyed).decode
_read_event = msgspec.json.Decoder(_Event).decode


class _Said(NamedTuple):
    """What an event says besides its name, id and time."""

    kind: str
    person: str | None
    account_key: str | None
    properties: Mapping[str, Any]
    previous: str | None = None
    traits: dict[str, Any] | None = None


def most_bytes(call: str) -> int:
    """How large the body of a call may be, unpacked."""
    return REQUEST_BYTES


def open_request(call: str, body: bytes) -> Request:
    """Read the envelope of a batch, or a single event; a request for flags holds no event."""
    body = body.removeprefix(BOM).strip()
    if call in {FLAGS, DEFINITIONS} and not body:
        return Request([], None, "")
    try:
        body.decode()
        opened = _read_envelope(body)
    except msgspec.ValidationError as error:
        raise BadRequestError(
            f'The body must be an event or an object with an array "batch": {error}.'
        ) from None
    except UNREADABLE as error:
        return _cut(call, body, error)
    key = _key(opened) or (next(filter(None, map(_key_of, opened.batch)), "") if opened.batch else "")
    if call in {FLAGS, DEFINITIONS}:
        return Request([], None, key)
    if opened.batch is None and call == RESULTS:
        raise BadRequestError('The body has no "batch"; it must be an object with an array of events.')
    items = [body] if opened.batch is None else opened.batch
    return Request(items, opened.sent_at, key, history=opened.historical_migration is True)


def _cut(call: str, body: bytes, error: Exception) -> Request:
    """One unreadable event must not take its neighbours with it."""
    parts = splitting.split(body, "batch")
    if parts is None and isinstance(error, RecursionError) and (single := splitting.split(body)) is not None:
        parts = splitting.Parts(single.values, [body])
    if parts is None or call in {FLAGS, DEFINITIONS}:
        raise BadRequestError(f"The body is not JSON: {error}.") from None
    keys = (parts.value("api_key"), parts.value("token"), *map(_key_of, parts.items))
    key = next((key for key in keys if isinstance(key, str) and key), "")
    return Request(parts.items, parts.value("sent_at"), key, parts.value("historical_migration") is True)


def alone(call: str, event: bytes) -> bytes:
    """A request of the call with just this event in it."""
    return b'{"batch":[' + event + b"]}"


def _key_of(item: bytes | msgspec.Raw) -> str:
    try:
        return _key(_read_keyed(item))
    except UNREADABLE:
        return ""


def _key(told: _Envelope | _Keyed) -> str:
    """The project key: of the envelope, of an event, or of its properties as browsers send it."""
    inner = told.properties.get("token") if isinstance(told.properties, dict) else None
    return next((key for key in (told.api_key, told.token, inner) if isinstance(key, str) and key), "")


def events(
    call: str, request: Request, *, source: str, received: int, account_properties: Sequence[str]
) -> Iterator[Event | Rejection]:
    """Every event of a request, or why it cannot be stored, in the order they were sent."""
    sent = times.moment(request.sent)
    made = MadeIds(source)
    for place, item in enumerate(request.items):
        body = bytes(item)
        found: _Event | None = None
        try:
            found = open_event(_read_event, body, EVENT_BYTES)
            message_id = _message_id(found) or made.make(request.sent, body)
            yield _event(found, message_id, sent, received, request.history, account_properties)
        except BadEventError as error:
            yield rejected(error, body, place, EVENT_BYTES, id_text(found.uuid)[:ID_LENGTH] if found else "")


def _message_id(found: _Event) -> str:
    text = checked_message_id(found.uuid, "uuid")
    return text or checked_message_id((found.properties or {}).get("$insert_id"), "properties.$insert_id")


def _event(
    found: _Event,
    message_id: str,
    sent: int | None,
    received: int,
    history: bool,
    account_properties: Sequence[str],
) -> Event:
    name = checked_name(found.event, "event", "an event")
    said = _said(name, found, account_properties)
    clock = _clock(found, sent, received)
    is_history = history and not clock.flag and clock.occurred < received
    return Event(
        kind=said.kind,
        name=name if said.kind == "track" else said.kind,
        message_id=message_id,
        person=said.person,
        previous=said.previous,
        occurred_at=clock.occurred,
        received_at=received,
        known_at=clock.occurred if is_history else received,
        original_at=clock.original,
        sent_at=clock.sent,
        flag=clock.flag,
        account_key=said.account_key,
        traits=said.traits,
        properties=as_text(said.properties),
        feature=feature_in(said.properties),
        backfilled=is_history,
    )


def _clock(found: _Event, sent: int | None, received: int) -> times.Times:
    """The time of an event; browsers may tell how many milliseconds ago it was instead."""
    options = found.options if isinstance(found.options, dict) else {}
    is_uncorrected = options.get("disable_skew_correction") or (found.properties or {}).get("$ignore_sent_at")
    if found.timestamp is None and isinstance(found.offset, (int, float)) and found.offset >= 0:
        return times.place((received // 1000) - int(min(found.offset, 1e15)), None, received)
    return times.place(found.timestamp, None if is_uncorrected else sent, received)


def _said(name: str, found: _Event, account_properties: Sequence[str]) -> _Said:
    told = found.properties or {}
    groups = (*account_properties, *ACCOUNT_GROUPS)
    if name == "$groupidentify":
        return _group(told, groups)
    given = next((value for value in (found.set_, told.get("$set")) if isinstance(value, dict)), {})
    person = _person(found, told)
    named = told.get("$groups")
    account = (account_in(named, groups) if isinstance(named, dict) else None) or account_in(
        {**given, **told}, account_properties
    )
    kept = {key: value for key, value in told.items() if key not in _NOT_KEPT}
    for field, value in (("$session_id", found.session_id), ("$window_id", found.window_id)):
        if value is not None:
            kept[field] = value
    if name in {"$create_alias", "$merge_dangerously"}:
        alias = somebody(told.get("alias"), "properties.alias")
        # An alias is the id that the person has from now on; merging the other way takes it as the old one.
        if name == "$create_alias" and alias:
            person, alias = alias, person
        return _Said("alias", person, account, kept, previous=alias)
    if name in _PERSON:
        previous = somebody(told.get("$anon_distinct_id"), "properties.$anon_distinct_id")
        kept.pop("$set", None)
        if isinstance(found.set_once, dict):
            kept["$set_once"] = found.set_once
        return _Said("identify", person, account, kept | given, previous=previous, traits=given)
    return _Said(_KINDS.get(name, "track"), person, account, kept, traits=given or None)


def _person(found: _Event, told: Mapping[str, Any]) -> str | None:
    given = (found.distinct_id, told.get("distinct_id"), told.get("$distinct_id"))
    value = next((value for value in given if value is not None), None)
    if value is None:
        raise BadEventError("distinct_id", "distinct_id is missing; an event needs it.")
    return somebody(value, "distinct_id")


def _group(told: Mapping[str, Any], groups: Sequence[str]) -> _Said:
    """A group's own properties; the person that clients make up for it is nobody."""
    kind = scalar(told.get("$group_type"), "properties.$group_type")
    key = somebody(told.get("$group_key"), "properties.$group_key")
    if not kind or not key:
        field = "properties.$group_key"
        raise BadEventError(field, "$group_type or $group_key is missing; a group needs both.")
    given = told.get("$group_set")
    traits = given if isinstance(given, dict) else {}
    kept = {"$group_type": kind, "$group_key": key, **traits}
    return _Said("group", None, key if kind in groups else None, kept, traits=traits)
