"""DingTalk's and Feishu's apps on this machine, with their published limits and codes."""

from __future__ import annotations

import json
from typing import Any

from tests.connectors.fake import Answer, Asked
from tests.touches.wecom_server import DAY, Wecom

MINUTE, SECOND = 60.0, 1.0


class Apps:
    """What a fake's routes get beside WeCom's; ``took`` is what a person saw."""

    def __init__(self, fake: Wecom) -> None:
        self.fake = fake
        self.dingtalk = {"manager4220": "欧文"}
        self.feishu = {"owner@example.com"}
        self.tokens: dict[str, tuple[str, float]] = {}  # by provider: which is good, until when
        self.made = 0
        self.codes: list[int] = []
        self.a_day = 500  # work notices that DingTalk shows to one person
        self.seen: set[tuple[str, str, str]] = set()
        self.uuids: dict[str, float] = {}
        fake.routes |= {
            "/gettoken": self._dingtalk_token,
            "/topapi/message/corpconversation/asyncsend_v2": self._notice,
            "/topapi/v2/user/get": self._user,
            "/open-apis/auth/v3/tenant_access_token/internal": self._feishu_token,
            "/open-apis/im/v1/messages": self._message,
            "/open-apis/bot/v3/info": self._bot,
        }

    def _new(self, provider: str) -> str:
        self.made += 1
        self.tokens[provider] = (f"token-{self.made}", self.fake.seconds() + 7_200)
        return self.tokens[provider][0]

    def _is_right(self, provider: str, token: str) -> bool:
        good, ends = self.tokens.get(provider, ("", 0.0))
        return token == good and self.fake.seconds() < ends

    def _dingtalk_token(self, asked: Asked) -> Answer:
        if asked.query != {"appkey": "ding1", "appsecret": "s1"}:
            return Answer({"errcode": 40089, "errmsg": "不合法的corpid或corpsecret"})
        return Answer({"errcode": 0, "access_token": self._new("dingtalk"), "expires_in": 7_200})

    def _dingtalk_refusal(self, asked: Asked) -> Answer | None:
        if not self._is_right("dingtalk", asked.query.get("access_token", "")):
            return Answer(
                {
                    "errcode": 88,
                    "errmsg": "ding talk error",
                    "sub_code": "40014",
                    "sub_msg": "不合法的access_token",
                }
            )
        if self.codes:
            return Answer(
                {
                    "errcode": 88,
                    "errmsg": "ding talk error",
                    "sub_code": str(self.codes.pop(0)),
                    "sub_msg": "as the script says",
                }
            )
        return None

    def _notice(self, asked: Asked) -> Answer:
        """Taken with success, and not shown: what is above 500 a day to one, or the same text again."""
        if (refusal := self._dingtalk_refusal(asked)) is not None:
            return refusal
        told, now = asked.json, self.fake.seconds()
        member, text = told["userid_list"], told["msg"]["markdown"]["text"]
        if (
            told["agent_id"] != 7
            or told["msg"]["msgtype"] != "markdown"
            or not told["msg"]["markdown"]["title"]
        ):
            return Answer({"errcode": 40035, "errmsg": "不合法的参数"})
        if member not in self.dingtalk:
            return Answer(
                {"errcode": 88, "errmsg": "ding talk error", "sub_code": "33012", "sub_msg": "无效的USERID"}
            )
        day = str(int(now // DAY))
        if (
            self.fake.counted.within(f"ding:{member}", now, DAY) >= self.a_day
            or (member, text, day) in self.seen
        ):
            self.fake.dropped += 1
        else:
            self.fake.counted.add(f"ding:{member}", now)
            self.seen.add((member, text, day))
            self.fake.took.append(("dingtalk", member, text))
        return Answer({"errcode": 0, "task_id": 100 + self.fake.count, "request_id": "r"})

    def _user(self, asked: Asked) -> Answer:
        if (refusal := self._dingtalk_refusal(asked)) is not None:
            return refusal
        key = asked.json["userid"]
        if key not in self.dingtalk:
            return Answer({"errcode": 60121, "errmsg": "找不到该用户"})
        return Answer({"errcode": 0, "result": {"userid": key, "name": self.dingtalk[key]}})

    def _feishu_token(self, asked: Asked) -> Answer:
        if asked.json != {"app_id": "cli_1", "app_secret": "s1"}:
            return Answer({"code": 10014, "msg": "app secret invalid"})
        return Answer({"code": 0, "tenant_access_token": self._new("feishu"), "expire": 7_200})

    def _feishu_refusal(self, asked: Asked) -> Answer | None:
        if not self._is_right("feishu", asked.headers.get("authorization", "").removeprefix("Bearer ")):
            return Answer({"code": 99991663, "msg": "Invalid access token"}, status=400)
        if self.codes:
            return Answer({"code": self.codes.pop(0), "msg": "as the script says"}, status=400)
        return None

    def _message(self, asked: Asked) -> Answer:
        """Five a second to one; the same uuid within an hour once."""
        if (refusal := self._feishu_refusal(asked)) is not None:
            return refusal
        told, now = asked.json, self.fake.seconds()
        card: dict[str, Any] = json.loads(told["content"])
        who = told["receive_id"]
        if (
            asked.query != {"receive_id_type": "email"}
            or told["msg_type"] != "interactive"
            or len(told["uuid"]) > 50
        ):
            return Answer({"code": 230001, "msg": "invalid param"}, status=400)
        if who not in self.feishu:
            return Answer({"code": 230013, "msg": "Bot has NO availability to this user."}, status=400)
        if self.fake.counted.within(f"feishu:{who}", now, SECOND) >= 5:
            return Answer({"code": 230020, "msg": "frequency limit"}, status=400)
        if self.uuids.get(told["uuid"], -DAY) > now - 3_600:
            return Answer({"code": 0, "data": {"message_id": "om_same"}})
        self.uuids[told["uuid"]] = now
        self.fake.counted.add(f"feishu:{who}", now)
        title = card.get("header", {}).get("title", {}).get("content", "")
        self.fake.took.append(("feishu", who, f"{title}|{card['elements'][0]['content']}"))
        return Answer({"code": 0, "data": {"message_id": f"om_{self.fake.count}"}})

    def _bot(self, asked: Asked) -> Answer:
        return self._feishu_refusal(asked) or Answer({"code": 0, "bot": {"app_name": "常青"}})
