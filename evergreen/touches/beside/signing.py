"""Who looks at a page that WeCom shows, and the signature of its script."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from evergreen.base import vault
from evergreen.base.models import User
from evergreen.touches.addressing import staff_by_key
from evergreen.touches.channels.contract import ChannelAdapter
from evergreen.touches.channels.wecom.pages import AGENT, CONFIG, Pages, signature
from evergreen.touches.models import Channel, ChannelTicket
from evergreen.touches.ways import adapter_of

KINDS = (CONFIG, AGENT)
# A ticket is given up so long before its end, lest it ends on its way.
_EARLY = dt.timedelta(minutes=5)


def pages_of(channel: Channel) -> Pages:
    """The app of a channel whose pages WeCom shows. Raises ValueError for another kind, or a wrong configuration."""
    found: ChannelAdapter = adapter_of(channel)
    if not isinstance(found, Pages):
        raise ValueError(f"The channel {channel.key} has no pages in WeCom.")
    return found


def signed(channel: Channel, kind: str, url: str, *, now: dt.datetime) -> dict[str, Any]:
    """What a page's script tells WeCom. Raises ChannelError."""
    nonce, moment = secrets.token_hex(8), int(now.timestamp())
    ticket = _ticket(channel, kind, now)
    return {"timestamp": moment, "nonceStr": nonce, "signature": signature(ticket, nonce, moment, url)}


def _ticket(channel: Channel, kind: str, now: dt.datetime) -> str:
    held = ChannelTicket.objects.filter(channel=channel, kind=kind, until__gt=now).first()
    if held is not None:
        return str(vault.unseal(held.sealed)["ticket"])
    # Two that ask at once get the same ticket from WeCom.
    ticket, seconds = pages_of(channel).ticket(kind)
    ends = now + max(dt.timedelta(seconds=seconds) - _EARLY, dt.timedelta(seconds=30))
    ChannelTicket.objects.update_or_create(
        channel=channel, kind=kind, defaults={"sealed": vault.seal({"ticket": ticket}), "until": ends}
    )
    return ticket


def person_behind(channel: Channel, code: str) -> tuple[str, User | None]:
    """(the member's userid, who of us that is; None for nobody who works here). Raises ChannelError."""
    adapter = pages_of(channel)
    member = adapter.who(code)
    return member, staff_by_key(adapter, [member]).get(member)
