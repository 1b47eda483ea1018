"""WeChat customer service (微信客服): answers to people who wrote to one of the vendor's service accounts.

WeCom's rules: at most five messages within 48 hours of the person's last line. What was written is read by pages (kf/sync_msg) from a
cursor; WeCom's post lends a token by which that may be done often, without one it may be done rarely. Codes: 95000 an unknown account,
95001 five messages are used up, 95002 the 48 hours are over, 95007 a token that ended, 95013 the session has ended, 95018 its state
forbids it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.configurations import option
from evergreen.touches.channels.contract import CONTACTS, Accepted, LaterError, Outgoing, RefusedError, Window
from evergreen.touches.channels.told import Copied, Heard, Rung, Said
from evergreen.touches.channels.wecom import callbacks
from evergreen.touches.channels.wecom.called import Called, CalledConfig

_MOST_BYTES = 2_048
_PAGE = 1_000
_PEOPLE = 100
# origin: 3 the person, 4 the system, 5 a member at WeCom's own client. What we sent ourselves is not listed.
_THEIRS, _SYSTEM, _OURS = 3, 4, 5
_TEXT = "text"


@dataclass(frozen=True)
class WecomKfConfig(CalledConfig):
    open_kfid: str = option(
        "客服账号 ID", "Id of the service account", default="", example="wk…", about=("微信客服 → 客服账号；不知道时先留空并测试，会列出全部账号", "Leave it empty and test: all of them are listed")
    )  # fmt: skip


class WecomKf(Called):
    kind = "wecom_kf"
    medium = "wecom"
    zh = "微信客服"
    en = "WeChat customer service"
    about = (
        "回复 48 小时内来咨询过的客户，最多 5 条；客户说的话记为沟通记录",
        "Answers people who wrote within 48 hours, five messages at most; what they write becomes conversations",
    )
    audience = CONTACTS
    Config = WecomKfConfig
    window = Window(dt.timedelta(hours=48), 5)
    receipts = ("bounced", "replied")
    has_mailbox = True
    # Without WeCom's post there is no token, and WeCom lets it be asked rarely.
    looks_every = dt.timedelta(minutes=5)

    def send(self, message: Outgoing) -> Accepted:
        size = len(message.text.encode())
        if size > _MOST_BYTES:
            raise RefusedError(
                _("The text has %(n)s bytes; WeCom takes %(most)s.") % {"n": size, "most": _MOST_BYTES}
            )
        # The id comes back when it could not be shown: 32 bytes of the key are as good as all of it.
        told = {
            "touser": message.address, "open_kfid": self._account(), "msgid": message.key[:32], "msgtype": "text", "text": {"content": message.text},
        }  # fmt: skip
        return Accepted(str(self.ask("kf/send_msg", told).get("msgid") or ""))

    def test(self) -> str:
        listed = self.ask("kf/account/list", {"offset": 0, "limit": 100}).get("account_list") or ()
        names = {str(row["open_kfid"]): str(row.get("name") or "") for row in listed}
        if self.config.open_kfid in names:
            return _("WeCom knows the service account “%(name)s”.") % {"name": names[self.config.open_kfid]}
        told = ", ".join(f"{name} ({key})" for key, name in names.items()) or _("none")
        raise RefusedError(
            _("The app may not see this service account. It sees: %(accounts)s.") % {"accounts": told}
        )

    def heard(self, body: bytes, form: Mapping[str, str]) -> list[Rung]:
        """That something was written to this account; other events are taken and say nothing."""
        told = callbacks.fields_of(self.opened(body, form))
        is_ours = told.get("OpenKfId", "") in {"", self.config.open_kfid}
        return [Rung(told.get("Token", ""))] if told.get("Event") == "kf_msg_or_event" and is_ours else []

    def fetched(
        self, mark: str, *, now: dt.datetime, handle: str = ""
    ) -> Iterator[tuple[str, list[Heard | Said | Copied]]]:
        while True:
            asked: dict[str, Any] = {"open_kfid": self._account(), "limit": _PAGE}
            asked |= ({"cursor": mark} if mark else {}) | ({"token": handle} if handle else {})
            answer = self.ask("kf/sync_msg", asked)
            mark = str(answer.get("next_cursor") or mark)
            yield mark, [one for row in answer.get("msg_list") or () if (one := _read(row)) is not None]
            if not answer.get("has_more"):
                return

    def people(self, keys: Sequence[str]) -> dict[str, str]:
        found = {}
        for first in range(0, len(keys), _PEOPLE):
            answer = self.ask(
                "kf/customer/batchget", {"external_userid_list": list(keys[first : first + _PEOPLE])}
            )
            for row in answer.get("customer_list") or ():
                found[str(row["external_userid"])] = str(row.get("nickname") or "")
        return found

    def _account(self) -> str:
        if not self.config.open_kfid:
            raise LaterError(
                _("The channel names no service account: test it, and enter one."), is_whole=True
            )
        return str(self.config.open_kfid)


def _read(row: Mapping[str, Any]) -> Heard | Said | None:
    """What one row of a page tells; None for events about other things."""
    origin, kind = row.get("origin"), str(row.get("msgtype") or "")
    at = dt.datetime.fromtimestamp(int(row.get("send_time") or 0), dt.UTC)
    if origin in {_THEIRS, _OURS}:
        text = str(row.get("text", {}).get("content") or "") if kind == _TEXT else ""
        return Said(
            key=str(row["msgid"]), address=str(row.get("external_userid") or ""), at=at, text=text, form=kind,
            is_theirs=origin == _THEIRS, member=str(row.get("servicer_userid") or ""),
        )  # fmt: skip
    event = row.get("event") or {}
    if origin == _SYSTEM and event.get("event_type") == "msg_send_fail":
        return Heard(
            "bounced", at, key=str(event.get("fail_msgid") or ""), detail=_why(event.get("fail_type")), is_permanent=False,
        )  # fmt: skip
    return None


def _why(told: object) -> str:
    """Why WeChat did not show a message (fail_type)."""
    words = {
        1: _("the session was blocked"), 2: _("the service account was closed or deleted"), 4: _("48 hours were over"),
        5: _("the session had ended"), 6: _("five messages were used up"), 10: _("the person takes no messages"),
    }  # fmt: skip
    return words.get(int(str(told or 0)), _("WeChat says no more than %(code)s") % {"code": told})
