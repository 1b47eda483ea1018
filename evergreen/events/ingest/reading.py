"""What every dialect does with an event: open it, check its name and ids, find its account. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from evergreen.events.ingest import splitting
from evergreen.events.ingest.shapes import (
    ID_LENGTH,
    KEPT_BYTES,
    MESSAGE_ID_LENGTH,
    NAME_LENGTH,
    BadEventError,
    BadRequestError,
    Rejection,
    checked_id,
    made_id,
    names_somebody,
)

T = TypeVar("T")

BOM = b"\xef\xbb\xbf"
UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
Id = str | int | float | None

_write = msgspec.json.Encoder().encode
_read_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def read_items(body: bytes, most: int) -> Sequence[bytes | msgspec.Raw]:
    """The items of a JSON array as bytes; one that cannot be read does not take its neighbours with it."""
    try:
        items: Sequence[bytes | msgspec.Raw] = _read_list(body)
    except UNREADABLE as error:
        parts = splitting.split(b'{"items":' + body + b"}", "items")
        if parts is None:
            raise BadRequestError(f"The body is not JSON: {error}.") from None
        items = parts.items
    if len(items) > most:
        raise BadRequestError(f"The request holds {len(items)} events; at most {most} are allowed: split it.")
    return items


def open_event(read: Callable[[bytes], T], body: bytes, most: int) -> T:
    """One event read, or BadEventError: larger than ``most`` bytes, no JSON, or of a wrong shape."""
    if len(body) > most:
        raise BadEventError(None, f"The event has {len(body)} bytes; at most {most} are allowed.")
    try:
        return read(body)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `")
        field = path.rstrip("`").removeprefix("$.") or None
        raise BadEventError(field, f"{field or 'The event'}: {text[:1].lower()}{text[1:]}.") from None
    except RecursionError:
        raise BadEventError(None, "The event is nested too deeply; about 900 levels are allowed.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadEventError(None, f"The event is not JSON: {error}.") from None


def rejected(error: BadEventError, body: bytes, place: int, most: int, message_id: str = "") -> Rejection:
    """A bad event with its reason; of one larger than ``most`` bytes the beginning is kept."""
    return Rejection(
        str(error), error.field, body if len(body) <= most else body[:KEPT_BYTES], place, message_id
    )


class MadeIds:
    """Ids of the events of one request that were sent without one; equal events stay apart."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._turns: Counter[str] = Counter()

    def make(self, sent: Any, body: bytes) -> str:
        made = made_id(self._source, sent, body)
        self._turns[made] += 1
        return f"{made}-{self._turns[made]}" if self._turns[made] > 1 else made


def checked_name(text: str | None, field: str, call: str) -> str:
    """The name of what happened; ``call`` says in words what needs it."""
    name = (text or "").strip()
    if not name:
        raise BadEventError(field, f"{field} is empty; {call} needs the name of what happened.")
    if len(name) > NAME_LENGTH:
        raise BadEventError(field, f"{field} has {len(name)} characters; at most {NAME_LENGTH} are allowed.")
    if "\0" in name:
        raise BadEventError(field, f"{field} holds a NUL character, which no name may.")
    return name


def checked_message_id(value: Any, field: str) -> str:
    text = checked_id(value, field)
    if len(text) > MESSAGE_ID_LENGTH:
        raise BadEventError(
            field, f"{field} has {len(text)} characters; at most {MESSAGE_ID_LENGTH} are allowed."
        )
    return text


def somebody(value: Any, field: str) -> str | None:
    """An id as text; None when it names nobody."""
    text = scalar(value, field)
    return text if names_somebody(text) else None


def scalar(value: Any, field: str) -> str:
    """A value as an id; other kinds of value mean something else and name nothing."""
    is_id = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    return checked_id(value, field) if is_id else ""


def account_in(told: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """What the first of these names that is there calls its account; of a list the first one. Else company.id."""
    for name in names:
        value = told.get(name)
        if isinstance(value, list) and value:
            value = value[0]
        if value is not None and (found := somebody(value, name)):
            return found
    company = told.get("company")
    return somebody(company.get("id"), "company.id") if isinstance(company, dict) else None


def as_text(properties: Mapping[str, Any]) -> str | None:
    """Properties as the lake keeps them."""
    return _write(properties).decode() if properties else None


def feature_in(properties: Mapping[str, Any]) -> str | None:
    feature = properties.get("feature")
    return feature if isinstance(feature, str) and 0 < len(feature) <= ID_LENGTH else None
