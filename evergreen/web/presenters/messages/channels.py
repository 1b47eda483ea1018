"""Channels: which are set up, how they do, which can be added and what each says of itself."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from evergreen.base.queries import setting
from evergreen.touches.channels import registry
from evergreen.touches.channels.contract import CONTACTS, STAFF, ChannelAdapter, Rates
from evergreen.touches.channels.wecom.pages import Pages
from evergreen.touches.models import Channel, DeadAddress, Message, Receipt, Site
from evergreen.touches.ways import rates_of
from evergreen.web import formats
from evergreen.web.presenters.messages.beside import Step, steps

# Why the script got no answer at a site.
SITE_FAULTS = {
    "site": gettext_lazy("not among the sites of this channel: add it, or somebody copied your script"),
    "signature": gettext_lazy("the signature does not fit: another secret, or another text was signed"),
    "account": gettext_lazy("several accounts have this user's id: send and sign the account's id too"),
    "body": gettext_lazy("the call could not be read"),
    "message": gettext_lazy("it asked about a message of somebody else"),
    "kind": gettext_lazy("it told something that there is not"),
    "fields": gettext_lazy("an answer could not be read"),
    "closed": gettext_lazy("an answer came after the survey was over"),
}


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """A channel in the list: what it is, how it does, what went by it in 30 days."""

    channel: Channel
    kind: str
    state: str
    tone: str
    waiting: int
    sent: int
    bad: int


def label_of(kind: str) -> str:
    adapter = registry.adapter_class(kind)
    return adapter.zh if formats.language().startswith("zh") else adapter.en


def about_of(kind: str) -> str:
    """What a kind of channel does, in words."""
    return registry.adapter_class(kind).about[0 if formats.language().startswith("zh") else 1]


def state_of(channel: Channel, now: dt.datetime) -> tuple[str, str]:
    """A channel's state in words, and its tone."""
    if not channel.is_on:
        return pgettext("channel", "off"), "none"
    if channel.rests_until is not None and channel.rests_until > now:
        return _("rests until %(when)s") % {"when": formats.moment(channel.rests_until)}, "bad"
    return pgettext("channel", "on"), "good"


def lines(now: dt.datetime) -> list[ChannelLine]:
    since = now - dt.timedelta(days=30)
    state = Message.State
    recent = Q(messages__ended_at__gte=since)
    rows = Channel.objects.annotate(
        waiting=Count("messages", filter=Q(messages__state__in=(state.PLANNED, state.CLAIMED))),
        sent=Count("messages", filter=recent & Q(messages__state=state.ACCEPTED)),
        bad=Count("messages", filter=recent & Q(messages__state__in=(state.REFUSED, state.UNKNOWN))),
    )
    return [
        ChannelLine(
            one, label_of(one.kind), *state_of(one, now), waiting=one.waiting, sent=one.sent, bad=one.bad
        )
        for one in rows.order_by("name")
    ]


@dataclass(frozen=True, slots=True)
class Offer:
    """A kind of channel that can be set up."""

    kind: str
    label: str
    about: str
    audience: str


def offers() -> list[Offer]:
    return [
        Offer(kind, label_of(kind), about_of(kind), audience_words(registry.adapter_class(kind)))
        for kind in registry.kinds()
    ]


def audience_words(adapter: type[ChannelAdapter]) -> str:
    if adapter.audience == CONTACTS:
        return _("to customers and colleagues")
    return _("to colleagues") if adapter.audience == STAFF else _("to systems")


