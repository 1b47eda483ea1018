"""WeCom: 200 to everything and a code in the body, the token in the address, lists by member with a cursor."""

from __future__ import annotations

from typing import Any

from tests.connectors.fake import Answer, Asked
from tests.connectors.systems.base import System, Truth

COMPANIES = ("恒岳机械有限公司", "澄明财税科技（上海）有限公司", "云杉物业")


class Wecom(System):
    """Shapes and codes as WeCom's documents show them; members' addresses are hidden as for apps made since 2022."""

    kind = "wecom"

    def __init__(self, script: dict[int, str] | None = None) -> None:
        super().__init__(script)
        self.members = ["lu.heng", "zhou", "wang"]
        self.contacts: list[dict[str, Any]] = [
            {
                "external_userid": f"wo{k:03}", "name": f"微信昵称{k}", "type": 1 + k % 2, "gender": 0,
                **({"corp_name": COMPANIES[k % 3][:2], "corp_full_name": COMPANIES[k % 3], "position": "经理"} if k % 2 else {}),
            }
            for k in range(10)
        ]  # fmt: skip
        self.follows: dict[str, list[dict[str, Any]]] = {
            one["external_userid"]: [
                {"userid": self.members[(k + more) % 3], "remark": f"客户{k}", "createtime": 1_700_000_000 + 100 * k + more, "tag_id": ["t1"] if k == 0 else [], **({"remark_corp_name": COMPANIES[k % 3]} if not k % 2 else {}), "remark_mobiles": ["13900000000"], "add_way": 1}
                for more in range(1 + k % 2)
            ]
            for k, one in enumerate(self.contacts)
        }  # fmt: skip
        self.free = {"/cgi-bin/gettoken"}
        self.routes = {
            "/cgi-bin/gettoken": self._sign,
            "/cgi-bin/externalcontact/get_follow_user_list": lambda asked: _ok(follow_user=self.members),
            "/cgi-bin/externalcontact/batch/get_by_user": self._batch,
            "/cgi-bin/externalcontact/get_corp_tag_list": lambda asked: _ok(
                tag_group=[{"group_name": "所属客户", "tag": [{"id": "t1", "name": COMPANIES[0]}]}]
            ),
            "/cgi-bin/user/get": lambda asked: _ok(userid=asked.query["userid"], name="成员"),
        }
        self.refused = _code(42001)
        self.unsigned = lambda asked: asked.query.get("access_token") != self.token

    def config(self) -> dict[str, Any]:
        return {
            "corp_id": "ww1", "secret": "canary", "address": self.url, "tag_group": "所属客户",
            "members": "zhou: zhou.min@example.com", "mail_domain": "example.com",
        }  # fmt: skip

    def throttled(self, seconds: float | None) -> Answer:
        """WeCom says only that it was too often, never for how long; a minute is what it takes."""
        self.quiet_until = self.now + 55
        return _code(45009)

    def _sign(self, asked: Asked) -> Answer:
        if asked.query != {"corpid": "ww1", "corpsecret": "canary"}:
            return _code(40001)
        return _ok(access_token=self.new_token(), expires_in=7200)

    def _batch(self, asked: Asked) -> Answer:
        body = asked.json
        assert len(body["userid_list"]) <= 100 and body["limit"] <= 100
        place = self.place(body["cursor"])
        if place is None:
            return _code(40058)
        listed = [
            {"external_contact": one, "follow_info": follow}
            for one in self.contacts
            for follow in self.follows[one["external_userid"]]
            if follow["userid"] in body["userid_list"]
        ]
        start = int(place or 0)
        end = start + min(4, body["limit"])
        cursor = self.cursor(end) if end < len(listed) else ""
        return _ok(external_contact_list=listed[start:end], next_cursor=cursor)

    def truth(self) -> Truth:
        remarks = {f"wecom:{one['external_userid']}": str(self.follows[one["external_userid"]][0]["remark"]) for one in self.contacts}  # fmt: skip
        return {"accounts": {name: name for name in COMPANIES}, "contacts": remarks}

    def named(self) -> tuple[list[dict[str, Any]], str]:
        return [self.follows[one["external_userid"]][0] for one in self.contacts], "remark"

    def stamp(self, one: dict[str, Any]) -> str:
        """WeCom keeps no time of change."""
        return next(f"wecom:{key}" for key, follows in self.follows.items() if follows[0] is one)

    def remove(self) -> None:
        del self.contacts[-1]

    def emptied(self, asked: Asked, answer: Answer) -> Answer | None:
        if "batch" not in asked.path or not asked.json["cursor"]:
            return None
        return _ok(external_contact_list=[], next_cursor=asked.json["cursor"])


def _ok(**told: Any) -> Answer:
    return Answer({"errcode": 0, "errmsg": "ok", **told})


def _code(code: int) -> Answer:
    return Answer({"errcode": code, "errmsg": "see the code"})
