"""The risk of one account: its probability by horizon against the book's average, and what drew it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from evergreen.base.languages import in_words
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.foresight.models import Risk
from evergreen.foresight.risks import telling
from evergreen.web import formats
from evergreen.web.drawing import sparkline
from evergreen.web.presenters.forecast.listing import times_words, told_reasons

_DAYS = 365


@dataclass(frozen=True, slots=True)
class Line:
    """A horizon: the probability, the book's average, how many times that is; where it stands in the list."""

    words: str
    probability: float
    average: float
    times: str
    url: str


@dataclass(frozen=True, slots=True)
class RiskCard:
    """``why_none`` says why there is nothing to show; the rest is empty then."""

    lines: list[Line]
    sentence: str = ""
    raising: list[str] | None = None
    lowering: list[str] | None = None
    evidence: str = ""
    trend: SafeString | str = ""
    why_none: str = ""


def risk_card(account: Account, user: User, today: dt.date) -> RiskCard:
    found = {risk.horizon_days: risk for risk in account.risks.select_related("model").defer("model__body")}
    if not found:
        return RiskCard([], why_none=_why_none(account))
    averages = {days: telling.average(days) or 0.0 for days in found}
    lines = [_line(found[days], averages[days]) for days in sorted(found)]
    first = next(days for days in telling.horizons() if days in found)
    main = found[first]
    raising, lowering = told_reasons(main, sees_money=user.sees_money)
    past = telling.history(account.pk, first, today - dt.timedelta(days=_DAYS), today)
    return RiskCard(
        lines,
        _sentence(main, averages[first]),
        raising,
        lowering,
        _("model of %(made)s · as of the night of %(day)s") % {"made": formats.day(main.model.made_at), "day": formats.day(main.day)},
        _trend(past, first),
    )  # fmt: skip


def _line(risk: Risk, average: float) -> Line:
    said = _("within %(days)s") % {"days": formats.days(risk.horizon_days)}
    times = "" if not average else times_words(risk.probability / average)
    return Line(said, risk.probability, average, times, f"{reverse('forecast')}?days={risk.horizon_days}")


def _sentence(risk: Risk, average: float) -> str:
    return _("Of 100 accounts like this one about %(lost)s are lost within %(days)s; of all accounts %(all)s.") % {
        "lost": formats.number(risk.probability * 100, 0 if risk.probability >= 0.1 else 1),
        "days": formats.days(risk.horizon_days),
        "all": formats.number(average * 100, 0 if average >= 0.1 else 1),
    }  # fmt: skip


def _trend(past: list[tuple[dt.date, float]], horizon: int) -> SafeString | str:
    if len(past) < 2:
        return ""
    said = _("Risk within %(days)s from %(first)s to %(last)s") % {
        "days": formats.days(horizon), "first": formats.percent(past[0][1], 1), "last": formats.percent(past[-1][1], 1)
    }  # fmt: skip
    return sparkline([value for _day, value in past], said)


def _why_none(account: Account) -> str:
    if account.stage == Account.Stage.CHURNED:
        return _("This account is lost already.")
    offered = telling.horizons()
    if any(telling.champion(days) for days in offered) and Risk.objects.exists():
        return _(
            "Risks are told of accounts with a contract in force; this one has none. Add a contract to see one."
        )
    return in_words(telling.why_none(offered[0]))
