"""Which of an account's open alerts explains the others: a written table and one rule, no guessing. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# What each shipped rule's finding may bring about, causes before symptoms. The order of the table breaks ties. What stands in no
# row (a renewal that comes, seats nearly full, rules of one's own) explains nothing and is explained by nothing.
CAUSES: Mapping[str, tuple[str, ...]] = {
    "fit_low": (
        "not_activated_90d", "core_unused", "kpi_off", "usage_off", "use_falling", "no_activity", "detractor", "invoice_overdue",
        "health_drop", "health_red", "churn_risk_high",
    ),
    "sla_missed": (
        "detractor", "usage_off", "use_falling", "no_activity", "invoice_overdue", "health_drop", "health_red", "churn_risk_high",
    ),
    "chain_gap": (
        "silence", "not_activated_90d", "usage_off", "use_falling", "no_activity", "invoice_overdue", "health_drop", "health_red",
        "churn_risk_high",
    ),
    "silence": (
        "not_activated_90d", "core_unused", "usage_off", "use_falling", "no_activity", "detractor", "health_drop", "health_red",
        "churn_risk_high",
    ),
    "not_activated_90d": ("core_unused", "kpi_off", "no_activity", "health_drop", "health_red", "churn_risk_high"),
    "core_unused": ("kpi_off", "usage_off", "use_falling", "no_activity", "health_drop", "health_red", "churn_risk_high"),
    "kpi_off": ("usage_off", "use_falling", "no_activity", "detractor", "health_drop", "health_red", "churn_risk_high"),
    "detractor": ("usage_off", "use_falling", "no_activity", "invoice_overdue", "health_drop", "health_red", "churn_risk_high"),
    "usage_off": ("use_falling", "no_activity", "health_drop", "health_red", "churn_risk_high"),
    "use_falling": ("no_activity", "health_drop", "health_red", "churn_risk_high"),
    "no_activity": ("health_drop", "health_red", "churn_risk_high"),
    "invoice_overdue": ("health_drop", "health_red", "churn_risk_high"),
    "health_drop": ("health_red", "churn_risk_high"),
    "health_red": ("churn_risk_high",),
}  # fmt: skip
_PLACES = {rule: place for place, rule in enumerate(CAUSES)}


@dataclass(frozen=True, slots=True)
class Sign:
    """An open alert as this module looks at it."""

    alert: int
    rule: str
    severity: int
    opened_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Explained:
    """Alerts by their keys: the one that explains most, those it may have brought about, those that stand beside it."""

    cause: int
    symptoms: tuple[int, ...]
    beside: tuple[int, ...]


def explain(signs: Sequence[Sign], said: int | None = None) -> Explained | None:
    """The probable cause of an account's open alerts; None without any.

    Among the alerts that no other one may have brought about, the cause is the one that may have brought about most of the
    others; of equals the one earlier in the table, of those that explain nothing the most severe; then the older one. ``said``:
    the alert that a person called the cause.
    """
    if not signs:
        return None
    reach = {sign.alert: _reach(sign, signs) for sign in signs}
    reached = {alert for found in reach.values() for alert in found}

    def order(sign: Sign) -> tuple[int, int, int, int, dt.datetime, int]:
        count, place = len(reach[sign.alert]), _PLACES.get(sign.rule, len(_PLACES))
        return (-count, place if count else 0, -sign.severity, place, sign.opened_at, sign.alert)

    listed = sorted(signs, key=order)
    chosen = next((sign.alert for sign in listed if sign.alert == said), None)
    cause = chosen or next(sign.alert for sign in listed if sign.alert not in reached)
    others = [sign.alert for sign in listed if sign.alert != cause]
    return Explained(
        cause,
        tuple(alert for alert in others if alert in reach[cause]),
        tuple(alert for alert in others if alert not in reach[cause]),
    )


def _reach(cause: Sign, signs: Sequence[Sign]) -> frozenset[int]:
    """The other alerts that one may have brought about, directly or by way of another that is open too."""
    found: set[int] = set()
    waiting = [cause.rule]
    while waiting:
        brings = CAUSES.get(waiting.pop(), ())
        fresh = [sign for sign in signs if sign.rule in brings and sign.alert not in found]
        found |= {sign.alert for sign in fresh}
        waiting += [sign.rule for sign in fresh]
    return frozenset(found)
