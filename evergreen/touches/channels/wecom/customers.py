"""Mass sends to customers (客户群发): WeCom makes a task of each, and it goes out when the member confirms it in the app.

A customer gets at most one a day. What became of it is asked once an hour: sent, no longer a friend, or over the customer's limit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.utils.translation import gettext as _

from evergreen.base import clock
from evergreen.touches.channels.contract import (
    CONTACTS,
    Accepted,
    ChannelError,
    Heard,
    Outgoing,
    Rates,
    RefusedError,
)
from evergreen.touches.channels.wecom.wire import Wecom, WecomConfig

# 文本最多 4,000 字节.
_MOST_BYTES = 4_000


class WecomCustomer(Wecom):
    kind = "wecom_customer"
    medium = "wecom"
    zh = "企业微信客户群发"
    en = "WeCom to customers"
    about = (
        "建群发任务，由客户负责人在企业微信里确认后发出",
        "A mass-send task that the account's owner confirms in WeCom",
    )
    audience = CONTACTS
    Config = WecomConfig
    rates = Rates(a_minute=10_000, an_hour=150_000, contact_a_day=1)
    receipts = ("delivered", "bounced")

    def send(self, message: Outgoing) -> Accepted:
        if not message.sender:
            raise RefusedError(_("The account has no owner who could confirm it in WeCom."))
        text = message.text.encode()
        if len(text) > _MOST_BYTES:
            raise RefusedError(
                _("The text has %(n)s bytes; WeCom takes %(most)s.") % {"n": len(text), "most": _MOST_BYTES}
            )
        sender = self.member_of(message.sender)
        answer = self.ask(
            "externalcontact/add_msg_template",
            {
                "chat_type": "single",
                "external_userid": [message.address],
                "sender": sender,
                "text": {"content": message.text},
            },
        )
        if message.address in (answer.get("fail_list") or ()):
            raise RefusedError(
                _("%(member)s has not this customer in WeCom, or the customer got one today.")
                % {"member": sender}
            )
        return Accepted(str(answer.get("msgid") or ""), waits_for=sender)

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
                if row.get("external_userid") == address and (heard := _heard(provider_id, row)) is not None:
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
