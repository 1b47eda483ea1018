"""What a request says besides its body, and what a wire of a dialect can do."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

from evergreen.events.ingest.answers import Answer, Refusal
from evergreen.events.ingest.shapes import BadRequestError, Event, Rejection, Request

_MOST_FIELDS = 50
_OFTEN = [(f"%{ord(sign):02X}".encode(), sign.encode()) for sign in '":,{}[]$ /']


@dataclass
class Asked:
    """A request as it came, but for its body. ``form`` holds the fields of a body that was a form."""

    call: str
    method: str
    query_string: bytes
    headers: Mapping[bytes, bytes]
    form: dict[str, str] = field(default_factory=dict)

    @cached_property
    def query(self) -> dict[str, str]:
        try:
            return fields(self.query_string) if self.query_string else {}
        except BadRequestError:
            return {}

    def authorization(self) -> tuple[str, str]:
        """Name and secret of a Basic authorization, ('', token) of a Bearer one; empty when there is none."""
        scheme, _, value = self.headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer":
            return "", value.strip().decode("latin-1")
        if scheme.lower() != b"basic":
            return "", ""
        try:
            name, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return name, secret

    def is_told(self, name: str) -> bool:
        """Whether a field of the query or the form is switched on."""
        return (self.query.get(name) or self.form.get(name)) in {"1", "true"}


class Opening(NamedTuple):
    """A body as it is kept: the call it is read by later, and JSON."""

    call: str
    body: bytes


class Dialect(Protocol):
    """How the bodies of a dialect become events (a module)."""

    NAME: str

    @property
    def PATHS(self) -> Mapping[str, str]: ...  # noqa: N802

    def most_bytes(self, call: str) -> int: ...

    def open_request(self, call: str, body: bytes) -> Request: ...

    def alone(self, call: str, event: bytes) -> bytes: ...

    def events(
        self, call: str, request: Request, *, source: str, received: int, account_properties: Sequence[str]
    ) -> Iterator[Event | Rejection]: ...


class Wire(Protocol):
    """How the requests of a dialect come, and what its clients read."""

    @property
    def dialect(self) -> Dialect: ...

    @property
    def is_header_binding(self) -> bool:
        """Whether a key in the header that is not known refuses the request before its body is read."""

    def takes(self, asked: Asked) -> bool:
        """Whether the method is one of this call's."""

    def encoding(self, asked: Asked) -> bytes: ...

    def keys(self, asked: Asked) -> Sequence[str]:
        """The write keys that a request may name outside its events, the most telling first."""

    def open(self, asked: Asked, body: bytes) -> Opening:
        """Take the body out of its form. Raises BadRequestError."""

    def parts(self, request: Request, body: bytes) -> Sequence[tuple[str, bytes]]:
        """The body as one request for each write key that its events name."""

    def needs_events(self, asked: Asked, call: str) -> bool:
        """Whether the answer tells of each event."""

    def taken(self, asked: Asked, read: Sequence[Event | Rejection]) -> Answer:
        """The answer once everything is stored; ``read`` is empty unless the answer needs it."""

    def refused(self, asked: Asked, refusal: Refusal) -> Answer: ...


def fields(encoded: bytes) -> dict[str, str]:
    """The fields of a query or a form; of equal names the first stands. Raises BadRequestError."""
    parts = encoded.split(b"&", _MOST_FIELDS)
    if len(parts) > _MOST_FIELDS:
        raise BadRequestError(f"The form or query has more than {_MOST_FIELDS} fields.")
    found: dict[str, str] = {}
    try:
        for part in parts:
            name, _, value = part.partition(b"=")
            found.setdefault(_unquoted(name).decode(), _unquoted(value).decode())
    except UnicodeDecodeError as error:
        raise BadRequestError(f"The form or query cannot be read: {error}.") from None
    return found


def _unquoted(text: bytes) -> bytes:
    """Percent signs undone; the ones JSON is full of first, by one fast pass each.

    None of their characters can be part of another escape, so the order makes no difference.
    """
    text = text.replace(b"+", b" ")
    if b"%" in text:
        for escape, sign in _OFTEN:
            text = text.replace(escape, sign)
    return unquote_to_bytes(text) if b"%" in text else text


def unwrapped(data: str) -> bytes:
    """The JSON in a form's field: as it is, or packed by base64 (whose + may have come as a space)."""
    text = data.strip()
    if text[:1] in {"{", "[", ""}:
        return text.encode()
    packed = text.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequestError(f"data is neither JSON nor base64: {error}.") from None


def is_form(asked: Asked, body: bytes) -> bool:
    """Whether a body is a form: told by its header, or plain text as browsers send it when a page closes."""
    kind = asked.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    return (kind == b"application/x-www-form-urlencoded" and body[:1] not in b"{[") or body.startswith(
        b"data="
    )


def counted(read: Sequence[Event | Rejection]) -> tuple[int, list[Rejection]]:
    """How many events are good, and the others."""
    bad = [item for item in read if isinstance(item, Rejection)]
    return len(read) - len(bad), bad


def told_of(rejection: Rejection, id_name: str) -> dict[str, Any]:
    return {
        "index": rejection.item,
        id_name: rejection.message_id,
        "field": rejection.field,
        "message": rejection.reason,
    }
