"""Read the mailboxes of channels that have one, and the chats of those that tell them: from where it stood, as often as the channel says."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence

from evergreen.touches.actions.receiving import hear
from evergreen.touches.channels.contract import ChannelError
from evergreen.touches.channels.told import Copied, Heard, Said
from evergreen.touches.chats.keeping import keep_lines
from evergreen.touches.copies.keeping import keep_copies
from evergreen.touches.models import Channel
from evergreen.touches.ways import adapter_of, whose_turn

log = logging.getLogger(__name__)


def fetch(*, now: dt.datetime) -> int:
    """Hear what came into mailboxes whose turn it is. Returns how many mails or lines said something."""
    heard = 0
    for channel in whose_turn(lambda one: one.has_mailbox, now=now):
        heard += look_into(channel, now=now)
    return heard


def take_in(channel: Channel, told: Sequence[object], *, now: dt.datetime) -> int:
    """Hear what one mail or page says: copies first, as what one of us wrote is no answer to us. Returns how many found their message or
    account; a mail that found both counts once."""
    ours = keep_copies(channel, [one for one in told if isinstance(one, Copied)], now=now)
    heard = [one for one in told if isinstance(one, Heard) and one.mark not in ours.by_us]
    return max(hear(channel, heard, now=now), ours.kept)


def look_into(channel: Channel, *, now: dt.datetime, handle: str = "") -> int:
    """Hear what came into one mailbox; killed in between, it is heard again, which adds nothing. A fault is written down at the channel.
    Returns how many mails or lines said something."""
    heard = 0
    mark = channel.inbox_mark
    try:
        for behind, told in adapter_of(channel).fetched(mark, now=now, handle=handle):
            heard += take_in(channel, told, now=now)
            heard += keep_lines(channel, [one for one in told if isinstance(one, Said)], now=now)
            # Who reads the same pages beside us may be farther.
            Channel.objects.filter(pk=channel.pk, inbox_mark=mark).update(inbox_mark=behind)
            mark = behind
    except (ChannelError, ValueError) as error:
        log.warning("The mailbox of %s: %s", channel.key, error)
        Channel.objects.filter(pk=channel.pk).update(inbox_fault=str(error)[:300])
    else:
        Channel.objects.filter(pk=channel.pk).exclude(inbox_fault="").update(inbox_fault="")
    return heard
