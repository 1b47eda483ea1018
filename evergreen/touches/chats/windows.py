"""Whether somebody who wrote may be answered: for so long after their newest line, by so many messages since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from evergreen.base.upserts import in_batches
from evergreen.touches.channels.contract import Window
from evergreen.touches.models import Channel, Chat, Message

# What is on its way when the window closes would be refused.
_MARGIN = dt.timedelta(minutes=2)


def rooms(channel: Channel, window: Window, addresses: Collection[str], now: dt.datetime) -> dict[str, int]:
    """How many more messages each of these addresses may get now; those that may get none are missing."""
    found: dict[str, int] = {}
    for some in in_batches(sorted(set(addresses))):
        mine = Chat.objects.filter(channel=channel, key__in=some, wrote_at__gt=now - window.lasts + _MARGIN)
        wrote = {key: at for key, at in mine.values_list("key", "wrote_at") if at is not None}
        sent = dict.fromkeys(wrote, 0)
        gone = Message.objects.filter(
            channel=channel, address__in=list(wrote), state__in=Message.COUNTED, claimed_at__gt=now - window.lasts
        )  # fmt: skip
        for address, at in gone.values_list("address", "claimed_at"):
            # One that was claimed as they wrote counts: the provider may have got it after.
            sent[address] += at is not None and at >= wrote[address]
        found |= {key: window.most - n for key, n in sent.items() if n < window.most}
    return found