class ChannelPage:
    """One channel: what it declares, its fault, how it did."""

    def __init__(self, channel: Channel, now: dt.datetime) -> None:
        self.channel, self.now = channel, now
        self.adapter = registry.adapter_class(channel.kind)
        self.state, self.tone = state_of(channel, now)

    @property
    def label(self) -> str:
        return label_of(self.channel.kind)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What the channel declares of itself."""
        receipts = pgettext("list", ", ").join(str(Receipt.Kind(one).label) for one in self.adapter.receipts)
        window = self.adapter.window
        answers = _("who wrote within %(hours)s hours, %(n)s messages each") % {
            "hours": int(window.lasts.total_seconds() // 3_600), "n": window.most
        } if window is not None else ""  # fmt: skip
        return [
            (pgettext("channel", "For"), answers or audience_words(self.adapter)),
            (_("Rates"), self._rates),
            (_("After a lost answer"), _("sent again under the same key") if self.adapter.honours_keys else _("unknown, for a person to settle")),
            (_("Heard of it"), receipts or _("nothing: the provider tells nothing")),
        ]  # fmt: skip

    @property
    def door(self) -> str:
        """The address that the provider is told, to post to; '' for one that never posts."""
        if not self.channel.door or self.adapter.in_product:
            return ""
        return f"{self._base}/in/{self.channel.door}/"

    @property
    def _base(self) -> str:
        return str(setting("public_url")).rstrip("/")

    @property
    def has_chats(self) -> bool:
        return self.adapter.window is not None

    @property
    def has_tags(self) -> bool:
        return self.adapter.gives_tags

    @property
    def in_product(self) -> bool:
        return self.adapter.in_product

    @cached_property
    def beside(self) -> list[Step]:
        """How its page beside the chats is set up; empty for a channel without one."""
        return steps(self.channel) if issubclass(self.adapter, Pages) else []

    @property
    def script(self) -> str:
        """The address of the in-app script; '' for other channels and where no public address is set."""
        if not self.adapter.in_product or not self._base:
            return ""
        return f"{self._base}/in-app/{self.channel.door}/script.js"

    @property
    def needs_address(self) -> bool:
        return self.adapter.in_product and not self._base

    @property
    def host(self) -> str:
        """The origin that the product's content policy has to allow."""
        parts = urlsplit(self._base)
        return f"{parts.scheme}://{parts.netloc}"

    @cached_property
    def sites(self) -> list[tuple[Site, str]]:
        """From where the script called, newest first, and why it got nothing there ('' where it did)."""
        return [
            (one, str(SITE_FAULTS.get(one.fault, one.fault)))
            for one in self.channel.sites.order_by("-last_at")
        ]

    @property
    def _rates(self) -> str:
        rates = rates_of(self.channel)
        words = {
            "a_minute": _("%(n)s a minute"), "an_hour": _("%(n)s an hour"), "a_day": _("%(n)s in 24 hours"),
            "recipient_a_minute": _("%(n)s a minute to one recipient"), "recipient_an_hour": _("%(n)s an hour to one recipient"), "recipient_a_day": _("%(n)s in 24 hours to one recipient"),
            "contact_a_day": _("%(n)s a day to one contact"),
        }  # fmt: skip
        if rates == Rates():
            return _("none of its own")
        told = [
            words[key] % {"n": formats.number(getattr(rates, key))} for key in words if getattr(rates, key)
        ]
        return pgettext("list", ", ").join(told)

    @cached_property
    def counts(self) -> dict[str, int]:
        state = Message.State
        since = self.now - dt.timedelta(days=30)
        recent = Q(ended_at__gte=since)
        return Message.objects.filter(channel=self.channel).aggregate(
            waiting=Count("pk", filter=Q(state__in=(state.PLANNED, state.CLAIMED, state.HANDED_OVER))),
            sent=Count("pk", filter=recent & Q(state=state.ACCEPTED)),
            refused=Count("pk", filter=recent & Q(state=state.REFUSED)),
            unknown=Count("pk", filter=Q(state=state.UNKNOWN)),
            held=Count("pk", filter=recent & Q(state=state.HELD_BACK)),
        )

    @cached_property
    def dead(self) -> list[DeadAddress]:
        return list(DeadAddress.objects.filter(medium=self.adapter.medium).order_by("-at")[:50])

    @property
    def has_sent(self) -> bool:
        return self.channel.messages.exists()
