"""What every page's frame shows: the rail with its counts, how fresh the data is, the person's choices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

from django.core.cache import cache
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from evergreen.alerts.models import WorkOrder
from evergreen.base import clock
from evergreen.base.models import Progress, User
from evergreen.customers.queries import accounts_for, sees_every_account
from evergreen.events import freshness
from evergreen.flow.needs import queries as needs
from evergreen.playbooks.models import Enrolment
from evergreen.touches.models import Message
from evergreen.web.requests import StaffRequest
from evergreen.work.models import Task

COUNTS_SECONDS = 30
FRESH_SECONDS = 15
STALE_HOURS = 36


@dataclass(frozen=True, slots=True)
class Item:
    """A place in the rail: its URL's name, its word, its letter after g, its key in the counts, who sees it, and the name of a URL
    whose pages belong to it too."""

    name: str
    label: str | Promise
    key: str = ""
    counted: str = ""
    configures: bool = False
    also: str = ""
    url: str = ""
    on: bool = False
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    label: str | Promise
    items: list[Item]


@dataclass(frozen=True, slots=True)
class AsOf:
    """How fresh the data is: the newest finished night and when the newest events came in."""

    night: dt.date | None
    event_at: dt.datetime | None
    is_stale: bool


RAIL = (
    Group(
        "",
        [
            Item("today", _("Today"), "d", "today"),
            Item("accounts", _("Accounts"), "a", "accounts"),
            Item("work-orders", _("Alerts"), "l", "orders", also="alerts"),
            Item("tasks", _("Tasks"), "t", "tasks"),
            Item("playbooks", _("Playbooks"), "b", "stuck"),
            Item("messages", _("Messages"), "o", "unknown"),
            Item("groups", _("Customer groups"), "k"),
        ],
    ),
    Group(
        _("Insight"),
        [
            Item("portfolio", pgettext_lazy("page", "Portfolio"), "p"),
            Item("surveys", _("Surveys"), "v"),
            Item("segments", _("Segments"), "e"),
            Item("analytics", _("Product analytics"), "y"),
            Item("expansion", _("Expansion"), "x"),
            Item("recommendations", _("Recommendations"), "r"),
            Item("scorecards", _("Health scorecards"), "h"),
            Item("forecast", _("Forecast"), "f"),
            Item("ahead", _("Twelve months ahead"), "n"),
            Item("experiments", _("Experiments"), "w"),
            Item("review", _("Service review"), "q", configures=True),
            Item("metrics", _("Metrics"), "m"),
        ],
    ),
    Group(
        _("Data"),
        [
            Item("imports", _("Imports"), "i", configures=True),
            Item("connections", _("Connections"), "c", configures=True),
            Item("unmatched", _("Unmatched"), "u", configures=True),
            Item("settings", _("Settings"), "s"),
        ],
    ),
)
DOCK = ("today", "accounts", "work-orders", "tasks")


class Shell:
    """Computed when the frame is drawn, so that a fragment pays for none of it."""

    def __init__(self, request: StaffRequest) -> None:
        self.request = request

    @cached_property
    def groups(self) -> list[Group]:
        counts = counts_for(self.request.user, self.request.today)
        allowed = self.request.user.may_configure
        shown = [
            Group(
                group.label,
                [self._placed(item, counts) for item in group.items if allowed or not item.configures],
            )
            for group in RAIL
        ]
        groups = [Group(group.label, [item for item in group.items if item.url]) for group in shown]
        return [group for group in groups if group.items]

    @cached_property
    def items(self) -> list[Item]:
        return [item for group in self.groups for item in group.items]

    @cached_property
    def dock(self) -> list[Item]:
        return [item for item in self.items if item.name in DOCK]

    @cached_property
    def asof(self) -> AsOf:
        return as_of(self.request.vendor, self.request.now)

    @cached_property
    def sign_out(self) -> str:
        return _url("sign-out")

    @cached_property
    def imports(self) -> str:
        """Where files are imported, for those who may."""
        return _url("imports") if self.request.user.may_configure else ""

    @property
    def themes(self) -> list[tuple[str, str]]:
        short = {User.Theme.AUTO.value: pgettext("theme", "Auto")}
        return [(value, short.get(value, str(label))) for value, label in User.Theme.choices]

    def _placed(self, item: Item, counts: dict[str, int]) -> Item:
        url = _url(item.name)
        path = self.request.path
        places = [url, _url(item.also) if item.also else ""]
        on = any(place and (path == place or (place != "/" and path.startswith(place))) for place in places)
        return replace(item, url=url, on=on, count=counts.get(item.counted))


def context(request: HttpRequest) -> dict[str, Any]:
    """``shell`` and ``vendor_currency`` for the templates of signed-in pages."""
    if not hasattr(request, "vendor") or not request.user.is_authenticated:
        return {}
    staff = cast(StaffRequest, request)
    return {"shell": Shell(staff), "vendor_currency": staff.vendor["currency"]}


def counts_for(user: User, day: dt.date) -> dict[str, int]:
    """The rail's counts for a person, at most ``COUNTS_SECONDS`` old; a change of theirs makes them fresh."""
    return cast(dict[str, int], cache.get_or_set(_key(user.pk), lambda: _counts(user, day), COUNTS_SECONDS))


def forget_counts(user_id: int) -> None:
    cache.delete(_key(user_id))


def _key(user_id: int) -> str:
    return f"rail-counts:{user_id}"


def _counts(user: User, day: dt.date) -> dict[str, int]:
    mine = accounts_for(user)
    orders = WorkOrder.objects.unresolved().awake(day)
    if not sees_every_account(user):
        orders = orders.filter(account__in=mine)
    tasks = Task.objects.filter(assignee=user, state=Task.State.OPEN).exclude(snoozed_until__gt=day)
    stuck = Enrolment.objects.filter(state=Enrolment.State.STUCK, account__in=mine.order_by()).count()
    unknown = Message.objects.filter(state=Message.State.UNKNOWN, account__in=mine.order_by()).count()
    return {
        "today": needs.count_of(user, day),
        "accounts": mine.count(),
        "orders": orders.count(),
        "tasks": tasks.count(),
        # Runs that need attention and messages of which nobody knows are rare: no number stands there while there is none.
        **({"stuck": stuck} if stuck else {}),
        **({"unknown": unknown} if unknown else {}),
    }


def as_of(vendor: dict[str, Any], now: dt.datetime) -> AsOf:
    """The newest night that ran to its end, the newest arrival, and whether it is older than 36 hours."""
    night = newest_night()
    event_at = _cached("newest-arrival", freshness.newest_arrival)
    if night is None:
        return AsOf(None, event_at, False)
    ended = clock.day_end(night, clock.zone(vendor["timezone"]))
    return AsOf(night, event_at, now - ended > dt.timedelta(hours=STALE_HOURS))


def newest_night() -> dt.date | None:
    """The newest day that has marks of the night and none of them unfinished."""
    unfinished = Progress.objects.filter(state=Progress.State.STARTED).values("day")
    done = Progress.objects.filter(state=Progress.State.DONE).exclude(day__in=unfinished)
    return done.order_by("-day").values_list("day", flat=True).first()


def _cached(key: str, ask: Callable[[], Any]) -> Any:
    return cache.get_or_set(key, ask, FRESH_SECONDS)


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
