"""The revenue page: rates with their parts, the bridge, the course of the year's rates, months and groups as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from evergreen.outcomes.portfolio.asking import Dimension
from evergreen.outcomes.portfolio.periods import Period
from evergreen.outcomes.revenue import Portfolio
from evergreen.web import formats
from evergreen.web.presenters.charts import Series, over_time
from evergreen.web.presenters.portfolio.asking import NONE, period_words
from evergreen.web.presenters.portfolio.drawing import bridge
from evergreen.web.presenters.portfolio.frame import PortfolioPage

ACCOUNTS = "portfolio-accounts"
MOVED = ("new", "reactivated", "expansion", "contraction", "churned")


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its formula, its parts (cents or accounts), the same with grace, and where its accounts are."""

    name: str
    share: float | None
    formula: str
    part: int
    whole: int
    is_money: bool
    graced: float | None
    url: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table: a period or a group, and for each amount its address."""

    words: str
    url: str
    figures: Portfolio
    graced: Portfolio
    cents: dict[str, int]
    links: dict[str, str]
    restated: str = ""
    restated_url: str = ""


class RevenuePage(PortfolioPage):
    tables = ("periods", "groups", "cells")

    @cached_property
    def sentence(self) -> str:
        """What the page says, first."""
        one = self.whole
        if one.grr is None or one.nrr is None:
            return _("Nothing was paid on %(first)s, so there are no rates yet.") % {
                "first": self.period.first
            }
        said = _("Of the revenue of %(first)s %(grr)s is left, %(nrr)s with expansions; %(lost)s of %(accounts)s accounts went.") % {
            "first": self.period.first, "grr": formats.percent(one.grr, 1), "nrr": formats.percent(one.nrr, 1),
            "lost": formats.number(one.churned_accounts), "accounts": formats.number(one.start_accounts),
        }  # fmt: skip
        if not self.wanted.user.sees_money:
            return said
        cents = self.whole_cents
        moved = _("%(unit)s went from %(start)s to %(end)s.") % {
            "unit": self.wanted.unit_words, "start": self.amounts.money(cents["start"]),
            "end": self.amounts.money(cents["end"]),
        }  # fmt: skip
        return f"{moved} {said}" if not formats.is_zh() else f"{moved}{said}"

    @cached_property
    def whole(self) -> Portfolio:
        return self.report.span()[0]

    @cached_property
    def graced(self) -> Portfolio:
        return self.report.span(graced=True)[0]

    def cents(self, figures: Portfolio) -> dict[str, int]:
        """The amounts of a row in the unit shown."""
        names = ("start", *MOVED, "end", "overdue")
        return {name: getattr(figures, f"{name}_mrr_cents") * self.wanted.times for name in names}

    @property
    def whole_cents(self) -> dict[str, int]:
        return self.cents(self.whole)

    @cached_property
    def rates(self) -> list[Rate]:
        one, late = self.whole, self.graced
        start = one.start_mrr_cents
        kept = start - one.contraction_mrr_cents - one.churned_mrr_cents

        def rate(name: str, share: float | None, formula: str, part: int, whole: int, graced: float | None, movement: str, is_money: bool = True) -> Rate:  # fmt: skip
            times = self.wanted.times if is_money else 1
            url = self.wanted.address(ACCOUNTS, movement=movement)
            return Rate(name, share, formula, part * times, whole * times, is_money, graced, url)

        return [
            rate("GRR", one.grr, _("(start − contraction − churned) ÷ start"), kept, start, late.grr, "lost"),
            rate("NRR", one.nrr, _("(start + expansion − contraction − churned) ÷ start"),
                 kept + one.expansion_mrr_cents, start, late.nrr, "stayed"),
            rate(_("Revenue churn"), one.revenue_churn, _("churned ÷ start"), one.churned_mrr_cents, start,
                 late.revenue_churn, "churned"),
            rate(_("Logo churn"), one.logo_churn, _("accounts lost ÷ accounts at the start"), one.churned_accounts,
                 one.start_accounts, late.logo_churn, "churned", is_money=False),
        ]  # fmt: skip

    @cached_property
    def lines(self) -> list[Line]:
        """The periods, the newest first."""
        found = []
        rows = zip(
            self.report.periods, self.report.cells(), self.report.cells(graced=True), self.report.at_close, strict=True
        )  # fmt: skip
        for period, (figures,), (graced,), then in rows:
            links = {name: self._link(period.key, name) for name in ("start", *MOVED, "end", "overdue")}
            restated = "" if then == figures else _("at its close GRR %(then)s, now %(now)s") % {
                "then": formats.percent(then.grr, 1), "now": formats.percent(figures.grr, 1)
            }  # fmt: skip
            found.append(
                Line(period_words(period), links["end"], figures, graced, self.cents(figures), links,
                     restated, self._link(period.key, "restated"))
            )  # fmt: skip
        return found[::-1]

    def _link(self, period: str, movement: str) -> str:
        return self.wanted.address(ACCOUNTS, period=period, movement=movement)

    @cached_property
    def groups(self) -> list[Line]:
        """The whole span by the chosen dimension, those with the most first; empty groups left out."""
        by = self.wanted.by
        words = self.wanted.group_words(by)
        found = []
        rows = zip(
            self.report.groups(by), self.report.span(by), self.report.span(by, graced=True), strict=True
        )
        for key, figures, graced in rows:
            if not (figures.start_accounts or figures.end_accounts):
                continue
            narrowed = {by.value: key or NONE}
            links = {
                name: self.wanted.address(ACCOUNTS, movement=name, **narrowed)
                for name in ("start", *MOVED, "end", "overdue")
            }
            url = self.wanted.address("portfolio", **narrowed)
            found.append(Line(words.get(key, key), url, figures, graced, self.cents(figures), links))
        if by == Dimension.COHORT:
            return sorted(found, key=lambda line: line.words, reverse=True)
        return sorted(found, key=lambda line: -line.figures.end_mrr_cents)

    @cached_property
    def bridge(self) -> dict[str, Any]:
        cents = self.whole_cents
        steps = [
            (pgettext("revenue", "Start"), cents["start"], "total"),
            (_("New"), cents["new"], "up"),
            (_("Reactivated"), cents["reactivated"], "up"),
            (_("Expansion"), cents["expansion"], "up"),
            (_("Contraction"), -cents["contraction"], "down"),
            (_("Churned"), -cents["churned"], "down"),
            (_("End"), cents["end"], "total"),
        ]
        return bridge(steps, self.amounts)

    @cached_property
    def amounts(self) -> formats.AmountUnit:
        """The unit of the page's amounts."""
        cents = self.whole_cents
        return formats.amount_unit([cents["start"], cents["end"]], self.report.read.currency)

    @cached_property
    def course(self) -> dict[str, Any] | None:
        """GRR and NRR of the twelve months up to each period's end; None where there are not two of them."""
        years: Sequence[tuple[Period, Portfolio]] = [
            (period, year)
            for period, year in zip(self.report.periods, self.report.years, strict=True)
            if year.start_mrr_cents
        ]
        if len(years) < 2:
            return None

        def series(name: str, color: str) -> Series:
            points = [(one.last, round(getattr(year, name) * 100, 1)) for one, year in years]
            return Series(name.upper(), points, color)

        return over_time([series("grr", "var(--c1)"), series("nrr", "var(--c2)")], unit="%", fits=True)
