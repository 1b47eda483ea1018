"""One contact code: its picture, who came by it; its form; many at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.customers.models import Account, Contact
from evergreen.customers.queries import accounts_for
from evergreen.metrics.segments.queries import members, segments
from evergreen.touches.addressing import contacts_without_key
from evergreen.touches.codes import looking
from evergreen.touches.codes.coming import ORIGIN
from evergreen.touches.codes.keeping import channels
from evergreen.touches.models import Channel, ContactCode, Medium, Message, Template, Tie
from evergreen.touches.ways import adapter_of
from evergreen.web import formats
from evergreen.web.chosen import colleagues_of
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.codes.listing import state_of
from evergreen.web.presenters.messages.listing import line as message_line

_NEWEST = 30
MINE, ALL = "mine", "all"


class CodePage:
    """A code as a person may see it."""

    def __init__(self, user: User, code: ContactCode, account: str = "") -> None:
        self.user, self.code = user, code
        self.asked = account.strip()[:200]

    @cached_property
    def account(self) -> Account | None:
        """Whose people may be named: the code's account; for a code of anybody the one that was asked for."""
        return self.code.account or account_called(self.user, self.asked)

    @cached_property
    def line(self) -> looking.Line:
        return looking.lines_of([self.code])[0]

    @property
    def state(self) -> str:
        return state_of(self.code)[0]

    @property
    def tone(self) -> str:
        return state_of(self.code)[1]

    @property
    def may_act(self) -> bool:
        return may_edit(self.user)

    @property
    def has_callback(self) -> bool:
        """Whether WeCom tells at once who comes; else they are known within six hours and nobody is welcomed."""
        try:
            return bool(adapter_of(self.code.channel).config.callback_token)
        except ValueError:
            return False

    @cached_property
    def people(self) -> list[Tie]:
        return looking.people_of(self.code)

    @cached_property
    def contacts(self) -> list[Contact]:
        """Contacts of the account that nobody's id names yet."""
        if self.account is None:
            return []
        return contacts_without_key(Medium.WECOM, self.account)

    @cached_property
    def messages(self) -> list[Any]:
        rows = Message.objects.filter(origin_kind=ORIGIN, origin_id=self.code.key)
        rows = rows.select_related("contact", "staff", "channel", "template", "group")
        return [message_line(one, {}) for one in rows.order_by("-planned_at", "-pk")[:_NEWEST]]


def account_called(user: User, text: str) -> Account | None:
    """The account of this id or full name, if the person may see it."""
    if not text:
        return None
    rows = accounts_for(user)
    return rows.filter(external_id=text).first() or rows.filter(name=text).first()


