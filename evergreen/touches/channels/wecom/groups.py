"""Customer groups (客户群): who is in them, and mass sends to them (客户群群发), which the group's owner confirms in WeCom.

A group gets at most one mass send a day. Groups are listed by pages of 1,000 and read one by one, as WeCom offers it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from evergreen.touches.channels.contract import GROUPS, Accepted, Outgoing, Rates, RefusedError
from evergreen.touches.channels.told import ToldGroup, ToldMember
from evergreen.touches.channels.wecom.confirming import Confirmed
from evergreen.touches.channels.wecom.wire import WecomConfig

_PAGE = 1_000
# join_scene: 1 invited by a member, 2 by a link, 3 by a code; type: 1 a member of the company, 2 somebody from outside.
_HOW = {1: "invited", 2: "link", 3: "scanned"}
_OURS = 1


class WecomGroup(Confirmed):
    kind = "wecom_group"
    medium = "wecom"
    zh = "企业微信客户群"
    en = "WeCom customer groups"
    about = (
        "读取客户群和群成员；群发由群主在企业微信里确认",
        "Reads customer groups and who is in them; mass sends that the group's owner confirms",
    )
    audience = GROUPS
    Config = WecomConfig
    rates = Rates(a_minute=1_000, an_hour=20_000, contact_a_day=1)
    whom = "chat_id"

    def send(self, message: Outgoing) -> Accepted:
        if not message.sender:
            raise RefusedError(_("The group has no owner who could confirm it in WeCom."))
        self.check_size(message)
        answer = self.ask(
            "externalcontact/add_msg_template",
            {
                "chat_type": "group",
                "sender": message.sender,
                "chat_id_list": [message.address],
                "text": {"content": message.text},
            },
        )
        if message.address in (answer.get("fail_list") or ()):
            raise RefusedError(
                _("%(member)s does not own this group, or the group got one today.")
                % {"member": message.sender}
            )
        return Accepted(str(answer.get("msgid") or ""), waits_for=message.sender)

    def groups(self) -> Iterator[ToldGroup]:
        cursor = ""
        while True:
            asked: dict[str, Any] = {"status_filter": 0, "limit": _PAGE}
            answer = self.ask(
                "externalcontact/groupchat/list", asked | ({"cursor": cursor} if cursor else {})
            )
            for row in answer.get("group_chat_list") or ():
                yield self._group(str(row["chat_id"]))
            cursor = str(answer.get("next_cursor") or "")
            if not cursor:
                return

    def _group(self, key: str) -> ToldGroup:
        """One group with its people; without them where WeCom tells nothing of it (dissolved since it was listed, not ours to see)."""
        try:
            answer = self.ask("externalcontact/groupchat/get", {"chat_id": key, "need_name": 1})
        except RefusedError:
            return ToldGroup(key, "", "", "", _moment(0), (), is_told=False)
        told = answer["group_chat"]
        members = [
            ToldMember(
                key=str(one["userid"]),
                name=str(one.get("group_nickname") or one.get("name") or ""),
                is_ours=one.get("type") == _OURS,
                joined_at=_moment(one.get("join_time")),
                how=_HOW.get(int(one.get("join_scene") or 1), "invited"),
            )
            for one in told.get("member_list") or ()
        ]
        return ToldGroup(
            key=key,
            name=str(told.get("name") or "") or _("group without a name"),
            owner=str(told.get("owner") or ""),
            notice=str(told.get("notice") or ""),
            made_at=_moment(told.get("create_time")),
            members=members,
        )


def _moment(told: object) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(str(told or 0)), dt.UTC)
