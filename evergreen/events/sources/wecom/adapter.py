"""WeCom's external contacts, read whole each time: WeCom tells neither what changed nor what was deleted.

Whom a member added is a contact; what the member wrote beside it says the company: a tag of a chosen group, the remark's
company, the contact's own. The member who added first stands for the owner, by an e-mail address where one is known.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests
from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.events.sources.adapter import Adapter, Asked, Row, SourceError, Stream
from evergreen.events.sources.wecom import codes
from evergreen.events.sources.wire import Token, Wire

# What WeCom allows: members a call, contacts a page.
_MEMBERS = 100
_PAGE = 100
STREAMS = (
    Stream(
        "companies", "accounts", "客户公司", "Companies of contacts",
        {
            "columns": {
                "id": {"column": "company", "system": "name"}, "name": "company", "owner": "owner_email",
            },
        },
        key="company", order="none", makes_accounts=True, is_whole=True,
    ),
    Stream(
        "contacts", "contacts", "外部联系人", "External contacts",
        {
            "columns": {
                "id": {"template": "wecom:{external_userid}"}, "account": {"column": "company", "system": "name"},
                "name": "display_name", "title": "position", "phone": "phone", "since": "added_at",
            },
            "external_ids": {"wecom": "external_userid"},
        },
        key="external_userid", order="none", is_whole=True,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class WecomConfig:
    corp_id: str = option(
        "企业 ID", "Corp ID", example="ww…", about=("我的企业 → 企业信息", "My Company → Company Information")
    )
    secret: str = option(
        "应用 Secret", "Secret of the app", secret=True,
        about=("已加入「客户联系 → 可调用接口的应用」的自建应用", "Of a self-built app that may call the customer contact API"),
    )  # fmt: skip
    tag_group: str = option(
        "公司标签组", "Tag group of companies", default="", example="所属客户",
        about=("该组标签写的是客户名称或客户编号时，先按标签归属客户", "Where tags of this group say the account's name or id, they decide before remarks"),
    )  # fmt: skip
    members: str = option(
        "成员邮箱", "Members' e-mail addresses", default="", is_long=True, rows=4, example="zhangsan: zhang.san@example.com",
        about=("每行一个“成员 userid: 邮箱”。2022 年 6 月起新建应用读不到成员邮箱", "One “userid: address” a line. Apps made since June 2022 cannot read them from WeCom"),
    )  # fmt: skip
    mail_domain: str = option(
        "邮箱域名", "Mail domain", default="", example="example.com",
        about=("未列出的成员按 userid@域名 对应", "Members that are not listed are userid@domain"),
    )  # fmt: skip
    address: str = option("接口地址", "API address", default="https://qyapi.weixin.qq.com")


class WecomAdapter(Adapter):
    kind = "wecom"
    zh = "企业微信"
    en = "WeCom"
    Config = WecomConfig

    def __init__(self, config: WecomConfig) -> None:
        super().__init__(config)
        self._listed = _members(config.members)
        self._domain = config.mail_domain.strip().lstrip("@")
        self._rows: list[Row] | None = None  # of this run: both lists are made of the same contacts

    @property
    def streams(self) -> tuple[Stream, ...]:
        return STREAMS

    def wire_up(self, wire: Wire) -> None:
        wire.goes_to(self.config.address)
        wire.sign_in = _InAddress(self._token)
        wire.judge, wire.words, wire.busy_seconds = codes.judged, codes.words, codes.BUSY_SECONDS

    def test(self, wire: Wire) -> str:
        members = self._followers(wire)
        first = next(self._pages(wire, members[:1]), []) if members else []
        return _("WeCom answers: %(members)s members have customers; the first has %(contacts)s or more.") % {
            "members": len(members), "contacts": len(first),
        }  # fmt: skip

    def read(self, stream: Stream, wire: Wire, asked: Asked) -> Iterator[Row]:
        if self._rows is None:
            self._rows = self._contacts(wire)
        yield from _companies(self._rows) if stream.name == "companies" else self._rows

    def _contacts(self, wire: Wire) -> list[Row]:
        tags = self._tags(wire) if self.config.tag_group else {}
        addresses: dict[str, str] = {}
        found: dict[str, Row] = {}
        members = self._followers(wire)
        for start in range(0, len(members), _MEMBERS):
            for page in self._pages(wire, members[start : start + _MEMBERS]):
                for one in page:
                    _together(found, one)
        return [self._row(one, tags, lambda member: self._address(wire, member, addresses)) for one in found.values()]  # fmt: skip

    def _row(self, one: Row, tags: dict[str, str], address_of: Callable[[str], str | None]) -> Row:
        """A contact as one row, whoever of the members knows it."""
        follows = sorted(one["follows"], key=lambda follow: follow.get("createtime") or 0)
        first = follows[0] if follows else {}
        named = [tags[tag] for follow in follows for tag in follow.get("tag_id") or () if tag in tags]
        remarked = [follow.get("remark_corp_name") for follow in follows]
        company = next((name for name in [*named, *remarked, one.get("corp_full_name"), one.get("corp_name")] if name), None)  # fmt: skip
        phones = [phone for follow in follows for phone in follow.get("remark_mobiles") or ()]
        remark = next((follow["remark"] for follow in follows if follow.get("remark")), "")
        return {
            **{name: value for name, value in one.items() if name != "follows"},
            "display_name": remark or one.get("name") or one["external_userid"],
            "company": company.strip() if company else None,
            "phone": phones[0] if phones else None,
            "added_at": _moment(first.get("createtime")),
            "owner": first.get("userid"),
            "owner_email": address_of(str(first["userid"])) if first.get("userid") else None,
            "members": [follow.get("userid") for follow in follows],
        }

    def _followers(self, wire: Wire) -> list[str]:
        """Members who may have customers."""
        answer = self._got(wire, "/cgi-bin/externalcontact/get_follow_user_list", {})
        return [str(one) for one in _list(answer, "follow_user")]

    def _pages(self, wire: Wire, members: list[str]) -> Iterator[list[Row]]:
        """Pages of the members' contacts. A cursor that is no longer good begins the list again, once."""
        cursor, is_again = "", False
        while True:
            body = {"userid_list": members, "cursor": cursor, "limit": _PAGE}
            try:
                answer = self._posted(wire, "/cgi-bin/externalcontact/batch/get_by_user", body)
            except SourceError as error:
                if not cursor or is_again or not error.is_permanent:
                    raise
                cursor, is_again = "", True
                continue
            yield _list(answer, "external_contact_list")
            cursor = str(answer.get("next_cursor") or "")
            if not cursor:
                return

    def _tags(self, wire: Wire) -> dict[str, str]:
        """Names of the chosen group's tags by id. Raises SourceError where there is no such group."""
        answer = self._posted(wire, "/cgi-bin/externalcontact/get_corp_tag_list", {})
        groups = _list(answer, "tag_group")
        wanted = [one for one in groups if one.get("group_name") == self.config.tag_group.strip()]
        if not wanted:
            raise SourceError(
                _("WeCom has no tag group “%(name)s”. It has: %(names)s.")
                % {
                    "name": self.config.tag_group,
                    "names": ", ".join(str(one.get("group_name")) for one in groups)[:300] or "-",
                }
            )
        return {str(tag["id"]): str(tag["name"]) for one in wanted for tag in one.get("tag") or () if not tag.get("deleted")}  # fmt: skip

    def _address(self, wire: Wire, member: str, known: dict[str, str]) -> str | None:
        """A member's e-mail address: as listed, as WeCom tells it to older apps, else by the domain."""
        if listed := self._listed.get(member.casefold()):
            return listed
        if member not in known:
            try:
                found = self._got(wire, "/cgi-bin/user/get", {"userid": member})
            except SourceError as error:
                if not error.is_permanent:
                    raise
                found = {}  # the app may not see this member
            told = found.get("biz_mail") or found.get("email") or ""
            known[member] = told or (f"{member}@{self._domain}" if self._domain else "")
        return known[member] or None

    def _token(self, wire: Wire) -> str:
        params = {"corpid": self.config.corp_id, "corpsecret": self.config.secret}
        answer = wire.bare(requests.Request("GET", f"{self.config.address}/cgi-bin/gettoken", params=params))
        return str(answer.json().get("access_token") or "")

    def _got(self, wire: Wire, path: str, params: dict[str, str]) -> Any:
        return wire.client(self.config.address).get(path, params=params).json()

    def _posted(self, wire: Wire, path: str, body: dict[str, Any]) -> Any:
        return wire.client(self.config.address).post(path, json=body).json()


