"""Providers of messages on this machine: WeCom, DingTalk, Feishu, Aliyun, Tencent and Twilio with their published limits and codes.

They check what real ones check (tokens, signatures, who may see whom), count by their own clock, and drop without a word where the
real ones do. Signatures are computed here a second time, from the providers' descriptions, not with the code under test.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Callable
from string import ascii_letters, digits
from typing import Any
from urllib.parse import quote, quote_plus

from tests.connectors.fake import Answer, Asked, Fake

KEY, SECRET = "key-id", "key-secret"
_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0


class Counted:
    """Moments by name: how many lay in a sliding window."""

    def __init__(self) -> None:
        self._moments: dict[str, list[float]] = defaultdict(list)

    def add(self, name: str, now: float) -> None:
        self._moments[name].append(now)

    def within(self, name: str, now: float, seconds: float) -> int:
        return sum(1 for one in self._moments[name] if one > now - seconds)


class Providers(Fake):
    """``took`` is what reached somebody: (kind, to, text). ``dropped`` counts what a provider took and threw away."""

    def __init__(self, clock: Callable[[], dt.datetime]) -> None:
        super().__init__()
        self.clock = clock
        self.took: list[tuple[str, str, str]] = []
        self.dropped = 0
        self.codes: list[int | str] = []  # what WeCom, DingTalk and Feishu answer next in place of 0
        self.token_lives = 7_200
        self.token_ends = 0.0
        self.members = {"zhou.ning"}
        self.friends: dict[str, set[str]] = {}  # a member's customers
        self.results: dict[
            str, tuple[int, int]
        ] = {}  # customer or group: status of the newest mass send, when
        self.groups: dict[str, dict[str, Any]] = {}  # chat_id: what WeCom tells of a group
        self.follows: list[dict[str, Any]] = []  # what WeCom tells of who has whom
        self.page = 1_000
        self.cards: dict[str, dict[str, Any]] = {}  # by task_id, as it stands on the member's screen
        self.made = 0
        self.handles: dict[str, tuple[str, float]] = {}  # response_code: whose card, until when
        self.counted = Counted()
        self.secret = "robot-secret"
        self.routes = {
            "/cgi-bin/gettoken": self._token,
            "/cgi-bin/get_api_domain_ip": self._asked_for_ips,
            "/cgi-bin/message/send": self._member,
            "/cgi-bin/message/update_template_card": self._redrawn,
            "/cgi-bin/externalcontact/add_msg_template": self._mass,
            "/cgi-bin/externalcontact/get_groupmsg_send_result": self._results,
            "/cgi-bin/externalcontact/get_follow_user_list": self._followers,
            "/cgi-bin/externalcontact/batch/get_by_user": self._followed,
            "/cgi-bin/externalcontact/groupchat/list": self._groups,
            "/cgi-bin/externalcontact/groupchat/get": self._group,
            "/wecom": lambda asked: self._robot(asked, "wecom"),
            "/dingtalk": lambda asked: self._robot(asked, "dingtalk"),
            "/feishu": lambda asked: self._robot(asked, "feishu"),
            "/slack": self._slack,
            "/aliyun/": self._aliyun,
            "/tencent/": self._tencent,
            "/2010-04-01/Accounts/AC1/Messages.json": self._twilio,
        }

    def seconds(self) -> float:
        return self.clock().timestamp()

    # WeCom

    def _token(self, asked: Asked) -> Answer:
        if asked.query != {"corpid": "ww1", "corpsecret": "s1"}:
            return Answer({"errcode": 40001, "errmsg": "invalid credential"})
        self.token_ends = self.seconds() + self.token_lives
        return Answer({"errcode": 0, "access_token": self.new_token(), "expires_in": self.token_lives})

    def _refusal(self, asked: Asked) -> Answer | None:
        if asked.query.get("access_token") != self.token:
            return Answer({"errcode": 40014, "errmsg": "invalid access_token"})
        if self.seconds() >= self.token_ends:
            return Answer({"errcode": 42001, "errmsg": "access_token expired"})
        if self.codes:
            return Answer({"errcode": self.codes.pop(0), "errmsg": "as the script says"})
        return None

    def _asked_for_ips(self, asked: Asked) -> Answer:
        return self._refusal(asked) or Answer({"errcode": 0, "ip_list": ["1.2.3.4"]})

    def _member(self, asked: Asked) -> Answer:
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        told, now = asked.json, self.seconds()
        member = told["touser"]
        if member not in self.members:
            return Answer({"errcode": 0, "invaliduser": member, "msgid": "m0"})
        # More than 30 a minute or 1,000 an hour to a member: taken, and not shown.
        if (
            self.counted.within(member, now, _MINUTE) >= 30
            or self.counted.within(member, now, _HOUR) >= 1_000
        ):
            self.dropped += 1
        else:
            self.counted.add(member, now)
            if told["msgtype"] == "template_card":
                return self._card(member, told["template_card"])
            self.took.append(("wecom", member, told["markdown"]["content"]))
        return Answer({"errcode": 0, "msgid": f"m{self.count}"})

    def _card(self, member: str, card: dict[str, Any]) -> Answer:
        if (wrong := _wrong_card(card)) or card["task_id"] in self.cards:
            return Answer({"errcode": 40058, "errmsg": wrong or "task_id is used"})
        self.cards[card["task_id"]] = card
        self.took.append(("card", member, card["main_title"]["title"]))
        return Answer(
            {"errcode": 0, "msgid": f"m{self.count}", "response_code": self._handle(card["task_id"])}
        )

    def _handle(self, task: str) -> str:
        self.made += 1
        code = f"response-{self.made}"
        self.handles[code] = (task, self.seconds() + 72 * _HOUR)
        return code

    def press(self, task: str, member: str, button: str, chosen: str = "") -> str:
        """What WeCom tells when a member presses a button that is on the card: the document of its event."""
        card = self.cards[task]
        assert button in [one["key"] for one in card["button_list"]] and "replace_text" not in card
        items = ""
        if chosen:
            options = [one["id"] for one in card["button_selection"]["option_list"]]
            assert chosen in options
            question = card["button_selection"]["question_key"]
            items = (
                f"<SelectedItems><SelectedItem><QuestionKey><![CDATA[{question}]]></QuestionKey>"
                f"<OptionIds><OptionId><![CDATA[{chosen}]]></OptionId></OptionIds></SelectedItem></SelectedItems>"
            )
        return (
            f"<xml><ToUserName><![CDATA[ww1]]></ToUserName><FromUserName><![CDATA[{member}]]></FromUserName>"
            f"<CreateTime>{int(self.seconds())}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
            f"<Event><![CDATA[template_card_event]]></Event><EventKey><![CDATA[{button}]]></EventKey>"
            f"<TaskId><![CDATA[{task}]]></TaskId><CardType><![CDATA[button_interaction]]></CardType>"
            f"<ResponseCode><![CDATA[{self._handle(task)}]]></ResponseCode><AgentID>7</AgentID>{items}</xml>"
        )

    def _redrawn(self, asked: Asked) -> Answer:
        """A response code draws its card anew once, within 72 hours."""
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        told = asked.json
        task, until = self.handles.pop(told["response_code"], ("", 0.0))
        if not task or self.seconds() > until:
            return Answer({"errcode": 42036, "errmsg": "invalid response_code"})
        if (wrong := _wrong_card(told["template_card"])) or told["template_card"]["task_id"] != task:
            return Answer({"errcode": 40058, "errmsg": wrong or "task_id"})
        self.cards[task] = told["template_card"]
        return Answer({"errcode": 0})

    def _mass(self, asked: Asked) -> Answer:
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        told, now = asked.json, self.seconds()
        if told["chat_type"] == "group":
            return self._mass_to_group(told, now)
        (customer,) = told["external_userid"]
        if customer not in self.friends.get(told["sender"], set()) or self.counted.within(
            customer, now, _DAY
        ):
            return Answer({"errcode": 0, "fail_list": [customer], "msgid": ""})
        self.counted.add(customer, now)
        self.took.append(("mass", customer, told["text"]["content"]))
        return Answer({"errcode": 0, "fail_list": [], "msgid": f"mass-{customer}"})

    def _results(self, asked: Asked) -> Answer:
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        customer = asked.json["msgid"].removeprefix("mass-")
        status, at = self.results.get(customer, (0, 0))
        name = "chat_id" if customer in self.groups else "external_userid"
        row = {name: customer, "userid": asked.json["userid"], "status": status}
        return Answer({"errcode": 0, "send_list": [row | ({"send_time": at} if at else {})]})

    def _mass_to_group(self, told: dict[str, Any], now: float) -> Answer:
        """Only a group's owner may send to it, once a day."""
        (group,) = told["chat_id_list"]
        owner = self.groups.get(group, {}).get("owner")
        if owner != told["sender"] or self.counted.within(group, now, _DAY):
            return Answer({"errcode": 0, "fail_list": [group], "msgid": ""})
        self.counted.add(group, now)
        self.took.append(("group", group, told["text"]["content"]))
        return Answer({"errcode": 0, "fail_list": [], "msgid": f"mass-{group}"})

    def _followers(self, asked: Asked) -> Answer:
        members = sorted({one["follow_info"]["userid"] for one in self.follows})
        return self._refusal(asked) or Answer({"errcode": 0, "follow_user": members})

    def _followed(self, asked: Asked) -> Answer:
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        wanted, limit = asked.json["userid_list"], asked.json["limit"]
        if not 1 <= len(wanted) <= 100 or not 1 <= limit <= 100:
            return Answer({"errcode": 40058, "errmsg": "limit"})
        rows = [one for one in self.follows if one["follow_info"]["userid"] in wanted]
        first = int(asked.json["cursor"] or 0)
        last = first + min(limit, self.page)
        more = str(last) if last < len(rows) else ""
        return Answer({"errcode": 0, "external_contact_list": rows[first:last], "next_cursor": more})

    def _groups(self, asked: Asked) -> Answer:
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        if not 1 <= asked.json["limit"] <= 1_000:
            return Answer({"errcode": 40058, "errmsg": "limit"})
        first = int(asked.json.get("cursor") or 0)
        keys = list(self.groups)[first : first + self.page]
        more = str(first + self.page) if first + self.page < len(self.groups) else ""
        listed = [{"chat_id": key, "status": 0} for key in keys]
        return Answer({"errcode": 0, "group_chat_list": listed, "next_cursor": more})

    def _group(self, asked: Asked) -> Answer:
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        key = asked.json["chat_id"]
        if key not in self.groups or self.groups[key].get("is_gone"):
            return Answer({"errcode": 49008, "errmsg": "group is not exist"})
        return Answer({"errcode": 0, "group_chat": {"chat_id": key, **self.groups[key]}})

    # Robots

    def _robot(self, asked: Asked, kind: str) -> Answer:
        code = "code" if kind == "feishu" else "errcode"
        if self.codes:
            return Answer({code: self.codes.pop(0), "errmsg": "as the script says"})
        if kind == "dingtalk" and not self._is_signed_for_dingtalk(asked):
            return Answer({"errcode": 310000, "errmsg": "sign not match"})
        if kind == "feishu" and not self._is_signed_for_feishu(asked):
            return Answer({"code": 19021, "msg": "sign match fail"})
        if self.counted.within(kind, self.seconds(), _MINUTE) >= {"feishu": 100}.get(kind, 20):
            self.dropped += 1
            return Answer(
                {code: {"wecom": 45009, "dingtalk": 130101, "feishu": 11232}[kind], "errmsg": "too often"}
            )
        self.counted.add(kind, self.seconds())
        told = asked.json
        text = {
            "wecom": lambda: told["markdown"]["content"],
            "dingtalk": lambda: told["markdown"]["text"],
            "feishu": lambda: told["card"]["elements"][0]["content"],
        }[kind]()
        self.took.append((kind, "group", text))
        return Answer({code: 0})

    def _is_signed_for_dingtalk(self, asked: Asked) -> bool:
        text = f"{asked.query.get('timestamp')}\n{self.secret}"
        right = base64.b64encode(
            hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).digest()
        ).decode()
        return asked.query.get("sign") == right and quote_plus(right) != ""

    def _is_signed_for_feishu(self, asked: Asked) -> bool:
        text = f"{asked.json.get('timestamp')}\n{self.secret}"
        right = base64.b64encode(hmac.new(text.encode(), b"", hashlib.sha256).digest()).decode()
        return bool(asked.json.get("sign") == right)

    def _slack(self, asked: Asked) -> Answer:
        self.took.append(("slack", "channel", asked.json["text"]))
        return Answer(b"ok")

    # SMS

    def _aliyun(self, asked: Asked) -> Answer:
        form = asked.form
        signed = form.pop("Signature", "")
        pairs = "&".join(f"{_escaped(key)}={_escaped(form[key])}" for key in sorted(form))
        text = "POST&" + _escaped("/") + "&" + _escaped(pairs)
        right = base64.b64encode(
            hmac.new(f"{SECRET}&".encode(), text.encode(), hashlib.sha1).digest()
        ).decode()
        if form.get("AccessKeyId") != KEY or signed != right:
            return Answer({"Code": "SignatureDoesNotMatch", "Message": "signature"}, 400)
        if form["Action"] == "QuerySmsSign":
            return Answer({"Code": "OK", "SignStatus": 1})
        number, now = form["PhoneNumbers"], self.seconds()
        if self.codes:
            return Answer({"Code": self.codes.pop(0), "Message": "as the script says"})
        if not number.removeprefix("+").isdigit() or len(number) < 8:
            return Answer({"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": number})
        if any(
            self.counted.within(number, now, span) >= most
            for span, most in ((_MINUTE, 1), (_HOUR, 5), (_DAY, 10))
        ):
            self.dropped += 1
            return Answer({"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "flow control"})
        self.counted.add(number, now)
        self.took.append(
            ("aliyun", number, f"{form['TemplateCode']} {form['TemplateParam']} {form['OutId']}")
        )
        return Answer({"Code": "OK", "BizId": f"biz-{len(self.took)}"})

    def _tencent(self, asked: Asked) -> Answer:
        day = dt.datetime.fromtimestamp(int(asked.headers["x-tc-timestamp"]), dt.UTC).strftime("%Y-%m-%d")
        hashed = hashlib.sha256(asked.body).hexdigest()
        head = f"content-type:{asked.headers['content-type']}\nhost:{asked.headers['host']}\n"
        request = "\n".join(("POST", "/", "", head, "content-type;host", hashed))
        scope = f"{day}/sms/tc3_request"
        text = "\n".join(
            (
                "TC3-HMAC-SHA256",
                asked.headers["x-tc-timestamp"],
                scope,
                hashlib.sha256(request.encode()).hexdigest(),
            )
        )
        made = ("TC3" + SECRET).encode()
        for part in scope.split("/"):
            made = hmac.new(made, part.encode(), hashlib.sha256).digest()
        right = hmac.new(made, text.encode(), hashlib.sha256).hexdigest()
        if not asked.headers["authorization"].endswith(f"Signature={right}"):
            return Answer(
                {"Response": {"Error": {"Code": "AuthFailure.SignatureFailure", "Message": "signature"}}}
            )
        if asked.headers["x-tc-action"] != "SendSms":
            return Answer({"Response": {"DescribeSignListStatusSet": []}})
        told, now = asked.json, self.seconds()
        (number,) = told["PhoneNumberSet"]
        if self.codes:
            status = {"Code": self.codes.pop(0), "Message": "as the script says"}
        elif self.counted.within(number, now, 30):
            self.dropped += 1
            status = {"Code": "LimitExceeded.PhoneNumberThirtySecondLimit", "Message": "30 s"}
        else:
            self.counted.add(number, now)
            self.took.append(("tencent", number, json.dumps(told["TemplateParamSet"], ensure_ascii=False)))
            status = {"Code": "Ok", "SerialNo": f"serial-{len(self.took)}"}
        return Answer({"Response": {"SendStatusSet": [status]}})

    def _twilio(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != "Basic " + base64.b64encode(b"AC1:t1").decode():
            return Answer({"code": 20003, "message": "Authenticate"}, 401)
        number = asked.form["To"]
        if self.codes:
            return Answer({"code": self.codes.pop(0), "message": "as the script says"}, 400)
        self.took.append(("twilio", number, asked.form["Body"]))
        return Answer({"sid": f"SM{len(self.took)}", "status": "queued"}, 201)


def _wrong_card(card: dict[str, Any]) -> str:
    """What WeCom finds wrong with a card of buttons; '' for a right one."""
    if card["card_type"] != "button_interaction" or not card["main_title"]["title"]:
        return "card_type or main_title"
    if not 1 <= len(card["button_list"]) <= 6 or not all(
        one["text"] and one["key"] for one in card["button_list"]
    ):
        return "button_list"
    if len(card["task_id"].encode()) > 128 or not set(card["task_id"]) <= set(ascii_letters + digits + "_-@"):
        return "task_id"
    facts = card.get("horizontal_content_list", [])
    if len(facts) > 6 or not all(one["keyname"] for one in facts):
        return "horizontal_content_list"
    lists = card.get("button_selection")
    if lists is not None and not (
        1 <= len(lists["option_list"]) <= 10
        and all(one["id"] and one["text"] for one in lists["option_list"])
    ):
        return "button_selection"
    action = card.get("card_action")
    return "" if action is None or (action["type"] == 1 and action["url"]) else "card_action"


def _escaped(text: str) -> str:
    return quote(text, safe="~")
