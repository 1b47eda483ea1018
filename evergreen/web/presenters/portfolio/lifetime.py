"""Lifetime and cost: how long accounts stay, CLTV two ways, CAC and payback, what losing one costs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base import money
from evergreen.outcomes.portfolio import worth
from evergreen.outcomes.portfolio.lifetimes import MONTH_DAYS, Lifetimes, Survival, Worth, cost_of_losing
from evergreen.web import formats
from evergreen.web.presenters.charts import TOOLTIP
from evergreen.web.presenters.portfolio.asking import Wanted
from evergreen.web.presenters.portfolio.frame import PortfolioPage

AGES = (6, 12, 24, 36, 48, 60)


class LifetimePage(PortfolioPage):
    here = "portfolio-lifetime"
    tables = ("survival",)

    def __init__(self, wanted: Wanted, asked: Mapping[str, str]) -> None:
        super().__init__(wanted)
        self.asked = asked

    @cached_property
    def _lives(self) -> tuple[Lifetimes, Survival]:
        return worth.survival_of(self.report)

    @property
    def survival(self) -> Survival:
        return self._lives[1]

    @cached_property
    def winning(self) -> worth.Winning | None:
        """A cost is the whole book's: who sees only a part of the accounts gets none."""
        return worth.winning(self.report) if self.report.is_whole else None

    @cached_property
    def worth(self) -> Worth:
        return worth.worth(self.report, self.survival, self.winning)

    @property
    def sentence(self) -> str:
        found, one = self.survival, self.worth
        year = formats.percent(found.after(365), 0)
        median = found.median_days()
        said = _("Of %(accounts)s accounts %(year)s were still there after a year.") % {
            "accounts": formats.number(found.accounts), "year": year
        }  # fmt: skip
        half = (
            _("Half were gone after %(months)s months.") % {"months": formats.number(median / MONTH_DAYS, 1)}
            if median is not None
            else _("More than half of them are still there, so there is no median yet.")
        )
        worth_words = ""
        if one.plain_cents is not None and self.wanted.user.sees_money:
            worth_words = _("An account is worth %(plain)s by its average lifetime.") % {
                "plain": self.money(one.plain_cents)
            }
        return ("" if formats.is_zh() else " ").join(filter(None, (said, half, worth_words)))

    def money(self, cents: float | None) -> str:
        return formats.money_short(None if cents is None else round(cents), self.report.read.currency)

    @property
    def months(self) -> dict[str, str]:
        """Lengths in months, in words."""
        one = self.worth
        lengths = {"plain": one.plain_months, "survival": one.survival_months, "payback": one.payback_months}
        return {name: formats.number(months, 1) for name, months in lengths.items()}

    @property
    def observed(self) -> str:
        return formats.number(self.survival.observed_days / MONTH_DAYS)

    @property
    def ages(self) -> list[tuple[int, str, str, str]]:
        """(months, share still there, its interval, accounts at risk then) where it was observed."""
        found = self.survival
        rows = []
        for months in AGES:
            days = months * MONTH_DAYS
            share = found.after(days)
            if share is None:
                continue
            place = int((found.days <= days).sum()) - 1
            low, high = (1.0, 1.0) if place < 0 else (float(found.low[place]), float(found.high[place]))
            span = f"{formats.percent(low, 0)} – {formats.percent(high, 0)}"
            rows.append(
                (
                    months,
                    formats.percent(share, 1),
                    span,
                    formats.number(int((self._lives[0].days >= days).sum())),
                )
            )
        return rows

    @cached_property
    def chart(self) -> dict[str, Any] | None:
        """The survival curve with its interval, in months; None where nobody was lost yet."""
        found = self.survival
        if not len(found.days):
            return None

        def points(shares: Any) -> list[list[float]]:
            steps = [[0.0, 100.0]]
            steps += [
                [round(int(day) / MONTH_DAYS, 2), round(float(share) * 100, 2)]
                for day, share in zip(found.days, shares, strict=True)
            ]
            return [*steps, [round(found.observed_days / MONTH_DAYS, 2), steps[-1][1]]]

        def line(name: str, shares: Any, color: str, width: float, kind: str) -> dict[str, Any]:
            return {
                "name": name, "type": "line", "step": "end", "showSymbol": False, "color": color,
                "lineStyle": {"width": width, "type": kind}, "data": points(shares),
            }  # fmt: skip

        axis = {"color": "var(--ink-3)"}
        return {
            "grid": {"left": 8, "right": 16, "top": 34, "bottom": 24, "containLabel": True},
            "legend": {"top": 0, "left": 0, "icon": "roundRect", "itemHeight": 4, "textStyle": {"color": "var(--ink-2)"}},
            "tooltip": TOOLTIP,
            "xAxis": {"type": "value", "name": _("months since the first contract"), "nameLocation": "middle",
                      "nameGap": 26, "nameTextStyle": axis, "axisLabel": axis, "splitLine": {"show": False},
                      "max": round(found.observed_days / MONTH_DAYS) or 1},
            "yAxis": {"type": "value", "min": 0, "max": 100, "axisLabel": {**axis, "formatter": "{value}%"},
                      "splitLine": {"lineStyle": {"color": "var(--line)"}}},
            "series": [
                line(_("still there"), found.share, "var(--c1)", 2, "solid"),
                line(_("lower bound"), found.low, "var(--c5)", 1, "dashed"),
                line(_("upper bound"), found.high, "var(--c5)", 1, "dashed"),
            ],
        }  # fmt: skip

    @cached_property
    def loss(self) -> dict[str, Any]:
        """What losing an account costs: prefilled with the average fee, the expected rest of a lifetime, and CAC."""
        one = self.worth
        minor = 10 ** money.exponent(self.report.read.currency)
        lives = self._lives[0]
        here = lives.days[~lives.is_lost]
        age = float(here.mean()) if len(here) else 0.0
        rest = self.survival.mean_days(age)
        usual = {
            "fee": round((one.monthly_cents or 0) * 12 / minor),
            "years": round((rest or 0) / 365.25, 1),
            "cac": round((one.cac_cents or 0) / minor),
        }
        given: dict[str, Any] = {}
        for name, value in usual.items():
            try:
                given[name] = min(max(float(self.asked.get(name, "").replace(",", "")), 0.0), 1e10)
            except ValueError:
                given[name] = value
        cents = cost_of_losing(given["fee"] * minor, given["years"] * 12, given["cac"] * minor)
        return {**given, "cents": cents, "age": formats.number(age / MONTH_DAYS)}
