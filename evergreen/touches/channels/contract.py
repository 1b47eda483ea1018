"""What every channel is: what it says of itself, how one message is handed over, what may come of it.

An adapter takes a frozen message and returns a receipt or raises one of the three errors below; it never touches a store and
never decides. It leaves only through the gate (``base.outbound``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Protocol

from evergreen.touches.channels.told import (
    Copied,
    Heard,
    MadeCode,
    Posted,
    Pressed,
    Rung,
    Said,
    Tied,
    ToldGroup,
    ToldTags,
    ToldTie,
)

CONTACTS, STAFF, SYSTEMS, GROUPS = "contacts", "staff", "systems", "groups"
# The list of a card from which a person is chosen, in ``Pressed.chosen``.
PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message as a channel gets it. ``key`` names it for ever: a provider that honours keys takes it once. ``sender`` is the
    e-mail address of the account's owner ('' for none), for a group the userid of its owner.

    ``text`` is for people without markup, ``markdown`` as it was written, ``html`` as it is read in a mail. ``refuse_at`` is the
    address of one-click refusal ('' where nobody may refuse).
    """

    key: str
    address: str
    name: str
    subject: str
    text: str
    markdown: str
    html: str
    language: str
    reply_to: str = ""
    sender: str = ""
    refuse_at: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it. ``is_delivered`` where it said that it arrived; ``waits_for`` names who has to confirm it first."""

    provider_id: str = ""
    is_delivered: bool = False
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """What may be done on a card: ``key`` comes back in Pressed."""

    key: str
    text: str
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """A message to one of us that can be acted on where it is read. ``note`` says what came of the last press; without buttons the
    card is over and only says that. ``people`` (key, name) may be chosen from where ``asks`` says what for."""

    title: str
    about: str
    text: str
    facts: Sequence[tuple[str, str]] = ()
    link: str = ""
    buttons: Sequence[Button] = ()
    asks: str = ""
    people: Sequence[tuple[str, str]] = ()
    note: str = ""

    def to_data(self) -> dict[str, Any]:
        """As a message keeps it."""
        return asdict(self)

    @classmethod
    def from_data(cls, told: Mapping[str, Any]) -> Card:
        """What ``to_data`` wrote."""
        pairs = {name: [(key, text) for key, text in told[name]] for name in ("facts", "people")}
        return cls(**{**told, **pairs, "buttons": [Button(**one) for one in told["buttons"]]})


class Tokens(Protocol):
    """Access tokens that all workers of a channel share, so that each is fetched once."""

    def token(self, fetch: Callable[[], tuple[str, int]]) -> str:
        """The token in force, or one fetched now: ``fetch`` gives it with the seconds it lives. Raises LaterError while another
        worker fetches it."""

    def drop(self, token: str) -> None:
        """Forget a token that the provider no longer takes."""


class ChannelError(Exception):
    """A message was not taken, in words for people."""


class RefusedError(ChannelError):
    """The provider refuses this message for good. ``is_dead``: its address does not exist."""

    def __init__(self, message: str, *, is_dead: bool = False) -> None:
        super().__init__(message)
        self.is_dead = is_dead


class LaterError(ChannelError):
    """It was certainly not taken and may be tried again, after ``seconds`` where the provider said so.

    ``is_whole``: the channel itself does not work now (no connection, wrong credentials, limit reached), not this message.
    """

    def __init__(self, message: str, *, seconds: float = 0.0, is_whole: bool = False) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.is_whole = is_whole


class UncertainError(ChannelError):
    """Nobody knows whether it was taken: the connection broke after the provider may have had all of it."""


@dataclass(frozen=True, slots=True)
class Window:
    """A channel that may only answer: for how long after the person's last line, and by how many messages."""

    lasts: dt.timedelta
    most: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Messages that may be handed over: by the whole channel and to one recipient. 0: no limit known.

    A vendor may set lower ones; where they come from stands in docs/touches.md.
    """

    a_minute: int = 0
    an_hour: int = 0
    a_day: int = 0
    recipient_a_minute: int = 0
    recipient_an_hour: int = 0
    recipient_a_day: int = 0
    contact_a_day: int = 0

    @property
    def of_channel(self) -> tuple[tuple[dt.timedelta, int], ...]:
        return (
            (dt.timedelta(minutes=1), self.a_minute),
            (dt.timedelta(hours=1), self.an_hour),
            (dt.timedelta(days=1), self.a_day),
        )

    @property
    def of_recipient(self) -> tuple[tuple[dt.timedelta, int], ...]:
        return (
            (dt.timedelta(minutes=1), self.recipient_a_minute),
            (dt.timedelta(hours=1), self.recipient_an_hour),
            (dt.timedelta(days=1), self.recipient_a_day),
        )


class ChannelAdapter:
    """A kind of channel bound to one configuration."""

    kind: ClassVar[str]
    medium: ClassVar[str]
    zh: ClassVar[str]
    en: ClassVar[str]
    about: ClassVar[tuple[str, str]]
    audience: ClassVar[str]
    Config: ClassVar[type[Any]]
    rates: ClassVar[Rates] = Rates()
    # Whether the provider takes a message with the same key once, however often it is handed over.
    honours_keys: ClassVar[bool] = False
    # What is heard of a message afterwards: of ``Receipt.Kind``.
    receipts: ClassVar[tuple[str, ...]] = ()
    # What a provider that posts to us wants to read: (content type, body); None for one that never posts.
    thanks: ClassVar[tuple[str, str] | None] = None
    # Whether it may have a mailbox to which answers come.
    has_mailbox: ClassVar[bool] = False
    # How often that is looked into; sooner where the provider says that there is something.
    looks_every: ClassVar[dt.timedelta] = dt.timedelta(minutes=1)
    # When people who wrote may be answered; None for a channel that may begin.
    window: ClassVar[Window | None] = None
    # Whether it tells which of our members has which customers' people.
    tells_ties: ClassVar[bool] = False
    # Whether it tells and gives tags of customers' people.
    gives_tags: ClassVar[bool] = False
    # Whether it makes QR codes by which customers add one of us, and lets them be welcomed.
    makes_codes: ClassVar[bool] = False
    # Whether its messages wait in the vendor's own product, where our script or its own code fetches them.
    in_product: ClassVar[bool] = False
    # Whether a message to one of us may be drawn as a card with buttons, whose presses the provider tells.
    draws_cards: ClassVar[bool] = False
    # Whether texts go only by templates that the provider approved, named by their code.
    by_code: ClassVar[bool] = False

    def __init__(self, config: Any) -> None:
        self.config = config

    # Set by whoever made the adapter of a channel that was set up.
    tokens: Tokens

    def send(self, message: Outgoing) -> Accepted:
        """Hand one message over. Raises RefusedError, LaterError or UncertainError."""
        raise NotImplementedError

    def test(self) -> str:
        """Ask the provider as little as shows that address and credentials are right; what was seen, in words."""
        raise NotImplementedError

    def proved(self, post: Posted) -> None:
        """Raises ValueError for a post that its provider would have signed otherwise. Where a provider signs nothing, the secret address is
        the proof."""
        return

    def heard(self, body: bytes, form: Mapping[str, str]) -> Sequence[Heard | Tied | Pressed | Rung | Copied]:
        """What the provider posted to us; ``form`` holds what stood in the address, too. Raises ValueError for what is none of its."""
        raise ValueError(f"{self.kind} posts nothing to us.")

    def greeted(self, query: Mapping[str, str]) -> str | None:
        """The answer by which a provider that asks our address first knows that it is ours; None for one that never asks. Raises
        ValueError for what the provider did not ask."""
        return None

    def fetched(
        self, mark: str, *, now: dt.datetime, handle: str = ""
    ) -> Iterator[tuple[str, list[Heard | Said | Copied]]]:
        """(mark behind it, what it says) of each mail or page that came into the channel's mailbox since a mark; ``handle`` as the provider
        gave it with word that there is something. Raises ChannelError."""
        return iter(())

    def people(self, keys: Sequence[str]) -> dict[str, str]:
        """What people who wrote are called, by their keys; those whom the provider does not name are missing. Raises ChannelError."""
        return {}

    def followed_up(self, sent: Sequence[tuple[str, str, str]]) -> list[Heard]:
        """What became of messages that wait for somebody's confirmation: (provider id, address, for whom it waits). Asked once
        an hour."""
        return []

    def groups(self) -> Iterator[ToldGroup]:
        """The chat groups with customers that the provider tells of. Raises ChannelError."""
        return iter(())

    def ties(self) -> Iterator[ToldTie]:
        """Which of our members has which customers' people. Raises ChannelError."""
        return iter(())

    def person(self, key: str) -> tuple[str, str]:
        """(name, company) of a customer's person. Raises ChannelError."""
        raise NotImplementedError

    def tag_groups(self) -> Iterator[ToldTags]:
        """The groups of tags that there are. Raises ChannelError."""
        return iter(())

    def make_tags(self, group: str, name: str, tags: Sequence[str]) -> ToldTags:
        """Add tags to a group, or make one of this name ('' for ``group``); the group as it was answered. Raises ChannelError."""
        raise NotImplementedError

    def end_tags(self, group: str) -> None:
        """Delete a group with its tags, from everybody who has them. Raises ChannelError."""
        raise NotImplementedError

    def mark(self, key: str, member: str, add: Sequence[str], remove: Sequence[str]) -> None:
        """Give a customer's person tags in a member's name, and take others. Raises ChannelError."""
        raise NotImplementedError

    def tags_of(self, key: str) -> dict[str, list[str]]:
        """The tags of a customer's person, by the member who gave them. Raises ChannelError."""
        raise NotImplementedError

    def make_code(self, *, state: str, remark: str, members: Sequence[str], skips_asking: bool) -> MadeCode:
        """Make a QR code that leads to members of ours. Raises ChannelError."""
        raise NotImplementedError

    def change_code(
        self, config_id: str, *, state: str, remark: str, members: Sequence[str], skips_asking: bool
    ) -> None:
        """Tell what a code should be now. Raises ChannelError."""
        raise NotImplementedError

    def end_code(self, config_id: str) -> None:
        """Nobody may come by a code any more. Raises ChannelError."""
        raise NotImplementedError

    def picture(self, url: str) -> bytes:
        """The picture of a code: PNG or JPEG. Raises ChannelError."""
        raise NotImplementedError

    def welcome(self, code: str, text: str) -> None:
        """Say words of welcome to whom just added one of us. Raises ChannelError."""
        raise NotImplementedError

    def member_of(self, email: str) -> str:
        """What the provider calls one of us; '' where it knows nobody."""
        return ""

    def email_of(self, member: str) -> str:
        """The e-mail address of a member of the vendor, where the channel's configuration says it."""
        return ""

    def address_of(self, staff_email: str) -> str:
        """Where a member of staff is reached by this channel; '' where nobody said."""
        return ""

    def redraw(self, pressed: Pressed, card: Card) -> None:
        """Draw the card on which somebody pressed a button anew. Raises ChannelError."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back what sending left open."""
