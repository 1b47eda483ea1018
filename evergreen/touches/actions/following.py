"""Ask providers about messages that somebody has to confirm: once an hour each, for a week."""

from __future__ import annotations

import datetime as dt
import logging

from django.db.models import Q

from evergreen.touches.actions.receiving import hear
from evergreen.touches.channels.contract import ChannelError
from evergreen.touches.models import Channel, Message
from evergreen.touches.ways import adapter_of

log = logging.getLogger(__name__)
_EVERY = dt.timedelta(hours=1)
_FOR = dt.timedelta(days=7)
_TOGETHER = 100


def follow_up(*, now: dt.datetime) -> int:
    """Hear what became of messages that waited for a confirmation. Returns how many were asked about."""
    asked = 0
    stale = Q(followed_at=None) | Q(followed_at__lt=now - _EVERY)
    for channel in Channel.objects.filter(is_on=True).order_by("pk"):
        waiting = Message.objects.filter(
            stale, channel=channel, state=Message.State.ACCEPTED, ended_at__gt=now - _FOR
        )
        rows = list(
            waiting.exclude(waits_for="")
            .select_related("account__owner")
            .order_by("followed_at", "pk")[:_TOGETHER]
        )
        if not rows:
            continue
        Message.objects.filter(pk__in=[row.pk for row in rows]).update(followed_at=now)
        try:
            told = adapter_of(channel).followed_up(
                [(row.provider_id, row.address, row.waits_for) for row in rows]
            )
        except (ChannelError, ValueError) as error:
            # Asked again in an hour; the other channels have nothing to do with it.
            log.warning("What became of messages of %s is not known: %s", channel.key, error)
            continue
        hear(channel, told, now=now)
        asked += len(rows)
    return asked
