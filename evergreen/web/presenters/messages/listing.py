"""The list of messages as an address asks for it, and one message with what was heard of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.http import QueryDict
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from evergreen.base.markdown import render
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.playbooks.models import Playbook
from evergreen.touches import composing
from evergreen.touches.models import Channel, Medium, Message, Receipt
from evergreen.touches.queries import messages_for
from evergreen.web import formats
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.messages.words import TONES, why

WAITING, UNCONFIRMED, SENT, UNKNOWN, REFUSED, HELD = (
    "waiting",
    "unconfirmed",
    "sent",
    "unknown",
    "refused",
    "held",
)
_State = Message.State
STATES = {
    WAITING: Q(state__in=(_State.PLANNED, _State.CLAIMED, _State.HANDED_OVER)),
    UNCONFIRMED: Q(state=_State.ACCEPTED) & ~Q(waits_for=""),
    UNKNOWN: Q(state=_State.UNKNOWN),
    REFUSED: Q(state=_State.REFUSED),
    HELD: Q(state__in=(_State.HELD_BACK, _State.WITHDRAWN)),
    SENT: Q(state=_State.ACCEPTED, waits_for=""),
}


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message in words."""

    message: Message
    to: str
    what: str
    why: str
    tone: str
    playbook: str

    @property
    def heard(self) -> str:
        """The farthest that was heard of it."""
        return str(Receipt.Kind(self.message.outcome).label) if self.message.outcome else ""

    @property
    def at(self) -> dt.datetime:
        return self.message.ended_at or self.message.due_at


def line(message: Message, playbooks: Mapping[str, str]) -> MessageLine:
    person = message.contact or message.staff or message.group
    to = (
        str(person) if person else (message.channel.name if message.medium == Medium.WEBHOOK else _("nobody"))
    )
    what = (
        message.subject
        or composing.plain(message.body)[:80]
        or (formats.named(message.template.name) if message.template else "")
    )
    return MessageLine(
        message,
        to,
        what,
        why(message),
        "info" if message.waits_for else TONES.get(message.state, "none"),
        playbooks.get(message.origin_name, message.origin_name),
    )


def playbook_names() -> dict[str, str]:
    return {one.key: formats.named(one.name) for one in Playbook.objects.order_by("key")}


class MessageList:
    """What the page of messages shows for an address."""

    def __init__(self, user: User, query: QueryDict, vendor: Mapping[str, Any]) -> None:
        self.user, self.vendor = user, vendor
        self.state = query.get("state", "") if query.get("state", "") in STATES else ""
        self.playbook = query.get("playbook", "")[:40]
        self.channel = query.get("channel", "")[:40]
        self.text = query.get("q", "").strip()[:100]
        self.number = query.get("page", "1")

    def _asked(self) -> QuerySet[Message]:
        rows = messages_for(self.user)
        if self.playbook:
            rows = rows.filter(origin_name=self.playbook)
        if self.channel:
            rows = rows.filter(channel__key=self.channel)
        if self.text:
            rows = rows.filter(
                Q(account__name__icontains=self.text)
                | Q(contact__name__icontains=self.text)
                | Q(subject__icontains=self.text)
            )
        return rows

    @cached_property
    def shown(self) -> str:
        """The state shown: what needs somebody first, where the address asks for none."""
        return self.state or (UNKNOWN if self.counts[UNKNOWN] else SENT)

    @cached_property
    def rows(self) -> QuerySet[Message]:
        rows = self._asked().filter(STATES[self.shown])
        # What waits longest comes first where something is waited for.
        first = {WAITING: ("due_at", "pk"), UNCONFIRMED: ("ended_at", "pk")}.get(
            self.shown, ("-ended_at", "-pk")
        )
        return rows.order_by(*first)

    @cached_property
    def page(self) -> Page[Message]:
        return Paginator(self.rows, int(self.vendor["page_rows"])).get_page(self.number)

    @cached_property
    def playbooks(self) -> dict[str, str]:
        return playbook_names()

    @cached_property
    def lines(self) -> list[MessageLine]:
        return [line(one, self.playbooks) for one in self.page.object_list]

    @cached_property
    def counts(self) -> dict[str, int]:
        by = {name: Count("pk", filter=meant) for name, meant in STATES.items()}
        return self._asked().aggregate(**by)

    @property
    def states(self) -> list[tuple[str, str, int]]:
        words = {
            WAITING: pgettext("messages", "Waiting"), UNKNOWN: pgettext("messages", "Unknown"), REFUSED: pgettext("messages", "Refused"),
            HELD: pgettext("messages", "Held back"), SENT: pgettext("messages", "Sent"),
            UNCONFIRMED: pgettext("messages", "To be confirmed in WeCom"),
        }  # fmt: skip
        # Most vendors have no channel whose messages somebody confirms.
        shown = [key for key in STATES if key != UNCONFIRMED or self.counts[key] or self.shown == key]
        return [(key, words[key], self.counts[key]) for key in shown]

    @cached_property
    def channels(self) -> list[Channel]:
        return list(Channel.objects.order_by("name"))

    @property
    def may_act(self) -> bool:
        return may_edit(self.user)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.playbook or self.channel or self.text)


def file_rows(rows: QuerySet[Message]) -> Iterator[list[object]]:
    """Messages as the rows of a file, headings first."""
    yield [
        _("Account"), _("Account id"), _("To"), _("Address"), _("Channel"), _("Topic"), _("Playbook"), _("Subject"), _("State"), _("Why"),
        _("Heard of it"), _("Planned"), _("Sent or ended"),
    ]  # fmt: skip
    names = playbook_names()
    for one in rows.iterator(chunk_size=2_000):
        told = line(one, names)
        yield [
            one.account.name if one.account else "", one.account.external_id if one.account else "", told.to, one.address, one.channel.name,
            one.get_topic_display(), told.playbook, told.what, one.get_state_display(), told.why, one.outcome, one.planned_at, one.ended_at,
        ]  # fmt: skip


def messages_of(account: Account, most: int) -> list[MessageLine]:
    """The newest messages about an account."""
    rows = Message.objects.filter(account=account).select_related("contact", "staff", "channel", "template")
    names = playbook_names()
    return [line(one, names) for one in rows.order_by("-planned_at", "-pk")[:most]]


class MessagePage:
    """One message: its text as its reader got it, and its way."""

    def __init__(self, user: User, message: Message) -> None:
        self.user, self.message = user, message
        self.line = line(message, playbook_names())

    @property
    def body(self) -> SafeString:
        return render(self.message.body)

    @property
    def data(self) -> list[tuple[str, object]]:
        """What went beside the text, for a webhook or a registered SMS."""
        return sorted(self.message.data.items())

    @cached_property
    def receipts(self) -> list[Receipt]:
        return list(self.message.receipts.order_by("-at", "-pk"))

    @property
    def run(self) -> str:
        """The number of the run that wanted it; '' for none."""
        is_run = self.message.origin_kind == "playbook"
        return self.message.origin_id.partition(":")[0] if is_run else ""

    @property
    def may_act(self) -> bool:
        return may_edit(self.user)

    @property
    def can_be_sent_again(self) -> bool:
        again = {_State.UNKNOWN, _State.REFUSED, _State.HELD_BACK, _State.WITHDRAWN}
        is_gone = self.message.origin_kind in Message.OF_THE_MOMENT
        return (
            self.message.state in again and self.message.reason not in {"missing", "template"} and not is_gone
        )
