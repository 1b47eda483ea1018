"""The figures below the health card, each with its comparison or as-of line."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.metrics import registry, words
from evergreen.metrics.models import Newest
from evergreen.web import formats

# More would push the rest of the page away; all of them stand in segments, exports and the API.
MOST_OWN = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its name, its value in words, the line below, its colour, and where its trend is fetched."""

    label: str
    value: str | SafeString
    small: str = ""
    tone: str = ""
    trend: str = ""
    title: str = field(default="")


def figures(account: Account, newest: Newest | None, user: User, today: dt.date) -> list[Figure]:
    """ARR and renewal (for who sees money), active users, overdue, NPS and open tickets; none before the first night."""
    if newest is None:
        return []
    values: dict[str, Any] = newest.values
    money = [_arr(newest, values)] if user.sees_money else []
    rest = [_renewal(newest, today), _users(newest, values)]
    overdue = [_overdue(newest)] if user.sees_money else []
    return [*money, *rest, *overdue, _nps(values), _tickets(values), *_own(newest, user)]


def _own(newest: Newest, user: User) -> list[Figure]:
    """The vendor's own metrics that have a value, each leading to its trend."""
    found = []
    for metric in registry.metrics().values():
        value = newest.values.get(metric.key)
        if not metric.is_own or value is None or (metric.kind == "money" and not user.sees_money):
            continue
        text = words.value_text(metric.key, value, formats.language(), newest.currency)
        trend = "" if metric.kind in {"date", "money"} else metric.key
        found.append(Figure(formats.named(dict(metric.name)), text, _("own metric"), trend=trend))
    return found[:MOST_OWN]


def _arr(newest: Newest, values: dict[str, Any]) -> Figure:
    used, bought = values.get("active_users_28d"), values.get("seats_bought") or values.get("seats")
    seats = ""
    if bought:
        seats = _("seats %(used)s / %(bought)s") % {
            "used": formats.number(used),
            "bought": formats.number(bought),
        }
    arr = newest.mrr_cents * 12
    return Figure(_("Annual recurring revenue"), formats.money_short(arr, newest.currency), seats)


def _renewal(newest: Newest, today: dt.date) -> Figure:
    day = newest.renewal_on
    if day is None:
        return Figure(_("Renewal"), formats.DASH, _("no term in force that ends"))
    days = (day - today).days
    tone = "down" if days < 30 else "warn-ink" if days <= 90 else ""
    return Figure(_("Renewal"), formats.days_until(day, today), day.isoformat(), tone)


def _users(newest: Newest, values: dict[str, Any]) -> Figure:
    now, before = newest.active_users_28d, values.get("active_users_prev_28d")
    small = ""
    if now is not None and before is not None:
        small = _("%(change)s against the 28 days before") % {"change": formats.signed(now - before)}
    return Figure(_("Monthly active users"), formats.number(now), small, trend="active_users_28d")


def _overdue(newest: Newest) -> Figure:
    if not newest.overdue_cents:
        return Figure(_("Overdue"), _("none"), tone="up")
    amount = formats.money_short(newest.overdue_cents, newest.currency)
    late = _("the oldest by %(days)s") % {"days": formats.days(newest.overdue_days)}
    return Figure(_("Overdue"), amount, late, "down")


def _nps(values: dict[str, Any]) -> Figure:
    score = values.get("nps")
    if score is None:
        return Figure("NPS", formats.DASH, _("no answer within 180 days"))
    last = values.get("last_answer_on")
    small = _("last answer %(day)s") % {"day": last} if last else ""
    tone = "up" if score >= 30 else "down" if score < 0 else ""
    return Figure("NPS", formats.signed(score), small, tone)


def _tickets(values: dict[str, Any]) -> Figure:
    opened, now = values.get("tickets_opened_28d"), values.get("tickets_open")
    small = _("%(n)s opened in 28 days") % {"n": formats.number(opened)} if opened is not None else ""
    return Figure(_("Open tickets"), formats.number(now), small)
