"""The list of chats that people began with a service account, as an address asks for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from evergreen.base.models import User
from evergreen.customers.models import Account, Contact
from evergreen.touches.addressing import contacts_without_key
from evergreen.touches.chats.keeping import UNNAMED
from evergreen.touches.chats.looking import Line, channels, chats_for, lines_of, open_keys
from evergreen.touches.models import Channel, Chat, ChatLine, Medium
from evergreen.web import formats
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.codes.page import account_called

OPEN, UNKNOWN, ALL = "open", "unknown", "all"
MOST = 5_000
_FORMS = {
    "image": gettext_lazy("picture"), "voice": gettext_lazy("voice"), "video": gettext_lazy("video"), "file": gettext_lazy("file"),
    "location": gettext_lazy("place"), "link": gettext_lazy("link"),
}  # fmt: skip


def said(line: ChatLine) -> str:
    """A line in words: its text, or what it is."""
    return line.text if line.form == "text" else f"[{_FORMS.get(line.form, _('other message'))}]"


class Row:
    """A chat in the list."""

    NAMELESS = UNNAMED

    def __init__(self, line: Line, now: dt.datetime) -> None:
        self.line, self.chat, self._now = line, line.chat, now

    @property
    def name(self) -> str:
        if self.chat.contact is not None:
            return self.chat.contact.name
        return self.chat.name if self.chat.name not in {"", self.NAMELESS} else self.chat.key

    @property
    def newest(self) -> str:
        return said(self.line.newest) if self.line.newest is not None else ""

    @property
    def lines(self) -> list[tuple[ChatLine, str]]:
        return [(one, said(one)) for one in self.line.lines]

    @property
    def is_open(self) -> bool:
        return self.line.closes_at is not None and self.line.closes_at > self._now

    @property
    def state(self) -> tuple[str, str]:
        """(in words, tone) of whether it may be answered."""
        if not self.is_open or self.line.closes_at is None:
            return pgettext("chat", "closed"), "none"
        if not self.line.left:
            return _("answers used up"), "warn"
        until = formats.moment(self.line.closes_at)
        return _("%(n)s answers until %(when)s") % {"n": self.line.left, "when": until}, "good"


class ChatList:
    """What the page of chats shows for an address."""

    def __init__(self, user: User, query: QueryDict, vendor: Mapping[str, Any], now: dt.datetime) -> None:
        self.user, self.vendor, self.now = user, vendor, now
        self.text = query.get("q", "").strip()[:100]
        self.state = query.get("state", "") if query.get("state") in {UNKNOWN, ALL} else OPEN
        self.asked = query.get("account", "").strip()[:200]
        self.number = query.get("page", "1")

    def _of(self, state: str) -> QuerySet[Chat]:
        rows = chats_for(self.user)
        if state == UNKNOWN:
            return rows.filter(contact=None, is_aside=False)
        return rows.filter(open_keys(self.now)) if state == OPEN else rows

    @cached_property
    def rows(self) -> QuerySet[Chat]:
        rows = self._of(self.state)
        if self.text:
            rows = rows.filter(
                Q(name__icontains=self.text) | Q(contact__name__icontains=self.text) | Q(contact__account__name__icontains=self.text)
            )  # fmt: skip
        return rows.order_by("-wrote_at", "-pk")

    @cached_property
    def page(self) -> Any:
        return Paginator(self.rows, int(self.vendor["page_rows"])).get_page(self.number)

    @cached_property
    def shown(self) -> list[Row]:
        return [Row(one, self.now) for one in lines_of(list(self.page.object_list), self.now)]

    @property
    def states(self) -> list[tuple[str, str, int]]:
        words = {OPEN: _("May be answered"), UNKNOWN: _("Somebody to name"), ALL: pgettext("chats", "All")}
        return [(key, label, self._of(key).count()) for key, label in words.items()]

    @property
    def may_act(self) -> bool:
        return may_edit(self.user)

    @cached_property
    def channels(self) -> list[Channel]:
        return channels()

    @property
    def has_unknown(self) -> bool:
        return any(one.chat.contact is None and not one.chat.is_aside for one in self.shown)

    @cached_property
    def account(self) -> Account | None:
        """Whose people may be named: the account that was asked for."""
        return account_called(self.user, self.asked)

    @cached_property
    def contacts(self) -> list[Contact]:
        """Its contacts without an id in WeCom."""
        if self.account is None:
            return []
        return contacts_without_key(Medium.WECOM, self.account)

    @property
    def all_rows(self) -> list[Row]:
        return [Row(one, self.now) for one in lines_of(list(self.rows[:MOST]), self.now)]


def file_rows(rows: Sequence[Row]) -> Iterator[list[object]]:
    """Chats as the rows of a file, headings first."""
    yield [_("Name"), _("Account"), _("Channel"), _("Wrote"), _("Said last"), _("May be answered")]
    for one in rows:
        contact = one.chat.contact
        yield [
            one.name, contact.account.name if contact is not None else "", one.chat.channel.name, one.chat.wrote_at, one.newest, one.state[0],
        ]  # fmt: skip
