"""Mixpanel's HTTP API: which requests it knows and how their bodies become events. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from evergreen.events.ingest import times
from evergreen.events.ingest.reading import (
    BOM,
    UNREADABLE,
    MadeIds,
    account_in,
    as_text,
    checked_message_id,
    checked_name,
    feature_in,
    open_event,
    read_items,
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

NAME = "mixpanel"
# One JSON object a line, as /import also takes them.
LINES = "import-lines"
PATHS = {"/track": "track", "/engage": "engage", "/groups": "groups", "/import": "import"}
# Mixpanel's own limits.
REQUEST_BYTES = 10 << 20
EVENT_BYTES = 1 << 20
REQUEST_EVENTS = 2_000
_HISTORY_AFTER = 5 * times.DAY
_PAGES = frozenset({"$mp_web_page_view"})
# Told by the columns of an event, or a secret.
_NOT_KEPT = ("token", "distinct_id", "time", "$insert_id")
_ADDRESS = ("$token", "$distinct_id", "$time", "$group_key", "$group_id", "$ip", "$insert_id")
# Names of a person's properties that are everybody's.
_TRAITS = {f"${name}": name for name in ("email", "name", "first_name", "last_name", "phone", "avatar")}


class _Event(msgspec.Struct):
    event: str | None = None
    properties: dict[str, Any] | None = None


class _TokenProperty(msgspec.Struct):
    token: Any = None


class _Token(msgspec.Struct):
    """Where an event or a profile names its project."""

    properties: _TokenProperty | None = None
    profile: Any = msgspec.field(name="$token", default=None)


_read_event = msgspec.json.Decoder(_Event).decode
_read_profile = msgspec.json.Decoder(dict[str, Any]).decode
_read_token = msgspec.json.Decoder(_Token).decode
_read_any = msgspec.json.Decoder(msgspec.Raw).decode


class _Whose(NamedTuple):
    """What kind of event it is and whom it is about."""

    kind: str
    person: str | None
    previous: str | None = None


def most_bytes(call: str) -> int:
    """How large the body of a call may be, unpacked."""
    return REQUEST_BYTES


def open_request(call: str, body: bytes) -> Request:
    """Cut a body into its events: a JSON object, an array of them, or for LINES one a line."""
    body = body.removeprefix(BOM).strip()
    items: Sequence[bytes | msgspec.Raw]
    if call == LINES:
        items = [line for line in body.splitlines() if line.strip()]
        if len(items) > REQUEST_EVENTS:
            raise BadRequestError(
                f"The request holds {len(items)} events; at most {REQUEST_EVENTS} are allowed."
            )
    elif body.startswith(b"["):
        items = read_items(body, REQUEST_EVENTS)
    else:
        items = [_one(body)]
    return Request(items, None, next(filter(None, map(token_of, items)), ""))


def _one(body: bytes) -> bytes:
    try:
        body.decode()
        _read_any(body)
    except RecursionError:
        return body
    except UNREADABLE as error:
        raise BadRequestError(f"The body is not JSON: {error}.") from None
    if not body.startswith(b"{"):
        raise BadRequestError("The body must be a JSON object or an array of them.")
    return body


def alone(call: str, event: bytes) -> bytes:
    """A request of the call with just this event in it."""
    return event


def token_of(item: bytes | msgspec.Raw) -> str:
    """The project token of one event, '' when it names none or cannot be read."""
    try:
        found = _read_token(item)
    except UNREADABLE:
        return ""
    token = found.properties.token if found.properties else None
    token = found.profile if token is None else token
    return token if isinstance(token, str) else ""


def events(
    call: str, request: Request, *, source: str, received: int, account_properties: Sequence[str]
) -> Iterator[Event | Rejection]:
    """Every event of a request, or why it cannot be stored, in the order they were sent."""
    read = _profile_update if call in {"engage", "groups"} else _event
    made = MadeIds(source)
    for place, item in enumerate(request.items):
        body = bytes(item)
        try:
            yield read(call, body, made, received, account_properties)
        except BadEventError as error:
            yield rejected(error, body, place, EVENT_BYTES, _shown_id(body))


def _event(call: str, body: bytes, made: MadeIds, received: int, account_properties: Sequence[str]) -> Event:
    found = open_event(_read_event, body, EVENT_BYTES)
    properties = found.properties or {}
    name = checked_name(found.event, "event", "an event")
    at = properties.get("time")
    message_id = checked_message_id(properties.get("$insert_id"), "properties.$insert_id")
    whose = _whose(name, properties)
    clock = times.place(at, None, received)
    is_history = call.startswith("import") and not clock.flag and clock.occurred < received - _HISTORY_AFTER
    kept = {key: value for key, value in properties.items() if key not in _NOT_KEPT}
    return Event(
        kind=whose.kind,
        name=name if whose.kind == "track" else whose.kind,
        message_id=message_id or made.make(_sent(call, at, received), body),
        person=whose.person,
        previous=whose.previous,
        occurred_at=clock.occurred,
        received_at=received,
        known_at=clock.occurred if is_history else received,
        original_at=clock.original,
        flag=clock.flag,
        account_key=account_in(properties, account_properties),
        properties=as_text(kept),
        feature=feature_in(properties),
        backfilled=is_history,
    )


def _whose(name: str, properties: Mapping[str, Any]) -> _Whose:
    """Whom an event is about; the events by which Mixpanel joins two ids say that they are one person."""
    person = somebody(properties.get("$user_id"), "properties.$user_id") or somebody(
        properties.get("distinct_id"), "properties.distinct_id"
    )
    if name == "$create_alias":
        return _alias(properties.get("alias"), properties.get("distinct_id"))
    if name == "$identify":
        identified = properties.get("$identified_id", properties.get("distinct_id"))
        return _alias(identified, properties.get("$anon_id", properties.get("$anon_distinct_id")))
    if name == "$merge":
        both = properties.get("$distinct_ids")
        if not isinstance(both, list) or len(both) != 2:
            raise BadEventError("properties.$distinct_ids", "$distinct_ids must be an array of two ids.")
        return _alias(*both)
    device = scalar(properties.get("$device_id"), "properties.$device_id")
    previous = f"$device:{device}"[:ID_LENGTH] if device and properties.get("$user_id") else None
    return _Whose("page" if name in _PAGES else "track", person, previous if previous != person else None)


def _alias(person: Any, previous: Any) -> _Whose:
    """Two ids of one person; ids that name nobody join nobody."""
    return _Whose("alias", somebody(person, "properties.distinct_id"), somebody(previous, "properties.alias"))


def _sent(call: str, at: Any, received: int) -> int | None:
    """What tells an event without ``$insert_id`` from an equal one sent later.

    Clients that send none don't repeat their requests, so each request is another event; a time with a
    fraction of a second, and what /import hands in, stand for themselves.
    """
    is_fine = isinstance(at, float) and not at.is_integer()
    return None if is_fine or call.startswith("import") else received


def _profile_update(
    call: str, body: bytes, made: MadeIds, received: int, account_properties: Sequence[str]
) -> Event:
    """An update of a person's or of a group's profile as an identify or group call."""
    told = open_event(_read_profile, body, EVENT_BYTES)
    given = told.get("$set")
    if given is not None and not isinstance(given, dict):
        raise BadEventError("$set", "$set must be an object of properties.")
    given = {_TRAITS.get(name, name): value for name, value in (given or {}).items()}
    person = account_key = None
    if call == "engage":
        person = somebody(told.get("$distinct_id"), "$distinct_id")
        if not person:
            raise BadEventError("$distinct_id", "$distinct_id is missing; a profile's update needs it.")
        account_key = account_in(given, account_properties)
    else:
        kind = scalar(told.get("$group_key"), "$group_key")
        group = somebody(told.get("$group_id"), "$group_id")
        if not kind or not group:
            raise BadEventError(
                "$group_id", "$group_key or $group_id is missing; a group's update needs both."
            )
        account_key = group if kind in (*account_properties, *ACCOUNT_GROUPS) else None
    clock = times.place(told.get("$time"), None, received)
    done = {key: value for key, value in told.items() if key not in {*_ADDRESS, "$set"}}
    groups = {key: told[key] for key in ("$group_key", "$group_id") if key in told}
    message_id = checked_message_id(told.get("$insert_id"), "$insert_id")
    return Event(
        kind="identify" if call == "engage" else "group",
        name="identify" if call == "engage" else "group",
        message_id=message_id or made.make(_sent(call, told.get("$time"), received), body),
        person=person,
        occurred_at=clock.occurred,
        received_at=received,
        known_at=received,
        original_at=clock.original,
        flag=clock.flag,
        account_key=account_key,
        traits=given,
        properties=as_text(groups | done | given),
    )


def _shown_id(body: bytes) -> str:
    try:
        found = _read_event(body)
    except UNREADABLE:
        return ""
    return id_text((found.properties or {}).get("$insert_id"))[:ID_LENGTH]
