"""WeCom on this machine with its published limits and codes: tokens, messages and cards, mass sends, ties, codes, groups."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from string import ascii_letters, digits
from typing import Any

from tests.connectors.fake import Answer, Asked, Fake

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


class Counted:
    """Moments by name: how many lay in a sliding window."""

    def __init__(self) -> None:
        self._moments: dict[str, list[float]] = defaultdict(list)

    def add(self, name: str, now: float) -> None:
        self._moments[name].append(now)

    def within(self, name: str, now: float, seconds: float) -> int:
        return sum(1 for one in self._moments[name] if one > now - seconds)


class Wecom(Fake):
    """``took`` is what reached somebody: (kind, to, text). ``dropped`` counts what was taken and thrown away."""

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
        # Customer or group: status of the newest mass send, when.
        self.results: dict[str, tuple[int, int]] = {}
        self.groups: dict[str, dict[str, Any]] = {}  # chat_id: what WeCom tells of a group
        self.follows: list[dict[str, Any]] = []  # what WeCom tells of who has whom
        self.page = 1_000
        self.cards: dict[str, dict[str, Any]] = {}  # by task_id, as it stands on the member's screen
        self.made = 0
        self.tickets = 0
        self.looking: dict[str, str] = {}  # codes of sign-ins: whose; '' for somebody outside the company
        self.ways: dict[str, dict[str, Any]] = {}  # contact codes by config_id
        self.welcomes: dict[str, float] = {}  # welcome codes that may be used, until when
        self.tags: dict[str, tuple[str, dict[str, str]]] = {}  # groups of tags: name, {id: name}
        self.marked = 0
        self.handles: dict[str, tuple[str, float]] = {}  # response_code: whose card, until when
        self.counted = Counted()
        api = {
            "gettoken": self._token, "get_api_domain_ip": self._asked_for_ips, "message/send": self._member,
            "message/update_template_card": self._redrawn, "externalcontact/add_msg_template": self._mass,
            "externalcontact/get_groupmsg_send_result": self._results, "externalcontact/get_follow_user_list": self._followers,
            "externalcontact/batch/get_by_user": self._followed, "externalcontact/get": self._customer,
            "externalcontact/add_contact_way": self._add_way, "externalcontact/update_contact_way": self._change_way,
            "externalcontact/del_contact_way": self._end_way, "externalcontact/send_welcome_msg": self._welcome,
            "externalcontact/get_corp_tag_list": self._tags, "externalcontact/add_corp_tag": self._add_tags,
            "externalcontact/del_corp_tag": self._end_tags, "externalcontact/mark_tag": self._mark,
            "get_jsapi_ticket": self._ticket, "ticket/get": self._ticket, "auth/getuserinfo": self._looks,
            "externalcontact/groupchat/list": self._groups, "externalcontact/groupchat/get": self._group,
        }  # fmt: skip
        self.routes = {f"/cgi-bin/{path}": answer for path, answer in api.items()}
        self.routes["/wwpic/*"] = lambda asked: Answer(b"\x89PNG\r\n\x1a\n" + asked.path.encode())

    def seconds(self) -> float:
        return self.clock().timestamp()

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

    def _ticket(self, asked: Asked) -> Answer:
        """A company's, or with a type the app's; a hundred an hour at most."""
        self.tickets += 1
        kind = asked.query.get("type", "company")
        if kind not in {"company", "agent_config"} or self.tickets > 100:
            return Answer({"errcode": 45009 if self.tickets > 100 else 40058, "errmsg": "ticket"})
        refusal = self._refusal(asked)
        return refusal or Answer(
            {"errcode": 0, "ticket": f"{kind}-ticket-{self.tickets}", "expires_in": 7_200}
        )

    def _looks(self, asked: Asked) -> Answer:
        """Who signs in: a code is good once."""
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        if asked.query["code"] not in self.looking:
            return Answer({"errcode": 40029, "errmsg": "invalid code"})
        member = self.looking.pop(asked.query["code"])
        return Answer({"errcode": 0, **({"userid": member} if member else {"openid": "o-1"})})

    def _member(self, asked: Asked) -> Answer:
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        told, now = asked.json, self.seconds()
        member = told["touser"]
        if member not in self.members:
            return Answer({"errcode": 0, "invaliduser": member, "msgid": "m0"})
        # More than 30 a minute or 1,000 an hour to a member: taken, and not shown.
        if self.counted.within(member, now, MINUTE) >= 30 or self.counted.within(member, now, HOUR) >= 1_000:
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
        self.handles[code] = (task, self.seconds() + 72 * HOUR)
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
        if customer not in self.friends.get(told["sender"], set()) or self.counted.within(customer, now, DAY):
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
        if owner != told["sender"] or self.counted.within(group, now, DAY):
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

    def _customer(self, asked: Asked) -> Answer:
        key = asked.query["external_userid"]
        rows = [
            one["external_contact"]
            for one in self.follows
            if one["external_contact"]["external_userid"] == key
        ]
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        if not rows:
            return Answer({"errcode": 84061, "errmsg": "not external contact"})
        how = [
            one["follow_info"] for one in self.follows if one["external_contact"]["external_userid"] == key
        ]
        told = [
            {"userid": one["userid"], "tags": [{"tag_id": tag, "type": 1} for tag in one.get("tag_id", ())]}
            for one in how
        ]
        return Answer({"errcode": 0, "external_contact": rows[0], "follow_user": told})

    def _tag_group(self, key: str) -> dict[str, Any]:
        name, tags = self.tags[key]
        listed = [{"id": one, "name": text, "order": n} for n, (one, text) in enumerate(tags.items())]
        return {"group_id": key, "group_name": name, "tag": listed}

    def _tags(self, asked: Asked) -> Answer:
        groups = [self._tag_group(key) for key in self.tags]
        return self._refusal(asked) or Answer({"errcode": 0, "tag_group": groups})

    def _add_tags(self, asked: Asked) -> Answer:
        """A known name is the group of that name; names within a group are one."""
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        told = asked.json
        names = [one["name"] for one in told["tag"]]
        known = [key for key, (name, _tags) in self.tags.items() if name == told.get("group_name")]
        key = told.get("group_id") or (known[0] if known else f"et{len(self.tags) + 1}")
        if (
            not names
            or any(not 1 <= len(name) <= 30 for name in names)
            or ("group_id" in told and key not in self.tags)
        ):
            return Answer({"errcode": 40068, "errmsg": "invalid tag"})
        _name, tags = self.tags.setdefault(key, (told.get("group_name", ""), {}))
        for name in names:
            if name not in tags.values():
                self.made += 1
                tags[f"tag-{self.made}"] = name
        return Answer({"errcode": 0, "tag_group": self._tag_group(key)})

    def _end_tags(self, asked: Asked) -> Answer:
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        for key in asked.json["group_id"]:
            _name, tags = self.tags.pop(key)
            for one in self.follows:
                how = one["follow_info"]
                how["tag_id"] = [tag for tag in how.get("tag_id", ()) if tag not in tags]
        return Answer({"errcode": 0})

    def _mark(self, asked: Asked) -> Answer:
        """Only who has a customer gives a tag, and only one that there is."""
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        told = asked.json
        add, remove = told.get("add_tag", []), told.get("remove_tag", [])
        found = [
            one["follow_info"]
            for one in self.follows
            if one["external_contact"]["external_userid"] == told["external_userid"]
            and one["follow_info"]["userid"] == told["userid"]
        ]
        if not found:
            return Answer({"errcode": 84061, "errmsg": "not external contact"})
        if (not add and not remove) or not {*add, *remove} <= {
            tag for _name, tags in self.tags.values() for tag in tags
        }:
            return Answer({"errcode": 40068, "errmsg": "invalid tagid"})
        found[0]["tag_id"] = sorted((set(found[0].get("tag_id", ())) | set(add)) - set(remove))
        self.marked += 1
        return Answer({"errcode": 0})

    def _wrong_way(self, told: dict[str, Any]) -> Answer | None:
        if len(told["remark"]) > 30 or len(told["state"]) > 30 or not 1 <= len(told["user"]) <= 100:
            return Answer({"errcode": 40058, "errmsg": "remark, state or user"})
        if unknown := set(told["user"]) - self.members:
            return Answer({"errcode": 60111, "errmsg": f"userid not found {sorted(unknown)}"})
        return None

    def _add_way(self, asked: Asked) -> Answer:
        if (refusal := self._refusal(asked) or self._wrong_way(asked.json)) is not None:
            return refusal
        told = asked.json
        if told["type"] not in {1, 2} or told["scene"] != 2 or (told["type"] == 1 and len(told["user"]) != 1):
            return Answer({"errcode": 40058, "errmsg": "type or scene"})
        self.made += 1
        self.ways[f"way-{self.made}"] = told
        return Answer(
            {"errcode": 0, "config_id": f"way-{self.made}", "qr_code": f"{self.url}/wwpic/{self.made}"}
        )

    def _change_way(self, asked: Asked) -> Answer:
        if (refusal := self._refusal(asked) or self._wrong_way(asked.json)) is not None:
            return refusal
        told = dict(asked.json)
        key = told.pop("config_id")
        if key not in self.ways:
            return Answer({"errcode": 41044, "errmsg": "invalid config_id"})
        self.ways[key] |= told
        return Answer({"errcode": 0})

    def _end_way(self, asked: Asked) -> Answer:
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        if self.ways.pop(asked.json["config_id"], None) is None:
            return Answer({"errcode": 41044, "errmsg": "invalid config_id"})
        return Answer({"errcode": 0})

    def _welcome(self, asked: Asked) -> Answer:
        """Once, within 20 seconds, while nobody has written."""
        if (refusal := self._refusal(asked)) is not None:
            return refusal
        told = asked.json
        if self.seconds() > self.welcomes.pop(told["welcome_code"], 0.0):
            return Answer({"errcode": 41051, "errmsg": "externaluser has started chatting"})
        if len(told["text"]["content"].encode()) > 4_000:
            return Answer({"errcode": 40058, "errmsg": "text"})
        self.took.append(("welcome", told["welcome_code"], told["text"]["content"]))
        return Answer({"errcode": 0})

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
