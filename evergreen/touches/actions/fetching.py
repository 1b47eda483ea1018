"""Read the mailboxes of channels that have one: once a minute, from where it stood."""

from __future__ import annotations

import datetime as dt
import logging

from evergreen.touches.actions.receiving import hear
from evergreen.touches.channels import registry
from evergreen.touches.channels.contract import ChannelError
from evergreen.touches.models import Channel
from evergreen.touches.ways import adapter_of

log = logging.getLogger(__name__)
_EVERY = dt.timedelta(minutes=1)


def fetch(*, now: dt.datetime) -> int:
    """Hear what came into mailboxes; killed in between, it is heard again, which adds nothing. Returns how many mails said something."""
    heard = 0
    kinds = [kind for kind in registry.kinds() if registry.adapter_class(kind).has_mailbox]
    due = Channel.objects.filter(is_on=True, kind__in=kinds).exclude(inbox_at__gt=now - _EVERY)
    for channel in due.order_by("pk"):
        # One worker reads a mailbox at a time; another one finds it read just now.
        if not Channel.objects.filter(pk=channel.pk, inbox_at=channel.inbox_at).update(inbox_at=now):
            continue
        try:
            for mark, told in adapter_of(channel).fetched(channel.inbox_mark, now=now):
                heard += hear(channel, told, now=now) if told else 0
                Channel.objects.filter(pk=channel.pk).update(inbox_mark=mark)
        except (ChannelError, ValueError) as error:
            log.warning("The mailbox of %s: %s", channel.key, error)
            Channel.objects.filter(pk=channel.pk).update(inbox_fault=str(error)[:300])
        else:
            Channel.objects.filter(pk=channel.pk).exclude(inbox_fault="").update(inbox_fault="")
    return heard
