"""Robots of chat groups: an address to which a text is posted, read by the vendor's own people.

Each answers in its own way; none of them honours keys, so an answer that did not come leaves a message unknown.

- WeCom group robot (企业微信群机器人): markdown up to 4,096 bytes, 20 messages a minute; 45009 means too often, 93000 that the
  robot was removed.
- DingTalk custom robot (钉钉自定义机器人): signed by HMAC-SHA256 of timestamp and secret, 20 messages a minute; 130101 or 410100:
  too often; 310000: keyword, signature or address of origin do not fit.
- Feishu custom robot (飞书自定义机器人): signature optional, 100 messages a minute and 5 a second; 11232: too often; 19021, 19022
  and 19024: signature, address of origin or keyword do not fit.
- Slack incoming webhook: answers "ok"; about one message a second.
- Microsoft Teams workflow: answers 202; an Adaptive Card.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote_plus

from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.touches.channels.contract import (
    STAFF,
    Accepted,
    ChannelAdapter,
    LaterError,
    Outgoing,
    Rates,
    RefusedError,
    UncertainError,
)
from evergreen.touches.channels.wire import body_of, call, cut


@dataclass(frozen=True)
class RobotConfig:
    url: str = option("Webhook 地址", "Webhook address", secret=True, example="https://")


@dataclass(frozen=True)
class SignedRobotConfig:
    url: str = option("Webhook 地址", "Webhook address", secret=True, example="https://")
    secret: str = option(
        "加签密钥", "Signing secret", secret=True, default="",
        about=("机器人的安全设置选“加签”时填写", "Where the robot's security setting is a signature"),
    )  # fmt: skip


class Robot(ChannelAdapter):
    """What robots have in common: the text cut to what one takes, posted, its answer judged by its codes."""

    audience = STAFF
    Config: ClassVar[type[Any]] = RobotConfig
    # Bytes of text that one message may have.
    most_bytes: ClassVar[int] = 20_000
    code: ClassVar[str] = "errcode"
    too_often: ClassVar[frozenset[int]] = frozenset()
    whole: ClassVar[frozenset[int]] = frozenset()

    def send(self, message: Outgoing) -> Accepted:
        return self._post(message.subject, message.markdown)

    def test(self) -> str:
        self._post(_("Evergreen"), _("Evergreen can write here."))
        return _("A test message was posted in the group.")

    def _post(self, title: str, text: str) -> Accepted:
        answer = call("POST", self._url(), json=self._told(title, cut(text, self.most_bytes)))
        self._judge(body_of(answer))
        return Accepted(is_delivered=True)

    def _url(self) -> str:
        return str(self.config.url)

    def _told(self, title: str, text: str) -> dict[str, Any]:
        raise NotImplementedError

    def _judge(self, answer: dict[str, Any]) -> None:
        code = answer.get(self.code, answer.get("StatusCode"))
        if code in {0, "0"}:
            return
        said = f"{code}: {answer.get('errmsg') or answer.get('msg') or ''}"[:250]
        if not isinstance(code, int):
            raise UncertainError(_("The answer is not known: %(said)s") % {"said": str(answer)[:150]})
        if code in self.too_often:
            raise LaterError(said, seconds=60, is_whole=True)
        if code in self.whole:
            raise LaterError(said, is_whole=True)
        if code == -1:
            raise LaterError(said, seconds=30)
        raise RefusedError(said)


class WecomRobot(Robot):
    kind = "wecom_robot"
    medium = "wecom"
    zh = "企业微信群机器人"
    en = "WeCom group robot"
    about = ("把预警和提醒发到内部群", "Alerts and reminders into a group of your own people")
    rates = Rates(a_minute=20)
    most_bytes = 4_096
    too_often = frozenset({45009, 45033})
    whole = frozenset({93000, 93004, 93008})

    def _told(self, title: str, text: str) -> dict[str, Any]:
        content = cut(f"**{title}**\n{text}" if title else text, self.most_bytes)
        return {"msgtype": "markdown", "markdown": {"content": content}}


class DingtalkRobot(Robot):
    kind = "dingtalk_robot"
    medium = "dingtalk"
    zh = "钉钉群机器人"
    en = "DingTalk group robot"
    about = ("把预警和提醒发到内部群", "Alerts and reminders into a group of your own people")
    Config = SignedRobotConfig
    rates = Rates(a_minute=20)
    too_often = frozenset({130101, 410100})
    whole = frozenset({310000, 300001, 400101, 400013})

    def _url(self) -> str:
        if not self.config.secret:
            return str(self.config.url)
        at = str(int(time.time() * 1000))
        signed = hmac.new(self.config.secret.encode(), f"{at}\n{self.config.secret}".encode(), hashlib.sha256)
        mark = quote_plus(base64.b64encode(signed.digest()))
        return f"{self.config.url}&timestamp={at}&sign={mark}"

    def _told(self, title: str, text: str) -> dict[str, Any]:
        return {
            "msgtype": "markdown",
            "markdown": {"title": title or text[:20], "text": f"#### {title}\n{text}" if title else text},
        }


class FeishuRobot(Robot):
    kind = "feishu_robot"
    medium = "feishu"
    zh = "飞书群机器人"
    en = "Feishu group robot"
    about = ("把预警和提醒发到内部群", "Alerts and reminders into a group of your own people")
    Config = SignedRobotConfig
    rates = Rates(a_minute=100)
    code = "code"
    too_often = frozenset({11232, 9499})
    whole = frozenset({19001, 19021, 19022, 19024})

    def _told(self, title: str, text: str) -> dict[str, Any]:
        card = {
            "header": {"title": {"tag": "plain_text", "content": title or _("Evergreen")}},
            "elements": [{"tag": "markdown", "content": text}],
        }
        told: dict[str, Any] = {"msg_type": "interactive", "card": card}
        if self.config.secret:
            at = str(int(time.time()))
            # As Feishu has it: the text is the key, and nothing is signed with it.
            signed = hmac.new(f"{at}\n{self.config.secret}".encode(), digestmod=hashlib.sha256)
            told |= {"timestamp": at, "sign": base64.b64encode(signed.digest()).decode()}
        return told


class Slack(Robot):
    kind = "slack"
    medium = "slack"
    zh = "Slack"
    en = "Slack"
    about = (
        "发到一个频道（传入 Webhook）；服务器在境外",
        "Into a channel (incoming webhook); its servers stand abroad",
    )
    rates = Rates(a_minute=60)

    def _post(self, title: str, text: str) -> Accepted:
        answer = call("POST", self._url(), json=self._told(title, cut(text, self.most_bytes)))
        if answer.text.strip() != "ok":
            raise UncertainError(_("The answer is not known: %(said)s") % {"said": answer.text[:150]})
        return Accepted(is_delivered=True)

    def _told(self, title: str, text: str) -> dict[str, Any]:
        said = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("**", "*")
        return {"text": f"*{title}*\n{said}" if title else said}


class Teams(Robot):
    kind = "teams"
    medium = "teams"
    zh = "Microsoft Teams"
    en = "Microsoft Teams"
    about = (
        "发到一个频道（工作流 Webhook）；服务器在境外",
        "Into a channel (workflow webhook); its servers stand abroad",
    )
    rates = Rates(a_minute=60)

    def _post(self, title: str, text: str) -> Accepted:
        call("POST", self._url(), json=self._told(title, cut(text, self.most_bytes)))
        return Accepted(is_delivered=True)

    def _told(self, title: str, text: str) -> dict[str, Any]:
        blocks = [{"type": "TextBlock", "text": title, "weight": "Bolder", "wrap": True}] if title else []
        card = {
            "type": "AdaptiveCard",
            "version": "1.4",
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "body": [*blocks, {"type": "TextBlock", "text": text, "wrap": True}],
        }
        return {
            "type": "message",
            "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
        }
