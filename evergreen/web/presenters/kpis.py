"""Values of KPIs in words of the reader's language, and lines of what is declared."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from evergreen.base import money
from evergreen.events.kpis import periods
from evergreen.events.kpis.actions import bounds_words
from evergreen.events.kpis.models import Kpi
from evergreen.events.kpis.queries import Declared
from evergreen.web import formats
from evergreen.web.api.keys import RIGHTS
from evergreen.web.api.models import ApiKey


def said(kpi: Kpi, value: float | None, currency: str, *, signed: bool = False) -> str:
    """A value with its unit: 87.4%, ¥ 28.6 万, 4.5 天, 12 orders; a difference of shares in points."""
    if value is None:
        return formats.DASH
    sign = ("+" if value > 0 else formats.MINUS if value < 0 else "") if signed else ""
    size = abs(value) if signed else value
    match kpi.unit:
        case Kpi.Unit.SHARE:
            text = formats.short_percent(size)
            if signed:
                text = pgettext("difference of shares", "%(n)s points") % {"n": formats.number(size * 100, 1)}
        case Kpi.Unit.MONEY:
            code = currency_of(kpi, currency)
            text = formats.money_short(money.to_minor(Decimal(repr(size)), code), code)
            text = text.replace("-", formats.MINUS)
        case _number:
            text = _with_word(kpi, size)
    return f"{sign}{text}"


def _with_word(kpi: Kpi, value: float) -> str:
    text = formats.number(value, 2 if abs(value) < 100 else 1 if abs(value) < 10_000 else 0)
    word = formats.named(kpi.unit_name)
    return f"{text} {word}" if word else text


def currency_of(kpi: Kpi, currency: str) -> str:
    """The currency of a KPI's amounts; ``currency`` is the account's, else the vendor's."""
    return kpi.currency or currency or "CNY"


def period_words(kpi: Kpi, start: dt.date) -> str:
    return periods.text_of(kpi.span, start)


@dataclass(frozen=True, slots=True)
class Line:
    """A declared KPI in a table."""

    kpi: Kpi
    meaning: str
    bounds: str
    held: str
    newest: str


def declared_line(one: Declared) -> Line:
    kpi = one.kpi
    unit = str(kpi.get_unit_display())
    if kpi.unit == Kpi.Unit.NUMBER and kpi.unit_name:
        unit = formats.named(kpi.unit_name)
    elif kpi.unit == Kpi.Unit.MONEY:
        unit = f"{unit} {kpi.currency}".strip()
    meaning = " · ".join(
        [
            unit,
            str(kpi.get_period_display()),
            str(kpi.get_aggregation_display()),
            str(kpi.get_direction_display()),
        ]
    )
    bounds = bounds_words(kpi) if kpi.least is not None or kpi.most is not None else ""
    held = _("none yet")
    if one.values:
        values = ngettext("%(n)s value", "%(n)s values", one.values) % {"n": formats.number(one.values)}
        accounts = ngettext("%(n)s account", "%(n)s accounts", one.accounts) % {
            "n": formats.number(one.accounts)
        }
        targets = ngettext("%(n)s target", "%(n)s targets", one.targets) % {"n": formats.number(one.targets)}
        held = " · ".join([values, accounts, *([targets] if one.targets else [])])
    newest = period_words(kpi, one.newest_on) if one.newest_on else formats.DASH
    return Line(kpi, meaning, bounds, held, newest)


def rights_words(key: ApiKey) -> str:
    return ", ".join(str(RIGHTS.get(right, right)) for right in key.rights)
