"""What any dialect of the tracking API is read into: events, or rejections with their reason. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

EVENT_BYTES = 32 << 10
BATCH_BYTES = 500 << 10
KEPT_BYTES = 4 << 10
MESSAGE_ID_LENGTH = 100
ID_LENGTH = 200
NAME_LENGTH = 500

# Kinds of groups that are accounts, where a sender knows groups of several kinds. The vendor's own property
# and the usual names of an account's id come before them.
ACCOUNT_GROUPS = ("account", "company", "organization", "organisation", "customer")

# Values that libraries send when a person is not known. They name nobody, so they never make or join people.
_NOBODY = frozenset(
    """|0|-1|null|none|nil|undefined|nan|true|false|anonymous|anon|guest|unknown|[object object]
|id|distinct_id|distinctid|user_id|userid|not_authenticated|email|00000000-0000-0000-0000-000000000000""".replace(
        "\n", ""
    ).split("|")
)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event as its sender meant it. Times are microseconds since 1970 UTC, ``properties`` JSON or None.

    ``person`` is the end user it names, ``previous`` the id that an alias joins to it, ``account_key`` what
    the event itself says of its account, ``traits`` what identify and group calls say.
    """

    kind: str
    name: str
    message_id: str
    person: str | None
    occurred_at: int
    received_at: int
    known_at: int
    original_at: int | None = None
    sent_at: int | None = None
    flag: str | None = None
    account_key: str | None = None
    account_id: int | None = None
    tenant: str = ""
    previous: str | None = None
    traits: dict[str, Any] | None = None
    properties: str | None = None
    feature: str | None = None
    count: int = 1
    seconds: float | None = None
    backfilled: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that cannot be stored: why, in which field, what was sent, at which place in the request."""

    reason: str
    field: str | None
    body: bytes
    item: int
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A request opened: its events still as bytes, its sent time, the write key in it ('' when absent).

    ``history`` says that its sender hands in the past: an event is then known from the time it happened.
    """

    items: Sequence[bytes | msgspec.Raw]
    sent: Any
    write_key: str
    history: bool = False


class BadRequestError(ValueError):
    """The request as a whole cannot be read."""


class BadEventError(ValueError):
    """An event breaks a rule: ``field`` names where, the message what was found and what is allowed."""

    def __init__(self, field: str | None, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def id_text(value: Any) -> str:
    """An id as text: numbers lose a trailing .0; None is empty."""
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def checked_id(value: Any, field: str) -> str:
    """An id as text, or BadEventError when it is too long or holds a NUL."""
    text = id_text(value)
    if len(text) > ID_LENGTH:
        raise BadEventError(field, f"{field} has {len(text)} characters; at most {ID_LENGTH} are allowed.")
    if "\0" in text:
        raise BadEventError(field, f"{field} holds a NUL character, which no id may.")
    return text


def names_somebody(text: str) -> bool:
    """Whether an id can name a person or an account at all."""
    return text.lower() not in _NOBODY


def made_id(source: str, sent: Any, body: bytes) -> str:
    """The id of an event sent without one, so that the same request sent again stays one event."""
    hashed = hashlib.sha256(b"\x1f".join((source.encode(), repr(sent).encode(), body)))
    return f"made-{hashed.hexdigest()[:40]}"
