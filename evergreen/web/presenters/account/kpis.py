"""The KPIs of one account: newest value, change, distance to the target, the baseline and its chart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.events.kpis import periods, queries, rules
from evergreen.events.kpis.models import Kpi, KpiTarget, KpiValue
from evergreen.events.kpis.queries import Course, Glance
from evergreen.metrics.baselines import RHYTHMS, WIDTH, Baseline, TooShort, baseline, baselines
from evergreen.web import formats
from evergreen.web.presenters.account.kpi_charts import drawn
from evergreen.web.presenters.kpis import currency_of, period_words, said

ROWS = 12
_SHOWN_DAYS = {"day": 180, "week": 731, "month": 1_096, "quarter": 4 * 366}


@dataclass(frozen=True, slots=True)
class Row:
    """A period in the table: its value, the usual range, the target, who said it when, what stood before."""

    period: str
    value: str
    usual: str
    is_unusual: bool
    target: str
    told: KpiValue
    before: list[tuple[str, KpiValue]]


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure beside the newest value: its name, its words, the colour."""

    label: str
    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A KPI as it stands at its newest value."""

    kpi: Kpi
    name: str
    about: str
    newest: str
    period: str
    facts: list[Fact]
    verdict: str


@dataclass(frozen=True, slots=True)
class Detail:
    """How a KPI came to where it stands; ``option`` draws it, None where there is no value."""

    option: dict[str, Any] | None
    label: str
    rows: list[Row]
    targets: list[tuple[str, KpiTarget]]


@dataclass(frozen=True, slots=True)
class Page:
    """Cards of the KPIs with values or a target, and those declared without either."""

    cards: list[Card]
    empty: list[Kpi]
    hidden: int
    is_declared: bool


def page(account: Account, user: User, today: dt.date, vendor_currency: str) -> Page:
    """Four queries, whatever the number of KPIs. Amounts are left out where the reader's role sees none."""
    glances = queries.glances(account)
    seen = [one for one in glances if user.sees_money or one.kpi.unit != Kpi.Unit.MONEY]
    currency = account.currency or vendor_currency
    filled = [one for one in seen if one.points or one.targets]
    return Page(
        cards=[_card(one, currency, today) for one in filled],
        empty=[one.kpi for one in seen if not one.points and not one.targets and not one.kpi.is_retired],
        hidden=len(glances) - len(seen),
        is_declared=bool(glances),
    )


def detail(account: Account, kpi: Kpi, today: dt.date, vendor_currency: str) -> Detail:
    """The chart and the newest periods of one KPI, with every target."""
    (course,) = queries.courses(account, kpi=kpi)
    currency = account.currency or vendor_currency
    targets = [(said(kpi, one.value, currency), one) for one in course.targets]
    if not course.values:
        return Detail(None, "", [], targets)
    newest = course.values[-1]
    since = newest.starts_on - dt.timedelta(days=_SHOWN_DAYS[kpi.period])
    usual = ranges(course, since)
    label = _("%(name)s from %(first)s to %(last)s, newest %(value)s") % {
        "name": formats.named(kpi.name) or kpi.key,
        "first": period_words(kpi, course.values[0].starts_on),
        "last": period_words(kpi, newest.starts_on),
        "value": said(kpi, newest.value, currency),
    }
    option = drawn(course, usual, since, today, currency)
    return Detail(option, label, _rows(course, usual, currency), targets)


def ranges(course: Course, since: dt.date) -> dict[dt.date, Baseline | TooShort]:
    """The baseline of every period that has a value from a day on."""
    starts = [row.starts_on for row in course.values if row.starts_on >= since]
    return baselines(course.kpi.period, starts, course.points)


def target_of(targets: Sequence[KpiTarget], kpi: Kpi, start: dt.date) -> KpiTarget | None:
    """The target in force on the last day of a period."""
    return rules.in_force(targets, periods.last_day(kpi.span, start))


def _card(glance: Glance, currency: str, today: dt.date) -> Card:
    kpi, points = glance.kpi, glance.points
    about = " · ".join(str(word) for word in (kpi.get_period_display(), kpi.get_direction_display()))
    name = formats.named(kpi.name) or kpi.key
    if not points:
        aim = rules.in_force(glance.targets, today)
        facts = [Fact(_("Target"), _aim_words(kpi, aim, currency))] if aim else []
        return Card(kpi, name, about, formats.DASH, "", facts, _("No value yet."))
    start, newest = points[-1]
    return Card(
        kpi=kpi,
        name=name,
        about=about,
        newest=said(kpi, newest, currency),
        period=period_words(kpi, start),
        facts=_facts(glance, currency, today),
        verdict=_verdict(kpi, newest, baseline(kpi.period, start, points), currency),
    )


