"""Messages of a WeCom app to members: markdown, 30 a minute and 1,000 an hour to one member (more are dropped without a word)."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.touches.channels.contract import STAFF, Accepted, Outgoing, Rates, RefusedError
from evergreen.touches.channels.wecom.wire import Wecom, WecomConfig
from evergreen.touches.channels.wire import cut

_MOST_BYTES = 2_048


@dataclass(frozen=True)
class WecomAppConfig(WecomConfig):
    agent_id: int = option("AgentId", "AgentId", default=0, about=("应用详情页", "On the app's page"))


class WecomApp(Wecom):
    kind = "wecom_app"
    medium = "wecom"
    zh = "企业微信应用消息"
    en = "WeCom app"
    about = ("发给企业微信里的同事本人", "To a colleague's own WeCom")
    audience = STAFF
    Config = WecomAppConfig
    rates = Rates(a_minute=10_000, an_hour=150_000, recipient_a_minute=30, recipient_an_hour=1_000)

    def send(self, message: Outgoing) -> Accepted:
        text = f"**{message.subject}**\n{message.markdown}" if message.subject else message.markdown
        answer = self.ask(
            "message/send",
            {
                "touser": message.address, "msgtype": "markdown", "agentid": self.config.agent_id, "markdown": {"content": cut(text, _MOST_BYTES)},
                "enable_duplicate_check": 1, "duplicate_check_interval": 600,
            },
        )  # fmt: skip
        if message.address in str(answer.get("invaliduser") or "").split("|"):
            raise RefusedError(
                _("WeCom knows no member %(name)s that this app may see.") % {"name": message.address}
            )
        return Accepted(str(answer.get("msgid") or ""), is_delivered=True)

    def address_of(self, staff_email: str) -> str:
        return self.member_of(staff_email)
