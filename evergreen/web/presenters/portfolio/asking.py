"""What an address asks of the portfolio, and what the filters offer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from evergreen.base.models import User
from evergreen.customers.models import Account, Edition
from evergreen.customers.queries import accounts_for
from evergreen.metrics.segments.queries import segments
from evergreen.outcomes.portfolio.asking import Asked, Dimension
from evergreen.outcomes.portfolio.periods import MONTH, QUARTER, Period, a_year_before, start_of
from evergreen.outcomes.portfolio.report import Report
from evergreen.web import formats

SPANS = (12, 24, 36)
# How an address says "none": an empty value is no filter at all.
NONE = "-"
ARR, MRR = "arr", "mrr"


@dataclass(frozen=True, slots=True)
class Filter:
    """A menu: the parameter, its words, (value, words) of its choices, what is chosen."""

    name: str
    label: str
    choices: list[tuple[str, str]]
    chosen: str


class Wanted:
    """The span, step, grace, dimension and filters of an address; what cannot be read is left at its default."""

    def __init__(
        self, user: User, asked: Mapping[str, str], vendor: Mapping[str, Any], today: dt.date
    ) -> None:
        self.user, self.vendor, self.today = user, vendor, today
        self.months = next((n for n in SPANS if str(n) == asked.get("months")), SPANS[0])
        self.step = QUARTER if asked.get("step") == QUARTER else MONTH
        by = asked.get("by", "")
        self.by = Dimension(by) if by in set(Dimension) else Dimension.TIER
        usual = ARR if formats.is_zh() else MRR
        unit = asked.get("unit", "")
        self.unit = unit if unit in {ARR, MRR} else usual
        self.chosen = {
            dimension: "" if asked[dimension] == NONE else asked[dimension][:100]
            for dimension in Dimension
            if asked.get(dimension)
        }
        self._kept = {key: value for key, value in asked.items() if value and key in self._own}

    _own = frozenset({"months", "step", "by", "unit", *Dimension})

    spans = SPANS

    @property
    def left_out(self) -> str:
        """Currencies without a rate with their number of contract lines, in words."""
        return ", ".join(
            ngettext("%(currency)s (%(n)s contract line)", "%(currency)s (%(n)s contract lines)", lines)
            % {"currency": currency, "n": formats.number(lines)}
            for currency, lines in self.report.read.left_out.items()
        )

    @property
    def evidence(self) -> str:
        """Where the figures come from."""
        return _(
            "From contracts as they are now, strict; in grey with %(days)s of grace for late signing. Amounts in %(currency)s by the "
            "exchange rates of %(day)s. An account counts in its group of the period's first day."
        ) % {
            "days": formats.days(self.grace_days), "currency": self.report.read.currency, "day": self.report.asked.last
        }  # fmt: skip

    @property
    def times(self) -> int:
        """What an amount a month is shown times: twelve as ARR."""
        return 12 if self.unit == ARR else 1

    @property
    def unit_words(self) -> str:
        return pgettext("revenue", "ARR") if self.unit == ARR else pgettext("revenue", "MRR")

    @property
    def grace_days(self) -> int:
        return int(self.vendor["renewal_grace_days"])

    @cached_property
    def report(self) -> Report:
        since = self.today
        for _year in range(self.months // 12):
            since = a_year_before(since)
        asked = Asked(start_of(since, self.step), self.today, self.step, self.grace_days, self.chosen, since)
        return Report(self.user, asked, self.today)

    @property
    def query(self) -> str:
        return urlencode(self._kept)

    def address(self, name: str, args: Sequence[str] = (), **changes: str | None) -> str:
        """A page of the portfolio with the same filters and some changed (None takes one away)."""
        found = {key: value for key, value in {**self._kept, **changes}.items() if value}
        return reverse(name, args=args) + (f"?{urlencode(found)}" if found else "")

    def tabs(self, here: str) -> list[tuple[str, str, bool]]:
        pages = (
            ("portfolio", _("Revenue")),
            ("portfolio-renewals", _("Renewals")),
            ("portfolio-lifetime", _("Lifetime and cost")),
            ("portfolio-voice", _("Voice and desk")),
        )
        return [(self.address(name), words, name == here) for name, words in pages]

    @cached_property
    def filters(self) -> list[Filter]:
        everything = {
            Dimension.SEGMENT: (_("All segments"), self._segments()),
            Dimension.TIER: (_("All tiers"), [(key, str(words)) for key, words in Account.Tier.choices]),
            Dimension.INDUSTRY: (_("All industries"), self._industries()),
            Dimension.OWNER: (_("All owners"), self._owners()),
            Dimension.EDITION: (_("All editions"), self._editions()),
        }
        return [
            Filter(dimension.value, words, choices, self._kept.get(dimension.value, ""))
            for dimension, (words, choices) in everything.items()
            if choices
        ]

    @property
    def chips(self) -> list[tuple[str, str]]:
        """(words, address without it) of what narrows the accounts and has no menu."""
        if Dimension.COHORT not in self.chosen:
            return []
        words = _("first contract in %(month)s") % {"month": self.chosen[Dimension.COHORT]}
        return [(words, self.address("portfolio", cohort=None))]

    def dimensions(self, here: str) -> list[tuple[str, str, bool]]:
        """What the groups' table of a page may be divided by: (address, words, is it this)."""
        return [
            (self.address(here, by=one.value) + "#groups", dimension_words(one), one == self.by)
            for one in Dimension
            if one != Dimension.SEGMENT or self._segments()
        ]

    def _segments(self) -> list[tuple[str, str]]:
        return [(one.key, formats.named(one.name)) for one in segments().order_by("key")]

    def _industries(self) -> list[tuple[str, str]]:
        found = accounts_for(self.user).exclude(industry="").order_by("industry")
        return [(one, one) for one in found.values_list("industry", flat=True).distinct()]

    def _owners(self) -> list[tuple[str, str]]:
        keys = accounts_for(self.user).order_by().values_list("owner_id", flat=True).distinct()
        people = User.objects.filter(pk__in=[key for key in keys if key])
        return [*((str(one.pk), str(one)) for one in people), (NONE, _("nobody"))]

    def _editions(self) -> list[tuple[str, str]]:
        return [(str(one.pk), edition_words(one)) for one in Edition.objects.select_related("product")]

    def group_words(self, by: Dimension) -> dict[str, str]:
        """The words of a dimension's groups by their keys; a cohort's key is its own word."""
        match by:
            case Dimension.SEGMENT:
                return dict(self._segments())
            case Dimension.TIER:
                return {"": _("no tier"), **{key: str(words) for key, words in Account.Tier.choices}}
            case Dimension.OWNER:
                return {"": _("nobody"), **{str(one.pk): str(one) for one in User.objects.all()}}
            case Dimension.EDITION:
                return {"": _("no edition named"), **dict(self._editions())}
            case Dimension.INDUSTRY:
                return {"": _("no industry")}
        return {}


def edition_words(edition: Edition) -> str:
    return formats.named(edition.name) or edition.key


def dimension_words(dimension: Dimension) -> str:
    return {
        Dimension.SEGMENT: _("Segment"),
        Dimension.TIER: _("Tier"),
        Dimension.INDUSTRY: _("Industry"),
        Dimension.OWNER: _("Owner"),
        Dimension.COHORT: _("First contract"),
        Dimension.EDITION: _("Edition"),
    }[dimension]


def period_words(period: Period) -> str:
    """2026-03, 2026-Q1; a part of one says that it goes up to its last day."""
    return period.key if period.is_whole else _("%(period)s to date") % {"period": period.key}
