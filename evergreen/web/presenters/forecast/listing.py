"""Who is likely to be lost, the riskiest first: narrowed by the address, with what stands at stake and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, FloatField, OrderBy, QuerySet, Sum
from django.db.models.functions import Cast
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from evergreen.base.languages import in_words
from evergreen.base.models import User
from evergreen.customers import listing
from evergreen.customers.models import Account
from evergreen.foresight.models import ChurnModel, Risk
from evergreen.foresight.risks import telling, words
from evergreen.web import formats
from evergreen.web.csv_text import amount
from evergreen.web.presenters.accounts.table import segment_names
from evergreen.web.presenters.work_lists import WorkList

PER_PAGE = 50
REASONS = 3
RISK, STAKE, RENEWAL = "risk", "stake", "renewal"
_STAKE = Cast(F("account__arr_base_cents"), FloatField()) * F("probability")
_MENUS = ("owner", "tier", "segment", "within")
_WITHIN = (30, 90, 180)


def horizon_of(query: Mapping[str, Any]) -> int:
    """The days that an address asks for, else those to look at first."""
    asked = str(query.get("days", ""))
    offered = telling.horizons()
    return next((days for days in offered if str(days) == asked), offered[0])


def horizon_chips(name: str, query: QueryDict, chosen: int) -> list[tuple[str, str, bool]]:
    """(address, words, is on) of each horizon, the shortest first."""
    found = []
    for days in sorted(telling.horizons()):
        changed = query.copy()
        changed["days"] = str(days)
        changed.pop("page", None)
        address = f"{reverse(name)}?{changed.urlencode()}"
        found.append((address, _("within %(days)s") % {"days": formats.days(days)}, days == chosen))
    return found


def tabs(here: str, horizon: int) -> list[tuple[str, str, bool]]:
    pages = (("forecast", _("Who may be lost")), ("forecast-model", _("How far to believe it")))
    return [(f"{reverse(name)}?days={horizon}", said, name == here) for name, said in pages]


@dataclass(frozen=True, slots=True)
class Menu:
    """A filter: its parameter, what it says when nothing is chosen, (value, words), what is chosen."""

    name: str
    label: str
    choices: list[tuple[str, str]]
    chosen: str


@dataclass(frozen=True, slots=True)
class Row:
    """An account with its risk. ``stake_cents`` is the ARR times the probability: what may be expected to be lost."""

    account: Account
    risk: Risk
    times: str
    stake_cents: int | None
    raising: list[str]


class ForecastPage(WorkList):
    """What the list shows for one address and one reader."""

    def __init__(self, user: User, query: QueryDict, vendor: Mapping[str, Any], today: dt.date) -> None:
        self.user, self.query, self.vendor, self.today = user, query, vendor, today
        self.horizon = horizon_of(query)
        self.asked = {name: query.get(name, "")[:100] for name in _MENUS}
        sort = query.get("sort", "")
        self.sort = sort if sort in {STAKE, RENEWAL} and (sort != STAKE or user.sees_money) else RISK

    @property
    def tabs(self) -> list[tuple[str, str, bool]]:
        return tabs("forecast", self.horizon)

    @property
    def horizons(self) -> list[tuple[str, str, bool]]:
        return horizon_chips("forecast", self.query, self.horizon)

    @cached_property
    def model(self) -> ChurnModel | None:
        return telling.champion(self.horizon)

    @cached_property
    def why_none(self) -> str:
        return in_words(telling.why_none(self.horizon))

    # ---- what is asked for ----

    @cached_property
    def filters(self) -> listing.Filters:
        names = {name: [value] for name in ("owner", "tier", "segment") if (value := self.asked[name])}
        names |= {"q": [self.query.get("q", "")]}
        if self.asked["within"] in {str(days) for days in _WITHIN}:
            names |= {"renewal_max": [self.asked["within"]]}
        return listing.filters_from(names, self.vendor["currency"])

    @cached_property
    def risks(self) -> QuerySet[Risk]:
        """The risks of the address, in no order."""
        accounts = listing.selected(self.user, self.filters, self.today)
        return telling.risks_of(accounts, self.horizon).order_by()

    @cached_property
    def ordered(self) -> QuerySet[Risk]:
        rows = self.risks.select_related("account__owner")
        match self.sort:
            case "stake":
                order = OrderBy(_STAKE, descending=True, nulls_last=True)
            case "renewal":
                order = OrderBy(F("account__renewal_on"), nulls_last=True)
            case _:
                order = OrderBy(F("probability"), descending=True)
        return rows.order_by(order, "-probability", "account_id")

    @property
    def menus(self) -> list[Menu]:
        people = [("me", _("me")), ("none", _("nobody"))]
        people += [(str(one.pk), str(one)) for one in self.colleagues]
        tiers = [(str(key), str(said)) for key, said in Account.Tier.choices]
        ends = [(str(n), _("ends within %(days)s") % {"days": formats.days(n)}) for n in _WITHIN]
        return [
            Menu("owner", _("All owners"), people, self.asked["owner"]),
            Menu("tier", _("All tiers"), tiers, self.asked["tier"]),
            Menu("segment", _("All segments"), list(segment_names()), self.asked["segment"]),
            Menu("within", _("Any renewal"), ends, self.asked["within"]),
        ]

    @property
    def is_narrowed(self) -> bool:
        return any(self.asked.values()) or bool(self.query.get("q", ""))

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What a form of filters carries along."""
        return [(name, value) for name in ("days", "sort") if (value := self.query.get(name, ""))]

    def sorted_by(self, sort: str) -> str:
        """The address of the list in another order."""
        changed = self.query.copy()
        changed["sort"] = sort
        changed.pop("page", None)
        return f"?{changed.urlencode()}"

    @property
    def headings(self) -> dict[str, str]:
        return {sort: self.sorted_by(sort) for sort in (RISK, STAKE, RENEWAL)}

    @property
    def file(self) -> str:
        changed = self.query.copy()
        changed.pop("page", None)
        query = changed.urlencode()
        return reverse("forecast-file") + (f"?{query}" if query else "")

    # ---- what is shown ----

    @cached_property
    def average(self) -> float | None:
        return telling.average(self.horizon)

    @cached_property
    def sums(self) -> dict[str, Any]:
        found = self.risks.aggregate(
            n=Count("pk"), lost=Sum("probability"), stake=Sum(_STAKE), arr=Sum("account__arr_base_cents")
        )
        return {**found, "lost": found["lost"] or 0.0, "stake": found["stake"] or 0, "arr": found["arr"] or 0}

    @property
    def sentence(self) -> str:
        """How many of the listed may be expected to be lost, and how much with them."""
        one = self.sums
        said = _("Of these %(n)s accounts about %(lost)s can be expected to be lost within %(days)s.") % {
            "n": formats.number(one["n"]), "lost": formats.number(one["lost"], 1 if one["lost"] < 20 else 0),
            "days": formats.days(self.horizon),
        }  # fmt: skip
        if not self.user.sees_money:
            return said
        currency = self.vendor["currency"]
        at_stake = _("With them would go %(stake)s of %(arr)s ARR.") % {
            "stake": formats.money_short(round(one["stake"]), currency),
            "arr": formats.money_short(one["arr"], currency),
        }
        return ("" if formats.is_zh() else " ").join((said, at_stake))

    @property
    def evidence(self) -> str:
        """Whose word it is, and as of when."""
        newest = self.risks.order_by("-day").values_list("day", flat=True).first()
        if self.model is None or newest is None:
            return ""
        return _("model of %(made)s · as of the night of %(day)s · average of the whole book %(average)s") % {
            "made": formats.day(self.model.made_at), "day": formats.day(newest),
            "average": formats.percent(self.average, 1),
        }  # fmt: skip

    @property
    def trust(self) -> str:
        """What the top of the list was worth on weeks that were not learned from."""
        figures = self.model.report.get("figures") if self.model else None
        if not figures or figures.get("lift10") is None:
            return ""
        first, last, _weeks = self.model.report["judge"] if self.model else ("", "", 0)
        return _("From %(first)s to %(last)s, which it had not learned from, %(lift)s times as many of its riskiest tenth were lost as of all.") % {
            "first": first, "last": last, "lift": formats.fixed(figures["lift10"], 1)
        }  # fmt: skip

    @cached_property
    def page(self) -> Page[Risk]:
        return Paginator(self.ordered, PER_PAGE).get_page(self.query.get("page", "1"))

    @property
    def rows(self) -> list[Row]:
        return [self._row(risk) for risk in self.page.object_list]

    def _row(self, risk: Risk) -> Row:
        raising, _lowering = told_reasons(risk, sees_money=self.user.sees_money)
        return Row(
            risk.account,
            risk,
            times_words(risk.probability / self.average) if self.average else "",
            _at_stake(risk),
            raising[:REASONS],
        )

    def file_rows(self) -> Iterator[list[object]]:
        """Every row of the list as the rows of a file, headings first."""
        amounts = ("arr", "arr_at_stake", "currency") if self.user.sees_money else ()
        yield [
            "account", "name", "owner", "renewal_on", "day", "horizon_days", "probability", *amounts, "reasons",
        ]  # fmt: skip
        currency = self.vendor["currency"]
        for risk in self.ordered.iterator(chunk_size=2_000):
            account, cents = risk.account, _at_stake(risk)
            cells: list[object] = [
                account.external_id, account.name, account.owner, account.renewal_on, risk.day, risk.horizon_days, risk.probability,
            ]  # fmt: skip
            if amounts:
                cells += [amount(account.arr_base_cents, currency), amount(cents, currency), currency]
            raising, lowering = told_reasons(risk, sees_money=self.user.sees_money)
            yield [*cells, "; ".join([*raising, *lowering])]


def _at_stake(risk: Risk) -> int | None:
    """What may be expected to be lost: the ARR times the probability."""
    cents = risk.account.arr_base_cents
    return None if cents is None else round(cents * risk.probability)


def times_words(times: float) -> str:
    """How many times the average: one decimal, and never a bare 0."""
    return "<0.1" if times < 0.05 else formats.fixed(times, 1)


def told_reasons(risk: Risk, *, sees_money: bool) -> tuple[list[str], list[str]]:
    """What raises a risk and what lowers it, the strongest first."""
    raising: list[str] = []
    lowering: list[str] = []
    for told in risk.reasons:
        said = words.phrase(told, formats.language(), sees_money=sees_money)
        (raising if told[2] > 0 else lowering).append(said)
    return raising, lowering
