"""微信客服 on this machine: service accounts, pages of what was written, five answers within 48 hours of a customer's line."""

from __future__ import annotations

from typing import Any

from tests.connectors.fake import Answer, Asked
from tests.touches.wecom_server import HOUR, Wecom


class Service:
    """The service accounts of a fake WeCom."""

    def __init__(self, wecom: Wecom) -> None:
        self.wecom = wecom
        self.accounts = {"wk1": "常青客服"}
        self.nicknames: dict[str, str] = {}
        self.lines: list[dict[str, Any]] = []
        self.page = 1_000
        self.tokens: dict[str, float] = {}  # lent by posts, until when
        self.untold = 0  # readings without a token
        self.wrote: dict[str, float] = {}
        self.answers: dict[str, int] = {}
        self.ids: set[str] = set()
        api = {
            "account/list": self._accounts,
            "send_msg": self._send,
            "sync_msg": self._sync,
            "customer/batchget": self._names,
        }
        wecom.routes |= {f"/cgi-bin/kf/{path}": self._guarded(answer) for path, answer in api.items()}

    def _guarded(self, answer: Any) -> Any:
        return lambda asked: self.wecom._refusal(asked) or answer(asked)

    def write(self, who: str, text: str, *, member: str = "", kind: str = "text", event: Any = None) -> str:
        """A customer writes, or a member of ours at WeCom's client; an event where one is given. Gives the line's id."""
        now = self.wecom.seconds()
        key = f"line-{len(self.lines) + 1}"
        row: dict[str, Any] = {
            "msgid": key,
            "open_kfid": "wk1",
            "send_time": int(now),
            "origin": 5 if member else 3,
            "msgtype": kind,
        }
        if event is not None:
            row |= {"origin": 4, "msgtype": "event", "event": event}
        else:
            row |= {"external_userid": who, kind: {"content": text} if kind == "text" else {"media_id": "m"}}
            row |= {"servicer_userid": member} if member else {}
        if event is None and not member:
            self.wrote[who], self.answers[who] = now, 0
        self.lines.append(row)
        return key

    def ring(self) -> str:
        """What WeCom posts when there is something: the document of its event."""
        token = f"token-{len(self.tokens) + 1}"
        self.tokens[token] = self.wecom.seconds() + 600
        return (
            f"<xml><ToUserName><![CDATA[ww1]]></ToUserName><CreateTime>{int(self.wecom.seconds())}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
            f"<Event><![CDATA[kf_msg_or_event]]></Event><Token><![CDATA[{token}]]></Token><OpenKfId><![CDATA[wk1]]></OpenKfId></xml>"
        )  # fmt: skip

    def _accounts(self, _asked: Asked) -> Answer:
        rows = [{"open_kfid": key, "name": name, "avatar": ""} for key, name in self.accounts.items()]
        return Answer({"errcode": 0, "account_list": rows})

    def _send(self, asked: Asked) -> Answer:
        told, now = asked.json, self.wecom.seconds()
        who = told["touser"]
        size = len(told["text"]["content"].encode())
        if told["open_kfid"] not in self.accounts:
            return Answer({"errcode": 95000, "errmsg": "invalid open_kfid"})
        if told["msgtype"] != "text" or size > 2_048 or len(told["msgid"]) > 32 or told["msgid"] in self.ids:
            return Answer({"errcode": 40058, "errmsg": "msgtype, text or msgid"})
        if now > self.wrote.get(who, 0.0) + 48 * HOUR:
            return Answer({"errcode": 95002, "errmsg": "api send msg over time"})
        if self.answers[who] >= 5:
            return Answer({"errcode": 95001, "errmsg": "api send msg over count limit"})
        self.answers[who] += 1
        self.ids.add(told["msgid"])
        self.wecom.took.append(("service", who, told["text"]["content"]))
        return Answer({"errcode": 0, "msgid": told["msgid"]})

    def _sync(self, asked: Asked) -> Answer:
        told = asked.json
        if told["open_kfid"] not in self.accounts or not 1 <= told["limit"] <= 1_000:
            return Answer({"errcode": 95000, "errmsg": "open_kfid or limit"})
        if "token" not in told:
            self.untold += 1
        elif self.wecom.seconds() > self.tokens.get(told["token"], 0.0):
            return Answer({"errcode": 95007, "errmsg": "invalid msg token"})
        first = int(told.get("cursor", "c0").removeprefix("c"))
        last = min(first + min(told["limit"], self.page), len(self.lines))
        more = int(last < len(self.lines))
        return Answer(
            {"errcode": 0, "next_cursor": f"c{last}", "has_more": more, "msg_list": self.lines[first:last]}
        )

    def _names(self, asked: Asked) -> Answer:
        wanted = asked.json["external_userid_list"]
        if not 1 <= len(wanted) <= 100:
            return Answer({"errcode": 40058, "errmsg": "external_userid_list"})
        rows = [
            {"external_userid": one, "nickname": self.nicknames[one]}
            for one in wanted
            if one in self.nicknames
        ]
        return Answer({"errcode": 0, "customer_list": rows})
