"""Metric values as people read them, in zh and en."""

from __future__ import annotations

import datetime as dt
from typing import Any

from evergreen.base import money
from evergreen.base.languages import is_zh, spoken
from evergreen.metrics import registry
from evergreen.metrics.rules import Metric

_UNITS: dict[str, tuple[str, str]] = {
    "active_users": ("人", ""),
    "regular_users": ("人", ""),
    "activated_users": ("人", ""),
    "user_days": ("人天", "user days"),
    "users_opened": ("人", ""),
    "opened_activated": ("人", ""),
    "core_users": ("人", ""),
    "new_users": ("人", ""),
    "sessions": ("次", "sessions"),
    "online_hours": ("小时", "h"),
    "new_features": ("个", ""),
    "ramp_up_days": ("天", "days"),
    "engagement": ("分", "points"),
    "resolution_hours": ("小时", "h"),
    "answers": ("份", ""),
    "surveys": ("份", ""),
    "meetings": ("次", ""),
    "milestones_due": ("个", ""),
    "milestones_met": ("个", ""),
    "trainings": ("人次", ""),
    "kpi_deviation": ("倍波动", "spreads"),
    "active_days": ("天", "days"),
    "events": ("次", "uses"),
    "data_events": ("条", ""),
    "core_events": ("次", "uses"),
    "features": ("个", ""),
    "core_features": ("个", ""),
    "tickets": ("件", ""),
    "seats": ("席", "seats"),
    "hours": ("小时", "h"),
    "core_depth": ("次/人/周", "uses a user and week"),
    "first_response": ("分钟", "min"),
    "contacts": ("人", ""),
    "decision_makers": ("人", ""),
    "conversations": ("次", ""),
    "invoices": ("笔", ""),
    "kpis": ("项", "KPIs"),
}


def name(key: str, language: str) -> str:
    """The metric's name in a language."""
    return registry.metric(key).name[spoken(language)]


def unit(key: str, language: str) -> str:
    """The unit that follows a value of the metric, '' when the number speaks for itself."""
    return unit_of(registry.metric(key), language)


def unit_of(metric: Metric, language: str) -> str:
    """The unit of a metric that need not be saved."""
    if metric.unit:
        return metric.unit.get(spoken(language), "")
    if metric.kind == "days":
        return "天" if is_zh(language) else "days"
    for start, words in _UNITS.items():
        if metric.key.startswith(start):
            return words[0] if is_zh(language) else words[1]
    return ""


def value_text(key: str, value: Any, language: str, currency: str = "CNY") -> str:
    """A value with its unit: ``8 人``, ``61%``, ``¥ 28.6 万``, ``94 days``; an em dash when missing."""
    if value is None:
        return "—"
    kind = registry.metric(key).kind
    if kind == "money":
        return money.short(int(value), currency, language)
    if kind == "share":
        return f"{value * 100:.0f}%".replace("-", "−")
    if kind == "date":
        return (
            value
            if isinstance(value, str)
            else value.isoformat()
            if isinstance(value, dt.date)
            else str(value)
        )
    text = f"{value:,.1f}" if kind == "number" and key != "nps" else f"{round(value):,}"
    text = text.replace("-", "−")
    word = unit(key, language)
    return f"{text} {word}" if word else text
