"""Mass sends to customers (客户群发): WeCom makes a task of each, and it goes out when the member confirms it in the app.

A customer gets at most one a day. What became of it is asked once an hour: sent, no longer a friend, or over the customer's limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.touches.channels.contract import (
    CONTACTS,
    Accepted,
    Outgoing,
    Rates,
    RefusedError,
    Tied,
    ToldTie,
)
from evergreen.touches.channels.wecom import callbacks, knowing
from evergreen.touches.channels.wecom.confirming import Confirmed
from evergreen.touches.channels.wecom.wire import WecomConfig


@dataclass(frozen=True)
class WecomCustomerConfig(WecomConfig):
    callback_token: str = option(
        "回调 Token", "Callback token", default="", secret=True,
        about=("客户联系 → 客户 → API → 接收事件服务器。填了才能在客户删除成员时立刻知道", "客户联系 → 客户 → API → event server. Without it nobody is told when a customer removes a member"),
    )  # fmt: skip
    callback_key: str = option(
        "回调 EncodingAESKey", "Callback EncodingAESKey", default="", secret=True, about=("与 Token 同一页", "On the same page as the token")
    )  # fmt: skip

    def __post_init__(self) -> None:
        if bool(self.callback_token) != bool(self.callback_key):
            raise ValueError(_("The callback needs both its token and its EncodingAESKey, or neither."))
        if self.callback_key:
            callbacks.key_of(self.callback_key)


class WecomCustomer(Confirmed):
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
    thanks = ("text/plain", "success")
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
        self._must_be_set()
        told = callbacks.opened(
            body, form, token=self.config.callback_token, key=self.config.callback_key, corp_id=self.config.corp_id,
        )  # fmt: skip
        return knowing.change(told)

    def greeted(self, query: Mapping[str, str]) -> str:
        """The word that WeCom sealed, read back to it: so it checks an address before it saves it."""
        self._must_be_set()
        word = callbacks.unsealed(
            query.get("echostr", ""), query, token=self.config.callback_token, key=self.config.callback_key, corp_id=self.config.corp_id,
        )  # fmt: skip
        return word.decode("utf-8", "replace")

    def _must_be_set(self) -> None:
        if not self.config.callback_token:
            raise ValueError("the channel has no callback token: enter token and EncodingAESKey, then save")
