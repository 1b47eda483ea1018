"""The accounts page as it is shown: rows of one page, sums, chips of what it is narrowed to, saved views."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

from django.core.cache import cache
from django.core.paginator import Page, Paginator
from django.db.models import Q
from django.http import QueryDict
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from evergreen.base import money
from evergreen.base.models import AuditEntry, Team, User
from evergreen.customers import listing
from evergreen.customers.models import Account
from evergreen.metrics import registry
from evergreen.metrics.segments.queries import segments
from evergreen.web import formats
from evergreen.web.models import SavedView
from evergreen.web.presenters.accounts import columns, ordering
from evergreen.web.presenters.accounts.columns import Column, Reader

VIEWS = "accounts"
TOTALS_SECONDS = 60
# What of an address is not a filter.
_SHAPE = ("page", "sort", "cols", "density", "view")


@dataclass(frozen=True, slots=True)
class Chip:
    """One thing the list is narrowed to, in words, and the rest of the address without it."""

    text: str
    without: str


@dataclass(frozen=True, slots=True)
class Heading:
    column: Column
    address: str
    direction: str


@dataclass(frozen=True, slots=True)
class Row:
    account: Account
    cells: list[tuple[Column, SafeString | str]]


class Table:
    """Everything the accounts page shows for one address and one reader."""

    def __init__(self, user: User, query: QueryDict, vendor: dict[str, Any], today: dt.date) -> None:
        self.user = user
        self.query = query
        self.vendor = vendor
        self.today = today
        self.reader = Reader(user, today, vendor["currency"], columns.asked(query))
        self.filters, self.sort = asked(user, query, vendor["currency"])
        self.density = "dense" if query.get("density") == "dense" else ""

    @cached_property
    def totals(self) -> listing.Totals:
        """Counted anew after every recorded change, and at the latest each minute."""
        newest = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first()
        said = f"{self.user.pk}|{self.today}|{newest}|{self.filters}"
        key = "accounts-totals:" + hashlib.sha256(said.encode()).hexdigest()
        found = cache.get_or_set(
            key, lambda: listing.totals(self.user, self.filters, self.today), TOTALS_SECONDS
        )
        return cast(listing.Totals, found)

    @cached_property
    def page(self) -> Page[int]:
        return Paginator(range(self.totals.count), self.vendor["page_rows"]).get_page(self.query.get("page"))

    @cached_property
    def columns(self) -> list[Column]:
        return columns.shown(self.reader.asked, self.user)

    @cached_property
    def rows(self) -> list[Row]:
        offset = max(0, self.page.start_index() - 1)
        size = self.vendor["page_rows"]
        keys = ordering.page_keys(
            self.user, self.filters, self.sort, self.today, offset, size, matches=self.totals.count
        )
        return [
            Row(account, [(column, column.cell(account, self.reader)) for column in self.columns])
            for account in columns.with_figures(listing.rows_of(keys), self.columns)
        ]

    @cached_property
    def headings(self) -> list[Heading]:
        key, descending = self.sort.removeprefix("-"), self.sort.startswith("-")
        found = []
        for column in self.columns:
            is_on = bool(column.sort) and column.sort == key
            # The first press shows the largest first for figures, A to Z for words; the second turns it.
            follow = f"-{column.sort}" if (not descending if is_on else column.is_number) else column.sort
            direction = ("descending" if descending else "ascending") if is_on else ""
            found.append(Heading(column, self.address(sort=follow) if column.sort else "", direction))
        return found

    @property
    def choices(self) -> list[tuple[Column, bool]]:
        """Every column the reader may show, and whether it is."""
        on = {column.key for column in self.columns}
        offered = columns.visible(columns.COLUMNS.values(), self.user)
        return [(column, column.key in on) for column in offered if column.key != "name"]

    @property
    def metric_choices(self) -> list[tuple[str, list[tuple[Column, bool]], int]]:
        """Every metric the reader may show, by group, and how many of a group are shown."""
        on = {column.key for column in self.columns}
        offered = {
            column.metric: column for column in columns.visible(columns.of_metrics().values(), self.user)
        }
        found = []
        for group, name in registry.groups().items():
            listed = [
                (offered[key], offered[key].key in on)
                for key, metric in registry.metrics().items()
                if metric.group == group and key in offered
            ]
            if listed:
                found.append((formats.named(dict(name)), listed, sum(is_on for _column, is_on in listed)))
        return found

    @cached_property
    def shares(self) -> list[tuple[str, str]]:
        """Bands in words with their share of the list, empty ones left out."""
        count = self.totals.count
        return [(band, formats.percent(n / count)) for band, n in self.totals.bands.items() if n and count]

    @cached_property
    def views(self) -> list[SavedView]:
        mine = Q(owner=self.user) | Q(is_shared=True)
        return list(SavedView.objects.filter(mine, page=VIEWS).select_related("owner"))

    @cached_property
    def view(self) -> SavedView | None:
        key = self.query.get("view", "")
        return next((view for view in self.views if str(view.pk) == key), None)

    @property
    def narrowing(self) -> str:
        """The filters of the address alone, for exports, bulk changes and saved views' counts."""
        query = self.query.copy()
        for name in ("page", "view"):
            query.pop(name, None)
        return query.urlencode()

    def address(self, **changes: str | None) -> str:
        """This address with other values; a new order or filter starts at the first page."""
        query = self.query.copy()
        query.pop("page", None)
        for name, value in changes.items():
            query.pop(name, None)
            if value:
                query[name] = value
        return "?" + query.urlencode()

    @property
    def is_narrowed(self) -> bool:
        return bool(self.filters)

    @property
    def kept(self) -> list[tuple[str, str]]:
        """Fields of the address that a form for the text must carry along."""
        return [(k, v) for k, values in self.query.lists() for v in values if k not in {"q", "page"}]

    @cached_property
    def chips(self) -> list[Chip]:
        return [Chip(text, self._without(*names)) for text, names in _chips(self) if text]

    def _without(self, *names: str) -> str:
        query = self.query.copy()
        for name in (*names, "page", "view"):
            query.pop(name, None)
        return "?" + query.urlencode()