class _InAddress(Token):
    """The token stands in the address, where WeCom wants it."""

    def sign(self, request: requests.PreparedRequest) -> None:
        if self.is_empty:
            return
        parts = urlsplit(request.url or "")
        query = [(name, value) for name, value in parse_qsl(parts.query) if name != "access_token"]
        query.append(("access_token", self._token))
        request.url = urlunsplit(parts._replace(query=urlencode(query)))


def _together(found: dict[str, Row], one: Row) -> None:
    """Add one page's entry: a contact comes once for each member who added it."""
    contact, follow = one.get("external_contact") or {}, one.get("follow_info") or {}
    key = str(contact.get("external_userid") or "")
    if not key:
        raise SourceError(_("“%(name)s” is not answered as WeCom does.") % {"name": "external_contact_list"})
    row = found.setdefault(key, {**contact, "follows": []})
    row["follows"] = [kept for kept in row["follows"] if kept.get("userid") != follow.get("userid")] + [
        follow
    ]


def _companies(rows: list[Row]) -> Iterator[Row]:
    """A row a company; its owner is the member who added most of its contacts."""
    people: dict[str, list[Row]] = {}
    for row in rows:
        if row["company"]:
            people.setdefault(row["company"], []).append(row)
    for company, those in people.items():
        counted = Counter(one["owner_email"] for one in those if one["owner_email"])
        owner = min(counted, key=lambda name: (-counted[name], name)) if counted else None
        yield {"company": company, "owner_email": owner, "contacts": len(those)}


def _members(given: str) -> dict[str, str]:
    """Lines of ``userid: address``. Raises SourceError naming the line."""
    found = {}
    for number, line in enumerate(given.splitlines(), start=1):
        name, _colon, address = (part.strip() for part in line.partition(":"))
        if not line.strip():
            continue
        if not name or not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
            raise SourceError(
                _("Members, line %(number)s: write userid: address, such as zhangsan: zhang.san@example.com.")
                % {"number": number}
            )
        found[name.casefold()] = address
    return found


def _list(answer: Any, name: str) -> list[Any]:
    found = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise SourceError(_("“%(name)s” is not answered as WeCom does.") % {"name": name})
    return found


def _moment(seconds: Any) -> str | None:
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).isoformat() if seconds else None
