"""Alert rules with what they look at, how much they raise and how much of it was useful."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from evergreen.alerts.firing import Watch
from evergreen.alerts.models import Alert, Rule
from evergreen.alerts.rules import SHIPPED
from evergreen.alerts.shipped import CONDITIONED, WATCHED
from evergreen.alerts.words import rule_name
from evergreen.base.conditions import ConditionError, Fields, checked, explained, from_data
from evergreen.base.models import User
from evergreen.web import formats

RAISED_DAYS = 28
USEFUL_DAYS = 180

# What each threshold is called, and its unit.
THRESHOLDS: dict[str, tuple[str | Promise, str | Promise]] = {
    "points": (_("Fall of at least"), _("points")),
    "clear_margin": (_("Margin before it closes"), _("points")),
    "working_days": (_("Working days without use"), _("days")),
    "days": (_("Days"), _("days")),
    "percent": (_("Share of the cadence"), "%"),
    "spreads": (_("Below what is usual by"), _("spreads")),
    "spread_margin": (_("Margin before it closes"), _("spreads")),
    "low_days": (_("On so many working days in a row"), _("days")),
    "history_days": (_("Known from at least"), _("working days")),
    "least_usual": (_("Only where usual are at least"), _("uses a day")),
}


@dataclass(frozen=True, slots=True)
class Threshold:
    key: str
    label: str | Promise
    unit: str | Promise
    value: Any
    default: Any


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule in figures. ``useful`` of ``judged`` verdicts of the last 180 days were no false alarm."""

    rule: Rule
    name: str
    says: str
    problem: str
    open: int
    raised: int
    useful: int
    judged: int
    lost: int

    @property
    def share(self) -> float | None:
        return self.useful / self.judged if self.judged else None


def rule_lines(now: dt.datetime, user: User, fields: Fields, key: str = "") -> list[RuleLine]:
    """Every rule in use, those that are on first; one where a ``key`` is named, even if it was put away."""
    since, judged_since = now - dt.timedelta(days=RAISED_DAYS), now - dt.timedelta(days=USEFUL_DAYS)
    recent = Q(alerts__closed_at__gte=judged_since)
    good = Q(alerts__outcome__in=[Alert.Outcome.SAVED, Alert.Outcome.HANDLED])
    wanted = Q(key=key) if key else Q(is_archived=False)
    figures = Rule.objects.filter(wanted).order_by("-is_on", "-severity", "key").annotate(
        n_open=Count("alerts", filter=Q(alerts__state=Alert.State.OPEN)),
        n_raised=Count("alerts", filter=Q(alerts__opened_at__gte=since)),
        n_useful=Count("alerts", filter=recent & good),
        n_false=Count("alerts", filter=recent & Q(alerts__outcome=Alert.Outcome.FALSE_ALARM)),
        n_lost=Count("alerts", filter=recent & Q(alerts__outcome=Alert.Outcome.LOST)),
    )  # fmt: skip
    return [_line(rule, user, fields) for rule in figures]


def _line(rule: Any, user: User, fields: Fields) -> RuleLine:
    says, problem = _says(rule, user, fields)
    return RuleLine(
        rule=rule,
        name=rule_name(rule, formats.language()),
        says=says,
        problem=problem,
        open=rule.n_open,
        raised=rule.n_raised,
        useful=rule.n_useful,
        judged=rule.n_useful + rule.n_false,
        lost=rule.n_lost,
    )


def _says(rule: Rule, user: User, fields: Fields) -> tuple[str, str]:
    """What a rule looks at in words; why its condition cannot be read any more."""
    if rule.is_event:
        return watch_words(Watch.of(rule.params)), ""
    if not rule.is_condition:
        return formats.named(dict(SHIPPED[rule.key].explanation)), ""
    try:
        tree = checked(from_data(rule.condition), fields)
    except ConditionError as error:
        return "", " ".join(error.problems)
    return explained(tree, fields, hides_money=not user.sees_money), ""


def watch_words(watch: Watch) -> str:
    """What an event rule waits for, in a sentence."""
    what = f"{watch.event} ({watch.property} = {watch.value})" if watch.property else watch.event
    told = {"event": what, "n": formats.number(watch.count), "minutes": formats.number(watch.minutes), "rest": formats.number(watch.cool_down_hours)}  # fmt: skip
    if watch.count == 1 and not watch.cool_down_hours:
        return _("Each “%(event)s” of an account, within seconds.") % told
    said = (
        _("“%(event)s” %(n)s times within %(minutes)s minutes by one end user of an account, within seconds; then it rests for %(rest)s hours.")
        if watch.per_user
        else _("“%(event)s” %(n)s times within %(minutes)s minutes in an account, within seconds; then it rests for %(rest)s hours.")
    )  # fmt: skip
    return said % told


def note_of(rule: Rule) -> str:
    """What a rule is for: as somebody wrote it, else as it ships."""
    shipped = CONDITIONED.get(rule.key) or WATCHED.get(rule.key)
    return rule.note or (formats.named(dict(shipped.note)) if shipped else "")


def thresholds(rule: Rule, typed: Mapping[str, Any] | None = None) -> list[Threshold]:
    """A detector's thresholds in force; ``typed`` shows refused input again."""
    if not rule.is_detector:
        return []
    shipped = SHIPPED[rule.key]
    in_force = {**shipped.params, **rule.params, **(typed or {})}
    return [
        Threshold(key, *THRESHOLDS.get(key, (key, "")), in_force[key], default)
        for key, default in shipped.params.items()
    ]
