"""An alert in words: what it is and why, with its figures, in zh and en."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evergreen.alerts.models import Alert
from evergreen.alerts.rules import SHIPPED
from evergreen.base import money
from evergreen.base.languages import is_zh, spoken
from evergreen.health.words import whole_points

_Figures = dict[str, Any]


def headline(alert: Alert, language: str) -> str:
    """The rule's name."""
    named = alert.rule.name or SHIPPED[alert.rule.key].name
    return str(named.get(spoken(language), alert.rule.key))


def reason(alert: Alert, language: str) -> str:
    """Why it is open, in figures."""
    return say(alert.rule.key, alert.figures, language)


def say(rule: str, figures: _Figures, language: str) -> str:
    """The figures of a rule as one sentence."""
    if not figures:
        return "数据中断，沿用上次判断。" if is_zh(language) else "Data stopped; the last finding stands."
    return _WORDS[rule](figures, is_zh(language), language)


def _health_red(f: _Figures, zh: bool, language: str) -> str:
    if zh:
        return f"健康度 {whole_points(f['score'])}，低于 {f['threshold']:.0f}。"
    return f"Health is {whole_points(f['score'])}, below {f['threshold']:.0f}."


def _health_drop(f: _Figures, zh: bool, language: str) -> str:
    fall = abs(f["change"])
    return (
        f"7 天里下降 {fall:.0f} 分，现在 {whole_points(f['score'])}。"
        if zh
        else f"Fell {fall:.0f} points in 7 days, to {whole_points(f['score'])}."
    )


def _no_activity(f: _Figures, zh: bool, language: str) -> str:
    if zh:
        return f"已 {f['working_days']} 个工作日没有使用，最近一次是 {f['last_active_on']}。"
    return f"No use for {f['working_days']} working days, last on {f['last_active_on']}."


def _renewal_due(f: _Figures, zh: bool, language: str) -> str:
    yearly = money.short(f["mrr_cents"] * 12, f["currency"], language)
    if zh:
        return f"{f['days']} 天后（{f['renewal_on']}）到期，ARR {yearly}。"
    return f"Ends in {f['days']} days ({f['renewal_on']}), ARR {yearly}."


def _invoice_overdue(f: _Figures, zh: bool, language: str) -> str:
    amount = money.short(f["cents"], f["currency"], language)
    if zh:
        return f"{f['invoices']} 笔共 {amount} 逾期，最久 {f['days']} 天。"
    noun = "receivable" if f["invoices"] == 1 else "receivables"
    return f"{f['invoices']} {noun} over {amount} overdue, the oldest by {f['days']} days."


_WORDS: dict[str, Callable[[_Figures, bool, str], str]] = {
    "health_red": _health_red,
    "health_drop": _health_drop,
    "no_activity": _no_activity,
    "renewal_due": _renewal_due,
    "invoice_overdue": _invoice_overdue,
}
