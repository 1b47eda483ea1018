"""One group: who is in it and was, what was written to it, how it does; its form; a text to several of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.utils.dateparse import parse_date
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from evergreen.base.clock import day_start
from evergreen.base.markdown import render
from evergreen.base.models import User
from evergreen.base.queries import vendor_zone
from evergreen.customers.models import Account, Contact
from evergreen.customers.queries import accounts_for
from evergreen.touches import composing, values
from evergreen.touches.channels.contract import GROUPS
from evergreen.touches.groups.looking import Line, lines_of
from evergreen.touches.groups.writing import TASK, TOPICS, account_of, problems_of, text_of
from evergreen.touches.language import MissingError, TemplateError
from evergreen.touches.models import Channel, CustomerGroup, GroupMember, Message, Template, Topic
from evergreen.touches.ways import channels_that
from evergreen.web import formats
from evergreen.web.chosen import colleagues_of
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.groups import words
from evergreen.web.presenters.messages.listing import line as message_line
from evergreen.web.presenters.messages.listing import playbook_names
from evergreen.work.models import Task

_NEWEST = 30


class GroupPage:
    """A group as a person may see it."""

    def __init__(self, user: User, group: CustomerGroup, now: dt.datetime) -> None:
        self.user, self.group, self.now = user, group, now

    @cached_property
    def line(self) -> Line:
        return lines_of([self.group], self.now)[0]

    @property
    def band(self) -> str:
        return str(words.BANDS[self.line.health.band])

    @property
    def tone(self) -> str:
        return words.TONES[self.line.health.band]

    @property
    def next_step(self) -> str:
        return words.next_step(self.line)

    @property
    def parts(self) -> list[tuple[str, int, bool]]:
        return words.parts(self.line)

    @property
    def formula(self) -> str:
        return words.formula()

    @property
    def by_hand(self) -> bool:
        return self.group.kind == CustomerGroup.Kind.WECHAT

    @property
    def may_act(self) -> bool:
        return may_edit(self.user)

    @cached_property
    def members(self) -> list[GroupMember]:
        """Who is in it now: customers first, then colleagues."""
        rows = self.group.members.filter(left_at=None).select_related("contact__account", "staff")
        return list(rows.order_by("is_ours", "joined_at", "pk"))

    @cached_property
    def gone(self) -> list[GroupMember]:
        rows = self.group.members.filter(left_at__isnull=False).select_related("contact")
        return list(rows.order_by("-left_at")[:_NEWEST])

    @cached_property
    def contacts(self) -> list[Contact]:
        """Contacts of its accounts who are not in it."""
        inside = {one.contact_id for one in self.members if one.contact_id is not None}
        rows = Contact.objects.filter(account__in=self.line.accounts, left_on=None).exclude(pk__in=inside)
        return list(rows.order_by("account__name", "name")[:200])

    @property
    def colleagues(self) -> list[User]:
        inside = {one.staff_id for one in self.members}
        return [one for one in colleagues_of(self.user) if one.pk not in inside]

    @cached_property
    def messages(self) -> list[Any]:
        rows = Message.objects.filter(group=self.group).select_related(
            "contact", "staff", "channel", "template", "group"
        )
        names = playbook_names()
        return [message_line(one, names) for one in rows.order_by("-planned_at", "-pk")[:_NEWEST]]

    @cached_property
    def tasks(self) -> list[Task]:
        rows = Task.objects.filter(
            origin_kind=TASK, origin_id__endswith=f":{self.group.pk}", account__in=self.line.accounts
        )
        return list(rows.select_related("assignee").order_by("-created_at")[:_NEWEST])


class GroupForm:
    """A group's form as it was sent, or as it stands."""

    def __init__(
        self, user: User, group: CustomerGroup | None, post: QueryDict | None, account: str = ""
    ) -> None:
        self.user, self.group, self.post = user, group, post
        self.problems: list[str] = []
        self._account = account

    def _told(self, name: str, stored: str) -> str:
        return self.post.get(name, "") if self.post is not None else stored

    @property
    def by_hand(self) -> bool:
        return self.group is None or self.group.kind == CustomerGroup.Kind.WECHAT

    @property
    def name(self) -> str:
        return self._told("name", self.group.name if self.group else "")

    @property
    def note(self) -> str:
        return self._told("note", self.group.note if self.group else "")

    @property
    def purpose(self) -> str:
        return self._told("purpose", self.group.purpose if self.group else CustomerGroup.Purpose.SERVICE)

    @property
    def owner(self) -> str:
        kept = self.group.owner_id if self.group else self.user.pk
        return self._told("owner", str(kept or ""))

    @property
    def made_on(self) -> str:
        kept = self.group.made_at.astimezone(vendor_zone()).date().isoformat() if self.group else ""
        return self._told("made_on", kept)

    @property
    def accounts(self) -> str:
        """Accounts, one a line."""
        if self.post is not None:
            return self.post.get("accounts", "")
        if self.group is not None:
            chosen = (
                self.group.accounts.order_by("name") if self.by_hand or self.group.are_accounts_chosen else ()
            )
            return "\n".join(one.external_id for one in chosen)
        return self._account

    @property
    def purposes(self) -> list[tuple[str, str]]:
        return [(key, str(label)) for key, label in CustomerGroup.Purpose.choices]

    @property
    def people(self) -> list[User]:
        return colleagues_of(self.user)

    @property
    def given(self) -> dict[str, Any]:
        """What the actions take; accounts that nobody knows stand in ``problems``."""
        found: list[int] = []
        visible = accounts_for(self.user)
        for text in filter(None, (one.strip() for one in self.accounts.splitlines())):
            rows = list(visible.filter(external_id=text)[:2]) or list(visible.filter(name=text)[:2])
            if len(rows) == 1:
                found.append(rows[0].pk)
            else:
                said = _("“%(text)s”: several accounts are called so; write its id.") if rows else _("“%(text)s”: no account of yours has this id or name.")  # fmt: skip
                self.problems.append(said % {"text": text})
        day = parse_date(self.made_on) if self.made_on else None
        owner = next((one for one in self.people if str(one.pk) == self.owner), None)
        if owner is None and self.group is not None and str(self.group.owner_id) == self.owner:
            owner = self.group.owner
        return {
            "name": self.name, "purpose": self.purpose, "note": self.note, "accounts": found, "owner": owner,
            "made_at": day_start(day, vendor_zone()) if day else None,
        }  # fmt: skip


