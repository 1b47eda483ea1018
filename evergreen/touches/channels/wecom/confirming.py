"""Mass sends that a member confirms in WeCom: what they may hold, and what became of them, asked once an hour."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import ClassVar

from django.utils.translation import gettext as _

from evergreen.base import clock
from evergreen.touches.channels.contract import ChannelError, Outgoing, RefusedError
from evergreen.touches.channels.told import Heard
from evergreen.touches.channels.wecom.wire import Wecom

# 文本最多 4,000 字节.
_MOST_BYTES = 4_000


class Confirmed(Wecom):
    """A channel whose messages somebody confirms. ``whom`` names the recipient in WeCom's results."""

    receipts = ("delivered", "bounced")
    whom: ClassVar[str]

    def check_size(self, message: Outgoing) -> None:
        """Raises RefusedError for a text that WeCom would not take."""
        size = len(message.text.encode())
        if size > _MOST_BYTES:
            raise RefusedError(
                _("The text has %(n)s bytes; WeCom takes %(most)s.") % {"n": size, "most": _MOST_BYTES}
            )

    def followed_up(self, sent: Sequence[tuple[str, str, str]]) -> list[Heard]:
        found = []
        for provider_id, address, sender in sent:
            try:
                answer = self.ask(
                    "externalcontact/get_groupmsg_send_result",
                    {"msgid": provider_id, "userid": sender, "limit": 500},
                )
            except ChannelError:
                continue  # asked again in an hour
            for row in answer.get("send_list") or ():
                if row.get(self.whom) == address and (heard := _heard(provider_id, row)) is not None:
                    found.append(heard)
        return found


def _heard(provider_id: str, row: dict[str, object]) -> Heard | None:
    sent = row.get("send_time")
    at = dt.datetime.fromtimestamp(int(str(sent)), dt.UTC) if sent else clock.utc_now()
    match row.get("status"):
        case 1:
            return Heard("delivered", at, provider_id, detail=_("confirmed by the member"))
        case 2:
            said = _("the customer has removed the member")
        case 3:
            said = _("the customer got another mass send that day")
        case _:
            return None
    return Heard("bounced", at, provider_id, detail=said, is_permanent=False)
