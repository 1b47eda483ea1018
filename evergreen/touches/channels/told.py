"""What a provider tells: of messages, of chats, of who knows whom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ToldMember:
    """Somebody in a chat group, as its provider tells it: ``key`` is the provider's id, ``is_ours`` a member of the vendor."""

    key: str
    name: str
    is_ours: bool
    joined_at: dt.datetime
    how: str


@dataclass(frozen=True, slots=True)
class ToldGroup:
    """A chat group with customers, as its provider tells it. ``owner`` is a member's id; ``is_told``: False for one that it lists and
    tells nothing more of."""

    key: str
    name: str
    owner: str
    notice: str
    made_at: dt.datetime
    members: Sequence[ToldMember]
    is_told: bool = True


@dataclass(frozen=True, slots=True)
class ToldTie:
    """A customer's person whom a member of ours has, as the provider tells it. ``state`` names the code by which they met, ``tags`` those that
    the member gave."""

    key: str
    member: str
    name: str
    company: str
    added_at: dt.datetime
    state: str = ""
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ToldTags:
    """A group of customer tags: its key and name, and {key: name} of its tags."""

    key: str
    name: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MadeCode:
    """A QR code that a provider made: its name of it, and where its picture lies."""

    config_id: str
    picture_url: str


@dataclass(frozen=True, slots=True)
class Posted:
    """What came to a channel's door: its bytes, its fields where it is a form, its headers, and the addresses to which it may have been
    posted: a proxy before us may have changed what we see of it."""

    body: bytes
    form: Mapping[str, str]
    headers: Mapping[str, str]
    addresses: Sequence[str]


@dataclass(frozen=True, slots=True)
class Tied:
    """A customer's person (``key``) and a member of ours came together, one of them dropped the other, or the member wrote something else of
    them. ``state`` names the code by
    which they met, ``welcome`` lets words of welcome be sent once, within seconds."""

    class Kind(StrEnum):
        ADDED = "added"
        DROPPED_BY_US = "dropped_by_us"
        DROPPED_BY_THEM = "dropped_by_them"
        EDITED = "edited"

    kind: Kind
    key: str
    member: str
    at: dt.datetime
    state: str = ""
    welcome: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that a provider told of a message afterwards: of the one with ``provider_id`` or ``key``, or of the newest to an
    ``address``. ``kind`` is a receipt's; ``text`` what somebody answered; ``mark`` makes the same one told twice the same."""

    kind: str
    at: dt.datetime
    provider_id: str = ""
    key: str = ""
    address: str = ""
    text: str = ""
    detail: str = ""
    mark: str = ""
    is_permanent: bool = True


@dataclass(frozen=True, slots=True)
class Pressed:
    """A member of ours pressed a button (``button``) of the card that message ``key`` was drawn as. ``handle`` lets the card be drawn
    anew once; ``chosen`` are the answers of its lists, by name."""

    key: str
    member: str
    button: str
    at: dt.datetime
    handle: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """A line of a chat that runs at the provider: ``key`` names it, ``address`` is the customer's person, ``member`` who of us wrote it
    ('' for the person's own). ``form`` is the provider's word for what it is; only a ``text`` has a text."""

    key: str
    address: str
    at: dt.datetime
    text: str
    form: str
    is_theirs: bool
    member: str = ""


@dataclass(frozen=True, slots=True)
class Copied:
    """A mail between people of which the channel's mailbox got a copy. ``key`` is its Message-ID, ``thread`` that of the first of its thread;
    ``text`` what was written, ``quoted`` what stands below it."""

    key: str
    thread: str
    at: dt.datetime
    sender: str
    to: Sequence[str]
    subject: str
    text: str
    quoted: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """There is something to be fetched from the provider; ``handle`` lets it be fetched at once."""

    handle: str = ""