class Writing:
    """A text to several groups, with what each of the first would read."""

    def __init__(
        self, user: User, groups: Sequence[CustomerGroup], post: QueryDict | None, now: dt.datetime
    ) -> None:
        self.user, self.groups, self.post, self.now = user, groups, post, now
        self.problems: list[str] = []

    def _told(self, name: str, default: str = "") -> str:
        return self.post.get(name, default) if self.post is not None else default

    @cached_property
    def given(self) -> dict[str, Any]:
        chosen = Template.objects.filter(key=self._told("template"), is_archived=False).first()
        body = self._told("body")
        if chosen is not None and self._told("take"):
            body = chosen.body.get("zh" if formats.language().startswith("zh") else "en") or next(
                iter(chosen.body.values()), ""
            )
        return {"subject": self._told("subject"), "body": body, "topic": self._told("topic", Topic.GUIDANCE)}

    @property
    def templates(self) -> list[tuple[str, str]]:
        rows = Template.objects.filter(is_archived=False).order_by("key")
        return [(one.key, formats.named(one.name)) for one in rows]

    @property
    def topics(self) -> list[tuple[str, str]]:
        return [(one.value, str(one.label)) for one in TOPICS]

    @property
    def to_confirm(self) -> int:
        return sum(one.kind == CustomerGroup.Kind.WECOM for one in self.groups)

    @property
    def to_paste(self) -> int:
        return len(self.groups) - self.to_confirm

    @cached_property
    def mistakes(self) -> list[str]:
        return problems_of({**self.given, "subject": "-"}) if self.given["body"].strip() else []

    @cached_property
    def previews(self) -> list[tuple[CustomerGroup, str, SafeString | str, str]]:
        """(group, who confirms or posts it, its text, what it lacks) of the first three groups."""
        if self.mistakes or not self.given["body"].strip():
            return []
        return [self._preview(one) for one in self.groups[:3]]

    def _preview(self, group: CustomerGroup) -> tuple[CustomerGroup, str, SafeString | str, str]:
        template = text_of(self.given)
        person = values.Person(account_of(group))
        told = values.values_for([person], composing.paths_of(template), now=self.now)[person]
        who = str(group.owner or group.owner_key)
        try:
            written = composing.write(template, {**told, "group.name": group.name}, formats.language())
        except MissingError as error:
            named = values.names(error.paths)
            return group, who, "", ", ".join(named[path] for path in error.paths)
        except TemplateError as error:
            return group, who, "", str(error)
        return group, who, render(written.body), ""


def groups_of(account: Account, now: dt.datetime) -> list[tuple[Line, str, str, str]]:
    """An account's groups on its page: (line, band in words, tone, what to do first)."""
    rows = CustomerGroup.objects.filter(accounts=account, ended_at=None).select_related("owner", "channel")
    return [
        (one, str(words.BANDS[one.health.band]), words.TONES[one.health.band], words.next_step(one))
        for one in lines_of(list(rows[:50]), now)
    ]


def channels() -> list[Channel]:
    """The channels from which groups are read."""
    return list(channels_that(lambda one: one.audience == GROUPS).filter(is_on=True).order_by("pk"))
