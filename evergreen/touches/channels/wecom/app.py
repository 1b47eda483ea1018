"""Messages of a WeCom app to members: markdown and cards, 30 a minute and 1,000 an hour to one member (more are dropped without a word)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.touches.channels.contract import STAFF, Accepted, Card, Outgoing, Rates, RefusedError
from evergreen.touches.channels.told import Pressed
from evergreen.touches.channels.wecom import cards
from evergreen.touches.channels.wecom.called import Called, CalledConfig
from evergreen.touches.channels.wecom.pages import Pages
from evergreen.touches.channels.wire import cut

_MOST_BYTES = 2_048
_VERIFIES = re.compile(r"WW_verify_([A-Za-z0-9]{4,64})\.txt")


@dataclass(frozen=True)
class WecomAppConfig(CalledConfig):
    agent_id: int = option("AgentId", "AgentId", default=0, about=("应用详情页", "On the app's page"))
    verify_file: str = option(
        "可信域名校验文件", "File that proves the domain", default="", example="WW_verify_abc123.txt",
        about=("企业微信让你放在域名根目录下的文件名；内容不同于文件名时写成“文件名: 内容”", "Its name, as WeCom gives it; where it holds something else than its name, “name: content”"),
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.verify_file and verified(self.verify_file) is None:
            raise ValueError(
                _("The file's name begins with WW_verify_ and ends with .txt; found “%(found)s”.")
                % {"found": self.verify_file}
            )


def verified(told: str) -> tuple[str, str] | None:
    """(name, content) of the file by which WeCom knows a domain; None where the name is none."""
    name, _colon, content = (part.strip() for part in told.partition(":"))
    found = _VERIFIES.fullmatch(name)
    return (name, content or found[1]) if found is not None else None


class WecomApp(Called, Pages):
    kind = "wecom_app"
    medium = "wecom"
    zh = "企业微信应用消息"
    en = "WeCom app"
    about = ("发给企业微信里的同事本人", "To a colleague's own WeCom")
    audience = STAFF
    Config = WecomAppConfig
    draws_cards = True
    rates = Rates(a_minute=10_000, an_hour=150_000, recipient_a_minute=30, recipient_an_hour=1_000)

    def send(self, message: Outgoing) -> Accepted:
        answer = self.ask(
            "message/send",
            {
                "touser": message.address, "agentid": self.config.agent_id, **self._said(message),
                "enable_duplicate_check": 1, "duplicate_check_interval": 600,
            },
        )  # fmt: skip
        if message.address in str(answer.get("invaliduser") or "").split("|"):
            raise RefusedError(
                _("WeCom knows no member %(name)s that this app may see.") % {"name": message.address}
            )
        return Accepted(str(answer.get("msgid") or ""), is_delivered=True)

    def _said(self, message: Outgoing) -> dict[str, Any]:
        # Buttons of an app to which WeCom may not post would answer with an error.
        if (told := message.data.get("card")) and self.config.callback_key:
            return {
                "msgtype": "template_card",
                "template_card": cards.drawn(Card.from_data(told), message.key),
            }
        text = f"**{message.subject}**\n{message.markdown}" if message.subject else message.markdown
        return {"msgtype": "markdown", "markdown": {"content": cut(text, _MOST_BYTES)}}

    def heard(self, body: bytes, form: Mapping[str, str]) -> list[Pressed]:
        """Presses of buttons on cards; other events of the app are taken and say nothing."""
        found = cards.pressed(self.opened(body, form))
        return [found] if found is not None else []

    def redraw(self, pressed: Pressed, card: Card) -> None:
        self.ask(
            "message/update_template_card",
            {
                "userids": [pressed.member], "agentid": self.config.agent_id, "response_code": pressed.handle,
                "template_card": cards.drawn(card, pressed.key),
            },
        )  # fmt: skip

    def address_of(self, staff_email: str) -> str:
        return self.member_of(staff_email)
