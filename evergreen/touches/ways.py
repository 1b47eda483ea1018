"""A channel that was set up as an adapter that works, and the rates it keeps to."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from evergreen.base import vault
from evergreen.base.queries import setting
from evergreen.touches.channels import registry
from evergreen.touches.channels.contract import CONTACTS, ChannelAdapter, Rates
from evergreen.touches.models import Channel, Medium
from evergreen.touches.tokens import Tokens


def channels_that(holds: Callable[[type[ChannelAdapter]], bool]) -> QuerySet[Channel]:
    """The channels of whose adapter something holds."""
    return Channel.objects.filter(kind__in=registry.kinds_that(holds))


def whose_turn(
    holds: Callable[[type[ChannelAdapter]], bool], every: dt.timedelta | None = None, *, now: dt.datetime
) -> Iterator[Channel]:
    """The channels to look into now, each marked as looked into before it is given: ``every`` so long, or as often as its adapter says.

    One worker looks at a time; another one finds it marked just now.
    """
    for channel in channels_that(holds).filter(is_on=True).order_by("pk"):
        last, pause = channel.inbox_at, every or registry.adapter_class(channel.kind).looks_every
        is_due = last is None or last <= now - pause
        if is_due and Channel.objects.filter(pk=channel.pk, inbox_at=last).update(inbox_at=now):
            yield channel


def adapter_of(channel: Channel) -> ChannelAdapter:
    """The adapter of a channel. Raises ValueError where its configuration is wrong or its secrets cannot be opened."""
    found = registry.adapter(channel.kind, {**channel.config, **vault.unseal(channel.credentials)})
    found.tokens = Tokens(channel.pk)
    return found


def rates_of(channel: Channel) -> Rates:
    """The adapter's rates, or lower ones that the vendor set."""
    known = registry.adapter_class(channel.kind).rates
    changed = {}
    for one in dataclasses.fields(Rates):
        own, theirs = int(channel.limits.get(one.name) or 0), getattr(known, one.name)
        if own and (not theirs or own < theirs):
            changed[one.name] = own
    return dataclasses.replace(known, **changed)


def ready(channel: Channel) -> ChannelAdapter:
    """The adapter of a channel by which messages may leave. Raises ValueError with what is missing."""
    found = adapter_of(channel)
    if found.medium == Medium.MAIL and found.audience == CONTACTS and not setting("public_url"):
        raise ValueError(
            _(
                "Mails carry a link by which people refuse them: set the public address of this installation first."
            )
        )
    return found
