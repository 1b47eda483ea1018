"""Alert rules with their thresholds, how much they raise and how much of it was useful."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from evergreen.alerts.models import Alert, Rule
from evergreen.alerts.rules import SHIPPED
from evergreen.web import formats

RAISED_DAYS = 28
USEFUL_DAYS = 180

# What each threshold is called, and its unit.
THRESHOLDS: dict[str, tuple[str | Promise, str | Promise]] = {
    "points": (_("Fall of at least"), _("points")),
    "clear_margin": (_("Margin before it closes"), _("points")),
    "working_days": (_("Working days without use"), _("days")),
    "days": (_("Days"), _("days")),
}


@dataclass(frozen=True, slots=True)
class Threshold:
    key: str
    label: str | Promise
    unit: str | Promise
    value: Any
    default: Any
    error: str = ""


@dataclass(frozen=True, slots=True)
class RuleCard:
    """A rule as the page shows it. ``useful`` of ``judged`` verdicts of the last 180 days were no false alarm."""

    rule: Rule
    name: str
    explanation: str
    thresholds: list[Threshold]
    open: int
    raised: int
    useful: int
    judged: int
    lost: int

    @property
    def share(self) -> float | None:
        return self.useful / self.judged if self.judged else None


def rule_cards(now: dt.datetime, typed: Mapping[str, Mapping[str, Any]] | None = None) -> list[RuleCard]:
    """Every rule; ``typed`` (rule → threshold → what was typed) shows refused input again. Two queries."""
    since, judged_since = now - dt.timedelta(days=RAISED_DAYS), now - dt.timedelta(days=USEFUL_DAYS)
    recent = Q(alerts__closed_at__gte=judged_since)
    good = Q(alerts__outcome__in=[Alert.Outcome.SAVED, Alert.Outcome.HANDLED])
    figures = Rule.objects.order_by("-severity", "key").annotate(
        n_open=Count("alerts", filter=Q(alerts__state=Alert.State.OPEN)),
        n_raised=Count("alerts", filter=Q(alerts__opened_at__gte=since)),
        n_useful=Count("alerts", filter=recent & good),
        n_false=Count("alerts", filter=recent & Q(alerts__outcome=Alert.Outcome.FALSE_ALARM)),
        n_lost=Count("alerts", filter=recent & Q(alerts__outcome=Alert.Outcome.LOST)),
    )
    return [_card(rule, (typed or {}).get(rule.key, {})) for rule in figures]


def _card(rule: Any, typed: Mapping[str, Any]) -> RuleCard:
    shipped = SHIPPED[rule.key]
    in_force = {**shipped.params, **rule.params, **typed}
    return RuleCard(
        rule=rule,
        name=formats.named(rule.name or dict(shipped.name)),
        explanation=formats.named(dict(shipped.explanation)),
        thresholds=[
            Threshold(key, *THRESHOLDS.get(key, (key, "")), in_force[key], default)
            for key, default in shipped.params.items()
        ],
        open=rule.n_open,
        raised=rule.n_raised,
        useful=rule.n_useful,
        judged=rule.n_useful + rule.n_false,
        lost=rule.n_lost,
    )
