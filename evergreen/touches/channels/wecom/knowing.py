"""Who of us has whom in WeCom (客户联系): read whole by pages, and told by WeCom the moment that it changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from evergreen.touches.channels.told import Tied, ToldTie
from evergreen.touches.channels.wecom.wire import Wecom

# What WeCom allows: members a call, contacts a page.
_MEMBERS, _PAGE = 100, 100
# 成员添加客户, 外部联系人免验证添加成员; 成员删除客户; 客户删除成员; 备注、手机号或标签变更.
_CHANGES = {
    "add_external_contact": Tied.Kind.ADDED,
    "add_half_external_contact": Tied.Kind.ADDED,
    "del_external_contact": Tied.Kind.DROPPED_BY_US,
    "del_follow_user": Tied.Kind.DROPPED_BY_THEM,
    "edit_external_contact": Tied.Kind.EDITED,
}


def all_ties(channel: Wecom) -> Iterator[ToldTie]:
    """Every customer of every member who may have some. Raises ChannelError."""
    members = channel.ask("externalcontact/get_follow_user_list").get("follow_user") or ()
    for first in range(0, len(members), _MEMBERS):
        cursor = ""
        while True:
            asked = {"userid_list": members[first : first + _MEMBERS], "cursor": cursor, "limit": _PAGE}
            answer = channel.ask("externalcontact/batch/get_by_user", asked)
            for row in answer.get("external_contact_list") or ():
                yield _tie(row)
            cursor = str(answer.get("next_cursor") or "")
            if not cursor:
                break


def _tie(row: Mapping[str, Any]) -> ToldTie:
    who, how = row["external_contact"], row["follow_info"]
    return ToldTie(
        key=str(who["external_userid"]),
        member=str(how["userid"]),
        name=str(how.get("remark") or who.get("name") or ""),
        company=str(how.get("remark_corp_name") or who.get("corp_full_name") or who.get("corp_name") or ""),
        added_at=_moment(how.get("createtime")),
        state=str(how.get("state") or ""),
        tags=sorted(str(one) for one in how.get("tag_id") or ()),
    )


def change(told: Mapping[str, str]) -> list[Tied]:
    """What an event of WeCom says of who has whom; nothing for events about other things. Raises ValueError for a broken one."""
    kind = _CHANGES.get(told.get("ChangeType", ""))
    if told.get("Event") != "change_external_contact" or kind is None:
        return []
    key, member = told.get("ExternalUserID", ""), told.get("UserID", "")
    if not key or not member or not told.get("CreateTime", "").isdecimal():
        raise ValueError("UserID, ExternalUserID or CreateTime is missing")
    return [
        Tied(
            kind, key, member, _moment(told["CreateTime"]), told.get("State", ""), told.get("WelcomeCode", "")
        )
    ]


def _moment(told: object) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(str(told or 0)), dt.UTC)