def asked(user: User, query: QueryDict, currency: str) -> tuple[listing.Filters, str]:
    """Filters and order of an address. Who sees no money cannot narrow or sort by it either."""
    params = dict(query.lists())
    filters, sort = listing.filters_from(params, currency), ordering.sort_from(params, user)
    return filters if user.sees_money else replace(filters, arr=(None, None)), sort


def _chips(table: Table) -> list[tuple[str, tuple[str, ...]]]:
    """Each filter in words with the names it has in the address."""
    filters = table.filters
    money_words: Callable[[int], str] = lambda cents: formats.money_short(cents, table.vendor["currency"])  # noqa: E731
    return [
        (_labelled(_("Owner"), _owners(filters.owners)), ("owner",)),
        (_labelled(_("Team"), _teams(filters.teams)), ("team",)),
        (_labelled(_("Stage"), [str(Account.Stage(value).label) for value in filters.stages]), ("stage",)),
        (_labelled(_("Tier"), [tier_word(value) for value in filters.tiers]), ("tier",)),
        (_labelled(_("Industry"), filters.industries), ("industry",)),
        (_labelled(_("Health"), [formats.band_word(value) for value in filters.bands]), ("band",)),
        (_range(_("Score"), filters.score, formats.number), ("score_min", "score_max")),
        (_range(_("Renewal"), filters.renewal, formats.days), ("renewal_min", "renewal_max")),
        (_range(_("ARR"), filters.arr, money_words), ("arr_min", "arr_max")),
        (_alerts(filters.has_alerts), ("alerts",)),
        (_labelled(_("Tag"), filters.tags), ("tag",)),
        (_labelled(_("Segment"), _segments(filters.segments)), ("segment",)),
        (_labelled(_("Missing"), [gap_word(gap) for gap in filters.gaps]), ("gap",)),
        (_labelled(_("Text"), [filters.text] if filters.text else []), ("q",)),
    ]


def gap_word(gap: str) -> str:
    words = {
        "owner": _("owner"),
        "end": _("contract end"),
        "live": _("live date"),
        "decision_maker": _("decision maker"),
    }
    return words[gap]


def _labelled(label: str, values: Sequence[str]) -> str:
    if not values:
        return ""
    listed = _(", ").join(values)
    return _("%(label)s: %(values)s") % {"label": label, "values": listed}


def _range(label: str, bounds: tuple[int | None, int | None], words: Callable[[int], str]) -> str:
    least, most = bounds
    if least is None and most is None:
        return ""
    low, high = ("" if least is None else words(least)), ("" if most is None else words(most))
    if low and high:
        return _("%(label)s: %(low)s to %(high)s") % {"label": label, "low": low, "high": high}
    return f"{label} ≥ {low}" if low else f"{label} ≤ {high}"


def _alerts(wanted: bool | None) -> str:
    if wanted is None:
        return ""
    return _("With open alerts") if wanted else _("Without open alerts")


def _owners(values: Sequence[str]) -> list[str]:
    keys = [int(value) for value in values if value.isdigit()]
    names = {user.pk: str(user) for user in User.objects.filter(pk__in=keys)} if keys else {}
    special = {"me": _("me"), "none": _("nobody")}
    return [special.get(value) or names.get(int(value), value) for value in values]


def _teams(keys: Sequence[int]) -> list[str]:
    return [str(team) for team in Team.objects.filter(pk__in=keys)] if keys else []


def segment_names() -> list[tuple[str, str]]:
    """The segments in use: (key, name)."""
    return [(one.key, formats.named(one.name)) for one in segments()]


def _segments(keys: Sequence[str]) -> list[str]:
    names = dict(segment_names()) if keys else {}
    return [names.get(key, key) for key in keys]


def tier_word(value: str) -> str:
    return _("none") if value == "none" else str(Account.Tier(value).label)


def arr_bounds(filters: listing.Filters, currency: str) -> tuple[str, str]:
    """The range of ARR in whole units, as the filter form shows it."""
    low, high = ("" if c is None else f"{money.to_major(c, currency):f}" for c in filters.arr)
    return low, high
