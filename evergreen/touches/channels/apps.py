"""Apps of DingTalk and Feishu that write to a colleague's own messenger.

- DingTalk work notice (钉钉工作通知, asyncsend_v2): 500 a day to one person from an app of the company, and the same text to the same
  person once a day; what is above is answered with success and not shown. An answer of 0 means that it was taken, not that it arrived.
  Codes may stand in ``sub_code`` of an 88: 40014, 42001 the token has ended; 90002, 90005, 90006, 90014, 90018 too often; 33012, 60121
  nobody of this id; 40035, 40078, 43004 and others the message or the settings.
- Feishu message (飞书 im/v1/messages): 50 a second and 1,000 a minute for the app, 5 a second to one person; named by e-mail address. The
  same ``uuid`` within an hour is sent once. 230013: the person is not among whom the app may see; 230020, 99991400, 11232: too often;
  99991661, 99991663, 99991664, 99991668: the token; 10003, 10014, 99991672, 230006: the app's settings; 99992351, 99992361, 230034: nobody
  of this address.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.touches.channels import members
from evergreen.touches.channels.contract import STAFF, Accepted, Outgoing, Rates
from evergreen.touches.channels.token_api import TokenApi, number
from evergreen.touches.channels.wire import body_of, call, cut


@dataclass(frozen=True)
class DingtalkAppConfig:
    app_key: str = option("AppKey（Client ID）", "AppKey (Client ID)", example="ding…", about=("开发者后台 → 应用 → 凭证与基础信息", "Developer console, the app, credentials"))  # fmt: skip
    app_secret: str = option("AppSecret（Client Secret）", "AppSecret (Client Secret)", secret=True)
    agent_id: int = option("AgentId", "AgentId", default=0, about=("同一页", "On the same page"))
    members: str = option(
        "成员", "Members", default="", is_long=True, rows=4, example="manager4220: zhang.san@example.com",
        about=("每行一个“钉钉 userid: 邮箱”；没有列出的同事收不到", "One “userid: address” a line; who is not listed gets nothing"),
    )  # fmt: skip
    address: str = option("接口地址", "API address", default="https://oapi.dingtalk.com")


class DingtalkApp(TokenApi):
    kind = "dingtalk_app"
    audience = STAFF
    medium = "dingtalk"
    zh = "钉钉工作通知"
    en = "DingTalk work notice"
    about = ("发给钉钉里的同事本人", "To a colleague's own DingTalk")
    Config = DingtalkAppConfig
    rates = Rates(a_minute=1_500, recipient_a_day=500)
    expired = frozenset({40014, 42001, 41001})
    too_often = frozenset({90002, 90005, 90006, 90014, 90018})
    whole = frozenset({40001, 40089, 40096, 43004, 50002, 60011, 60020, 71007})
    nobody = frozenset({33012, 60121})
    busy = frozenset({-1})
    most_bytes: ClassVar[int] = 2_000

    def send(self, message: Outgoing) -> Accepted:
        title = message.subject or message.text[:20]
        text = f"#### {message.subject}\n{message.markdown}" if message.subject else message.markdown
        told = {
            "agent_id": self.config.agent_id, "userid_list": message.address,
            "msg": {"msgtype": "markdown", "markdown": {"title": cut(title, 100), "text": cut(text, self.most_bytes)}},
        }  # fmt: skip
        return Accepted(str(self.ask("topapi/message/corpconversation/asyncsend_v2", told)["task_id"]))

    def test(self) -> str:
        listed = members.email_of(str(self.config.members), self._first()) if self._first() else ""
        if not listed:
            self.tokens.token(self._fetch)
            return _("DingTalk takes the app's credentials. No colleague is listed yet: nobody is reached.")
        name = self.ask("topapi/v2/user/get", {"userid": self._first()}).get("result", {}).get("name", "")
        return _("DingTalk takes the app's credentials; %(email)s is %(name)s there.") % {
            "email": listed,
            "name": name,
        }

    def address_of(self, staff_email: str) -> str:
        return members.id_of(str(self.config.members), staff_email)

    def code_of(self, answer: dict[str, Any]) -> int:
        code = number(answer.get("errcode"))
        return number(answer["sub_code"]) if code == 88 and answer.get("sub_code") else code

    def _first(self) -> str:
        return str(self.config.members).replace("：", ":").strip().partition(":")[0].strip()

    def _asked(
        self, path: str, token: str, told: dict[str, Any] | None, query: Mapping[str, str]
    ) -> dict[str, Any]:
        url = f"{self.config.address}/{path}?{urlencode({'access_token': token, **query})}"
        return body_of(call("GET" if told is None else "POST", url, json=told))

    def _fetch(self) -> tuple[str, int]:
        asked = urlencode({"appkey": self.config.app_key, "appsecret": self.config.app_secret})
        answer = self.judged(body_of(call("GET", f"{self.config.address}/gettoken?{asked}")), is_token=True)
        return str(answer["access_token"]), int(answer.get("expires_in") or 7_200)


@dataclass(frozen=True)
class FeishuAppConfig:
    app_id: str = option("App ID", "App ID", example="cli_…", about=("开发者后台 → 应用 → 凭证与基础信息；开启机器人能力和发消息权限（im:message:send_as_bot）", "Developer console, the app, credentials; it needs the bot and im:message:send_as_bot"))  # fmt: skip
    app_secret: str = option("App Secret", "App Secret", secret=True)
    members: str = option(
        "成员", "Members", default="", is_long=True, rows=4, example="zhangsan@corp.example: zhang.san@example.com",
        about=("每行一个“飞书邮箱: 这里的邮箱”；没有列出的同事按同一个邮箱", "One “address at Feishu: address here” a line; others have the same at both"),
    )  # fmt: skip
    address: str = option(
        "接口地址", "API address", default="https://open.feishu.cn", about=("国际版填 https://open.larksuite.com", "Lark: https://open.larksuite.com")
    )  # fmt: skip


class FeishuApp(TokenApi):
    kind = "feishu_app"
    audience = STAFF
    medium = "feishu"
    zh = "飞书应用消息"
    en = "Feishu app"
    about = ("发给飞书里的同事本人", "To a colleague's own Feishu")
    Config = FeishuAppConfig
    # Feishu counts five a second to one; what goes in a minute here stays below.
    rates = Rates(a_minute=1_000, recipient_a_minute=60)
    expired = frozenset({99991661, 99991663, 99991664, 99991668})
    too_often = frozenset({230020, 99991400, 11232})
    whole = frozenset({10003, 10014, 99991672, 230006})
    nobody = frozenset({230013, 230034, 99992351, 99992361})
    most_bytes: ClassVar[int] = 28_000

    def send(self, message: Outgoing) -> Accepted:
        card: dict[str, Any] = {
            "config": {"wide_screen_mode": True},
            "elements": [{"tag": "markdown", "content": cut(message.markdown, self.most_bytes)}],
        }
        if message.subject:
            card["header"] = {"title": {"tag": "plain_text", "content": cut(message.subject, 300)}}
        # Fifty letters at most: so much of the key is as good as all of it.
        told = {
            "receive_id": message.address, "msg_type": "interactive", "content": json.dumps(card, ensure_ascii=False), "uuid": message.key[:50],
        }  # fmt: skip
        answer = self.ask("im/v1/messages", told, receive_id_type="email")
        return Accepted(str(answer.get("data", {}).get("message_id") or ""), is_delivered=True)

    def test(self) -> str:
        name = self.ask("bot/v3/info").get("bot", {}).get("app_name", "")
        return _("Feishu takes the app's credentials; its bot is called “%(name)s”.") % {"name": name}

    def address_of(self, staff_email: str) -> str:
        return members.id_of(str(self.config.members), staff_email) or staff_email

    def code_of(self, answer: dict[str, Any]) -> int:
        return number(answer.get("code"))

    def _asked(
        self, path: str, token: str, told: dict[str, Any] | None, query: Mapping[str, str]
    ) -> dict[str, Any]:
        url = f"{self.config.address}/open-apis/{path}" + (f"?{urlencode(query)}" if query else "")
        method, headers = "GET" if told is None else "POST", {"Authorization": f"Bearer {token}"}
        # A wrong message is answered with 400 and its code.
        return body_of(call(method, url, json=told, headers=headers, tells_itself=True))

    def _fetch(self) -> tuple[str, int]:
        url = f"{self.config.address}/open-apis/auth/v3/tenant_access_token/internal"
        told = {"app_id": self.config.app_id, "app_secret": self.config.app_secret}
        answer = self.judged(body_of(call("POST", url, json=told, tells_itself=True)), is_token=True)
        return str(answer["tenant_access_token"]), int(answer.get("expire") or 7_200)