def _facts(glance: Glance, currency: str, today: dt.date) -> list[Fact]:
    kpi, points = glance.kpi, glance.points
    newest_on, newest = points[-1]
    found = []
    if len(points) > 1:
        start, before = points[-2]
        change = newest - before
        good = change < 0 if kpi.direction == Kpi.Direction.DOWN else change > 0
        tone = "" if not change else "up" if good else "down"
        label = _("Against %(period)s") % {"period": period_words(kpi, start)}
        found.append(Fact(label, said(kpi, change, currency, signed=True), tone))
    aim = rules.in_force(glance.targets, today) or target_of(glance.targets, kpi, newest_on)
    if aim is not None and aim.value is not None:
        found.append(Fact(_("Target"), _aim_words(kpi, aim, currency)))
        far = rules.distance(newest, aim.value, kpi.direction)
        words = (
            _("reached")
            if far.is_met
            else _("%(gap)s to go") % {"gap": said(kpi, abs(far.gap), currency, signed=True).lstrip("+")}
        )
        is_late = aim.due_on is not None and aim.due_on < today
        found.append(Fact(_("Distance"), words, "up" if far.is_met else "down" if is_late else "warn-ink"))
    year = [value for day, value in points if day > newest_on - dt.timedelta(days=360)]
    folded = rules.fold(year, kpi.aggregation)
    if len(year) > 1 and folded is not None and kpi.aggregation != Kpi.Aggregation.LAST:
        label = _("12 months, %(how)s") % {"how": str(kpi.get_aggregation_display()).lower()}
        found.append(Fact(label, said(kpi, folded, currency)))
    return found


def _aim_words(kpi: Kpi, aim: KpiTarget, currency: str) -> str:
    value = said(kpi, aim.value, currency)
    if aim.due_on is None:
        return value
    return _("%(value)s by %(day)s") % {"value": value, "day": aim.due_on.isoformat()}


def _verdict(kpi: Kpi, newest: float, usual: Baseline | TooShort, currency: str) -> str:
    """How the newest value stands to what was usual, with the figures."""
    if isinstance(usual, TooShort):
        words = ngettext(
            "No baseline yet: %(needed)s values before the period are needed, there is %(found)s.",
            "No baseline yet: %(needed)s values before the period are needed, there are %(found)s.",
            usual.found,
        )
        return words % {"needed": usual.needed, "found": usual.found}
    low, high = _within(kpi, usual)
    span = {
        "low": said(kpi, low, currency),
        "high": said(kpi, high, currency),
        "expected": said(kpi, usual.middle, currency),
        "n": usual.n,
    }
    if usual.holds(newest):
        return (
            _("Within what is usual: %(low)s to %(high)s, expected %(expected)s (from %(n)s values).") % span
        )
    deviation = usual.deviation(newest)
    if deviation is None:
        return _("It never varied before: %(expected)s in each of %(n)s values.") % span
    span["times"] = formats.number(abs(deviation), 1)
    if deviation > 0:
        words = _(
            "Above what is usual: %(low)s to %(high)s; %(times)s spreads over the expected %(expected)s."
        )
    else:
        words = _(
            "Below what is usual: %(low)s to %(high)s; %(times)s spreads under the expected %(expected)s."
        )
    return words % span


def _within(kpi: Kpi, usual: Baseline) -> tuple[float, float]:
    """The band, no wider than the values that the KPI may have."""
    low = usual.low if kpi.least is None else max(usual.low, kpi.least)
    high = usual.high if kpi.most is None else min(usual.high, kpi.most)
    return min(low, high), max(low, high)


def _rows(course: Course, usual: dict[dt.date, Baseline | TooShort], currency: str) -> list[Row]:
    kpi = course.kpi
    found = []
    for row in reversed(course.values[-ROWS:]):
        assert row.value is not None
        known = usual.get(row.starts_on)
        words, is_unusual = formats.DASH, False
        if isinstance(known, Baseline):
            low, high = _within(kpi, known)
            words = f"{said(kpi, low, currency)} – {said(kpi, high, currency)}"
            is_unusual = not known.holds(row.value)
        aim = target_of(course.targets, kpi, row.starts_on)
        earlier = [one for one in course.told if one.starts_on == row.starts_on and one.pk != row.pk]
        found.append(
            Row(
                period=period_words(kpi, row.starts_on),
                value=said(kpi, row.value, currency),
                usual=words,
                is_unusual=is_unusual,
                target=said(kpi, aim.value, currency) if aim else formats.DASH,
                told=row,
                before=[(said(kpi, one.value, currency), one) for one in reversed(earlier)],
            )
        )
    return found


def method() -> list[tuple[str, int]]:
    """How many values a baseline needs, by kind of period."""
    return [(str(label), RHYTHMS[value].least) for value, label in Kpi.Period.choices]


def width() -> str:
    return formats.number(WIDTH, 1)


def file_rows(account: Account, user: User, vendor_currency: str) -> Iterator[Sequence[object]]:
    """Every value with its usual range and target, as the rows of a file, headings first.

    Numbers are as stored: shares of 1, amounts in major units of the currency column.
    """
    yield (
        "kpi", "name", "unit", "currency", "period", "starts_on", "value", "expected", "low", "high", "target", "known_at", "source",
    )  # fmt: skip
    for course in queries.courses(account):
        kpi = course.kpi
        is_money = kpi.unit == Kpi.Unit.MONEY
        if is_money and not user.sees_money:
            continue
        currency = currency_of(kpi, account.currency or vendor_currency) if is_money else ""
        unit = formats.named(kpi.unit_name) or kpi.unit
        usual = ranges(course, dt.date.min)
        for row in course.values:
            known, aim = usual[row.starts_on], target_of(course.targets, kpi, row.starts_on)
            span: Sequence[float | None] = (None, None, None)
            if isinstance(known, Baseline):
                span = (known.middle, *_within(kpi, known))
            yield (
                kpi.key, formats.named(kpi.name), unit, currency, period_words(kpi, row.starts_on), row.starts_on,
                Decimal(f"{row.value:.15g}"), *(None if one is None else Decimal(f"{one:.6g}") for one in span),
                Decimal(f"{aim.value:.15g}") if aim else None, row.known_at.isoformat(timespec="seconds"), row.source,
            )  # fmt: skip
