"""Mass sends to customers (客户群发): WeCom makes a task of each, and it goes out when the member confirms it in the app.

A customer gets at most one a day. What became of it is asked once an hour: sent, no longer a friend, or over the customer's limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evergreen.touches.channels.contract import CONTACTS, Accepted, Outgoing, Rates, RefusedError
from evergreen.touches.channels.told import Tied, ToldTie
from evergreen.touches.channels.wecom import callbacks, knowing
from evergreen.touches.channels.wecom.called import Called, CalledConfig
from evergreen.touches.channels.wecom.codes import Codes
from evergreen.touches.channels.wecom.confirming import Confirmed
from evergreen.touches.channels.wecom.tags import Tags


@dataclass(frozen=True)
class WecomCustomerConfig(CalledConfig):
    """The app that may call the customer contact API; its callback says who has whom."""


class WecomCustomer(Confirmed, Called, Codes, Tags):
    kind = "wecom_customer"
    medium = "wecom"
    zh = "企业微信客户群发"
    en = "WeCom to customers"
    about = (
        "建群发任务，由客户负责人在企业微信里确认后发出",
        "A mass-send task that the account's owner confirms in WeCom",
    )
    audience = CONTACTS
    Config = WecomCustomerConfig
    rates = Rates(a_minute=10_000, an_hour=150_000, contact_a_day=1)
    whom = "external_userid"
    tells_ties = True

    def send(self, message: Outgoing) -> Accepted:
        if not message.sender:
            raise RefusedError(_("The account has no owner who could confirm it in WeCom."))
        self.check_size(message)
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

    def ties(self) -> Iterator[ToldTie]:
        return knowing.all_ties(self)

    def heard(self, body: bytes, form: Mapping[str, str]) -> list[Tied]:
        """Events of customer contact (change_external_contact); others are taken and say nothing."""
        return knowing.change(callbacks.fields_of(self.opened(body, form)))
