"""Chats as pages show them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from evergreen.base.models import User
from evergreen.customers.queries import accounts_for
from evergreen.touches.channels import registry
from evergreen.touches.channels.contract import Window
from evergreen.touches.chats.windows import rooms
from evergreen.touches.models import Channel, Chat, ChatLine
from evergreen.touches.ways import channels_that

_NEWEST = 50


@dataclass(frozen=True, slots=True)
class Line:
    """A chat with its newest lines, oldest first; until when and by how many messages it may still be answered (0: no more)."""

    chat: Chat
    lines: Sequence[ChatLine]
    closes_at: dt.datetime | None
    left: int

    @property
    def newest(self) -> ChatLine | None:
        """What the person wrote last."""
        return next((one for one in reversed(self.lines) if one.is_theirs), None)

    @property
    def waits(self) -> bool:
        """Whether the last word is theirs."""
        return bool(self.lines) and self.lines[-1].is_theirs


def chats_for(user: User) -> QuerySet[Chat]:
    """The chats of people whose account somebody may see, and of people whom nobody knows."""
    rows = Chat.objects.select_related("channel", "contact__account__owner")
    return rows.filter(Q(contact=None) | Q(contact__account__in=accounts_for(user)))


def channels() -> list[Channel]:
    """The channels that tell chats."""
    return list(channels_that(lambda one: one.window is not None).order_by("pk"))


def open_keys(now: dt.datetime) -> Q:
    """Chats whose window is open, used up or not."""
    found = Q(pk=None)
    for channel in channels():
        found |= Q(channel=channel, wrote_at__gt=now - _window(channel).lasts)
    return found


def lines_of(chats: Sequence[Chat], now: dt.datetime) -> list[Line]:
    """Chats with what was said lately. Two queries, and two for each channel among them."""
    said: dict[int, list[ChatLine]] = defaultdict(list)
    for row in ChatLine.objects.filter(chat__in=[one.pk for one in chats]).order_by("at", "pk"):
        said[row.chat_id].append(row)
    left: dict[tuple[int, str], int] = {}
    for channel in {one.channel_id: one.channel for one in chats}.values():
        keys = [one.key for one in chats if one.channel_id == channel.pk]
        left |= {(channel.pk, key): n for key, n in rooms(channel, _window(channel), keys, now).items()}
    return [
        Line(
            one, said[one.pk][-_NEWEST:], one.wrote_at + _window(one.channel).lasts if one.wrote_at else None,
            left.get((one.channel_id, one.key), 0),
        )
        for one in chats
    ]  # fmt: skip


def _window(channel: Channel) -> Window:
    found = registry.adapter_class(channel.kind).window
    if found is None:
        raise ValueError(f"{channel.kind} tells no chats.")
    return found