class CodeForm:
    """A code's form as it was sent, or as it stands."""

    def __init__(
        self, user: User, code: ContactCode | None, post: QueryDict | None, asked: Mapping[str, str]
    ) -> None:
        self.user, self.code, self.post, self.asked = user, code, post, asked
        self.problems: list[str] = []

    def _told(self, name: str, stored: str) -> str:
        if self.post is not None:
            return self.post.get(name, "")
        return stored if self.code is not None else self.asked.get(name, stored)

    def _ticked(self, name: str, stored: bool) -> bool:
        return name in self.post if self.post is not None else stored

    @cached_property
    def channels(self) -> list[Channel]:
        return channels()

    @property
    def channel(self) -> str:
        first = self.channels[0].key if self.channels else ""
        return self._told("channel", self.code.channel.key if self.code is not None else first)

    @property
    def account(self) -> str:
        return self._told("account", self.code.account.external_id if self.code and self.code.account else "")

    @property
    def contact(self) -> str:
        return self._told("contact", str(self.code.contact_id or "") if self.code else "")

    @property
    def name(self) -> str:
        """As it stands; for a new one what it is for."""
        if self.post is not None or self.code is not None:
            return self._told("name", self.code.name if self.code else "")
        found = self._contact or self._account
        return str(found.name)[:30] if found is not None else ""

    @property
    def follows_owner(self) -> bool:
        return self._ticked("follows_owner", self.code.follows_owner if self.code else True)

    @property
    def skips_asking(self) -> bool:
        return self._ticked("skips_asking", self.code.skips_asking if self.code else True)

    @property
    def makes_contacts(self) -> bool:
        return self._ticked("makes_contacts", self.code.makes_contacts if self.code else False)

    @property
    def welcome(self) -> str:
        return self._told("welcome", self.code.welcome.key if self.code and self.code.welcome else "")

    @cached_property
    def templates(self) -> list[tuple[str, str]]:
        rows = Template.objects.filter(is_archived=False).order_by("key")
        return [(one.key, formats.named(one.name) or one.key) for one in rows]

    @cached_property
    def people(self) -> list[tuple[User, bool]]:
        chosen = set(self.post.getlist("staff")) if self.post is not None else {str(one.pk) for one in self.code.staff.all()} if self.code else set()  # fmt: skip
        return [(one, str(one.pk) in chosen) for one in colleagues_of(self.user)]

    @cached_property
    def _account(self) -> Account | None:
        return account_called(self.user, self.account.strip())

    @cached_property
    def _contact(self) -> Contact | None:
        if not self.contact.isdecimal() or len(self.contact) > 18:
            return None
        rows = Contact.objects.filter(pk=int(self.contact), account__in=accounts_for(self.user))
        return rows.select_related("account").first()

    @property
    def contacts(self) -> list[Contact]:
        """Whom of the account the code may be for alone."""
        account = self._account or (self._contact.account if self._contact is not None else None)
        if account is None:
            return []
        return list(Contact.objects.filter(account=account, left_on=None).order_by("name")[:300])

    @property
    def given(self) -> dict[str, Any]:
        """What the actions take; what is not known stands in ``problems``."""
        if self.account.strip() and self._account is None:
            self.problems.append(
                _("“%(text)s”: no account of yours has this id or name.") % {"text": self.account}
            )
        contact = self._contact
        if contact is not None and self._account is not None and contact.account_id != self._account.pk:
            contact = None
        return {
            "channel": next((one for one in self.channels if one.key == self.channel), None), "name": self.name,
            "account": self._account, "contact": contact, "follows_owner": self.follows_owner,
            "staff": [one for one, on in self.people if on], "skips_asking": self.skips_asking, "makes_contacts": self.makes_contacts,
            "welcome": Template.objects.filter(key=self.welcome, is_archived=False).first() if self.welcome else None,
        }  # fmt: skip


class Making:
    """One code for each account of some: which, with what they share."""

    def __init__(self, user: User, post: QueryDict | None, now: dt.datetime) -> None:
        self.form = CodeForm(user, None, post, {})
        self.user, self.post, self.now = user, post, now
        self.problems: list[str] = []

    @property
    def which(self) -> str:
        return self.post.get("which", MINE) if self.post is not None else MINE

    @cached_property
    def choices(self) -> list[tuple[str, str]]:
        own = [(MINE, _("The accounts that are mine")), (ALL, _("Every account that I may see"))]
        return own + [(f"segment:{one.key}", formats.named(one.name)) for one in segments()]

    @cached_property
    def accounts(self) -> list[Account]:
        """The accounts that are meant, without those that have churned."""
        rows = accounts_for(self.user).exclude(stage=Account.Stage.CHURNED)
        if self.which == MINE:
            rows = rows.filter(owner=self.user)
        elif self.which.startswith("segment:"):
            key = self.which.removeprefix("segment:")
            segment = next((one for one in segments() if one.key == key), None)
            rows = (
                rows.filter(pk__in=members(segment, self.user).values("pk"))
                if segment is not None
                else rows.none()
            )
        return list(rows.exclude(owner=None).order_by("name"))

    @property
    def lacking(self) -> int:
        """How many of them have no code yet."""
        have = ContactCode.objects.filter(account__in=self.accounts, contact=None, ended_at=None)
        return len(self.accounts) - have.values("account").distinct().count()
