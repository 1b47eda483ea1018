"""The list of groups as an address asks for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from evergreen.base.models import User
from evergreen.touches.groups.looking import Line, groups_for, lines_of
from evergreen.touches.models import CustomerGroup
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.groups import words

OVER, LOST = "over", "lost"
# Groups whose health is computed for one page's filter at the most.
MOST = 3_000


class GroupList:
    """What the page of groups shows for an address."""

    def __init__(self, user: User, query: QueryDict, vendor: Mapping[str, Any], now: dt.datetime) -> None:
        self.user, self.vendor, self.now = user, vendor, now
        self.text = query.get("q", "").strip()[:100]
        self.kind = query.get("kind", "") if query.get("kind", "") in CustomerGroup.Kind.values else ""
        self.purpose = (
            query.get("purpose", "") if query.get("purpose") in CustomerGroup.Purpose.values else ""
        )
        self.mine = query.get("mine") == "yes"
        self.state = query.get("state", "") if query.get("state") in {OVER, LOST} else ""
        self.band = query.get("band", "") if query.get("band") in words.BANDS else ""
        self.number = query.get("page", "1")

    @cached_property
    def rows(self) -> QuerySet[CustomerGroup]:
        rows = groups_for(self.user).filter(ended_at__isnull=self.state != OVER)
        if self.state == LOST:
            rows = rows.filter(accounts=None)
        if self.text:
            hit = Q(name__icontains=self.text) | Q(
                pk__in=CustomerGroup.objects.filter(accounts__name__icontains=self.text).values("pk")
            )
            rows = rows.filter(hit)
        if self.kind:
            rows = rows.filter(kind=self.kind)
        if self.purpose:
            rows = rows.filter(purpose=self.purpose)
        if self.mine:
            rows = rows.filter(owner=self.user)
        return rows.order_by("name", "pk")

    @cached_property
    def all_lines(self) -> list[Line]:
        """Every group of the address, those that need something first."""
        found = lines_of(list(self.rows[:MOST]), self.now)
        if self.band:
            found = [one for one in found if one.health.band == self.band]
        return sorted(found, key=lambda one: (one.health.points, one.group.name))

    @cached_property
    def page(self) -> Any:
        return Paginator(self.all_lines, int(self.vendor["page_rows"])).get_page(self.number)

    @property
    def shown(self) -> list[tuple[Line, str, str, str]]:
        """(line, band in words, its tone, what to do first) of each group on the page."""
        return [
            (one, str(words.BANDS[one.health.band]), words.TONES[one.health.band], words.next_step(one))
            for one in self.page.object_list
        ]

    @cached_property
    def counts(self) -> dict[str, int]:
        return groups_for(self.user).aggregate(
            all=Count("pk", filter=Q(ended_at=None), distinct=True),
            lost=Count("pk", filter=Q(ended_at=None, accounts=None), distinct=True),
            over=Count("pk", filter=Q(ended_at__isnull=False), distinct=True),
        )

    @property
    def states(self) -> list[tuple[str, str, int]]:
        return [
            ("", _("Looked after"), self.counts["all"]),
            (LOST, _("Without an account"), self.counts["lost"]),
            (OVER, pgettext("groups", "Over"), self.counts["over"]),
        ]

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [(key, str(label)) for key, label in CustomerGroup.Kind.choices]

    @property
    def purposes(self) -> list[tuple[str, str]]:
        return [(key, str(label)) for key, label in CustomerGroup.Purpose.choices]

    @property
    def bands(self) -> list[tuple[str, str]]:
        return [(key, str(label)) for key, label in words.BANDS.items()]

    @property
    def may_act(self) -> bool:
        return may_edit(self.user)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.text or self.kind or self.purpose or self.mine or self.band or self.state)

    @property
    def formula(self) -> str:
        return words.formula()


def file_rows(lines: list[Line]) -> Iterator[list[object]]:
    """Groups as the rows of a file, headings first."""
    yield [
        _("Group"), _("Kind"), _("Purpose"), _("Accounts"), _("Owner"), _("People of the customer"), _("Unknown people"), _("Colleagues"),
        _("Came in 30 days"), _("Left in 30 days"), _("Last written to"), _("Made"), _("Points of health"), _("To do"),
    ]  # fmt: skip
    for one in lines:
        group, seen = one.group, one.seen
        yield [
            group.name, group.get_kind_display(), group.get_purpose_display(), "; ".join(account.name for account in one.accounts),
            str(group.owner or group.owner_key), one.people, one.strangers, one.ours, seen.came, seen.left, seen.written_at, group.made_at,
            one.health.points, words.next_step(one),
        ]  # fmt: skip
