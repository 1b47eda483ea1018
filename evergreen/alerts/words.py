"""An alert in words: what it is and why, with its figures, in zh and en."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from evergreen.alerts.models import Alert, Rule
from evergreen.base import money
from evergreen.base.conditions import Kind
from evergreen.base.languages import in_words, is_zh, spoken
from evergreen.base.queries import vendor_zone
from evergreen.health.words import whole_points
from evergreen.metrics import registry
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.words import value_text

_Figures = dict[str, Any]
# Figures of a rule of a condition: {values: {field: value}, currency}.
VALUES = "values"
# Figures of a rule of an event: as ``firing.figures`` makes them.
EVENT = "event"


def headline(alert: Alert, language: str) -> str:
    """The rule's name."""
    return rule_name(alert.rule, language)


def rule_name(rule: Rule, language: str | None = None) -> str:
    """What a rule is called."""
    return in_words(rule.name, language) or rule.key


def reason(alert: Alert, language: str) -> str:
    """Why it is open, in figures."""
    return say(alert.rule.key, alert.figures, language)


def say(rule: str, figures: _Figures, language: str) -> str:
    """The figures of a rule as one sentence."""
    if not figures:
        return "数据中断，沿用上次判断。" if is_zh(language) else "Data stopped; the last finding stands."
    if VALUES in figures:
        return _condition(figures, language)
    if EVENT in figures and rule not in _WORDS:
        return _event(figures, is_zh(language))
    return _WORDS[rule](figures, is_zh(language), language)


def _event(f: _Figures, zh: bool) -> str:
    """So many events of a name within minutes, whose, and when last."""
    what = f"{f['event']} ({f['property']} = {f['value']})" if f["property"] else str(f["event"])
    at = dt.datetime.fromisoformat(f["at"]).astimezone(vendor_zone())
    if zh:
        whose = f"终端用户 {f['end_user']} 的" if f["end_user"] else ""
        return f"{whose}“{what}”在 {f['minutes']} 分钟内发生 {f['n']} 次，最近一次是 {at:%Y-%m-%d %H:%M}。"
    whose = f" of end user {f['end_user']}" if f["end_user"] else ""
    times = "once" if f["n"] == 1 else f"{f['n']} times"
    return f"“{what}”{whose} came {times} within {f['minutes']} minutes, last at {at:%Y-%m-%d %H:%M}."


def _condition(f: _Figures, language: str) -> str:
    """The values of the fields that a condition asked for, as they were when it was last found to hold."""
    said = [f"{_label(key, language)} {_value(key, value, f, language)}" for key, value in f[VALUES].items()]
    return "，".join(said) + "。" if is_zh(language) else ", ".join(said) + "."


def _value(key: str, value: Any, f: _Figures, language: str) -> str:
    if value is None or value == "" or value == []:
        return "无" if is_zh(language) else "none"
    if (metric := catalogue.metric_of().get(key)) is not None and registry.find(metric) is not None:
        currency = str(f.get("currency", "CNY"))
        is_money = registry.metric(metric).kind == "money"
        return value_text(
            metric, money.to_minor(Decimal(str(value)), currency) if is_money else value, language, currency
        )
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, str) and (found := catalogue.field(key)) is not None and value in found.choices:
        return found.choices[value][spoken(language)]
    if isinstance(value, float) and (found := catalogue.field(key)) is not None and found.kind == Kind.SHARE:
        return f"{value:.0%}"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)


def _label(key: str, language: str) -> str:
    found = catalogue.field(key)
    return found.label(language) if found is not None else key.removeprefix(catalogue.CUSTOM)


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


def _silence(f: _Figures, zh: bool, language: str) -> str:
    if zh:
        said = f"已 {f['days']} 天没有沟通" if f["has_talked"] else f"等了 {f['days']} 天，还没有过沟通"
        return f"{said}，节奏是每 {f['cadence']} 天。"
    said = (
        f"No conversation for {f['days']} days"
        if f["has_talked"]
        else f"Waiting for {f['days']} days and never spoken to"
    )
    return f"{said}; the cadence is every {f['cadence']} days."


def _usage_off(f: _Figures, zh: bool, language: str) -> str:
    if zh:
        return f"最近 {f['days']} 个工作日平均每天使用 {f['seen']:,.0f} 次，惯常为 {f['usual']:,.0f} 次，低 {f['times']:.1f} 倍偏差。"
    days = "On the last working day" if f["days"] == 1 else f"On the last {f['days']} working days"
    return f"{days} {f['seen']:,.0f} uses a day where {f['usual']:,.0f} are usual, {f['times']:.1f} spreads below."


def _wecom_removed(f: _Figures, zh: bool, language: str) -> str:
    at = dt.datetime.fromisoformat(f["at"]).astimezone(vendor_zone())
    if zh:
        return f"联系人在企业微信里删除了我们的成员（{at:%Y-%m-%d %H:%M}），见“联系人”。"
    return f"A contact removed one of us in WeCom ({at:%Y-%m-%d %H:%M}); People says who."


_WORDS: dict[str, Callable[[_Figures, bool, str], str]] = {
    "health_red": _health_red,
    "health_drop": _health_drop,
    "no_activity": _no_activity,
    "renewal_due": _renewal_due,
    "invoice_overdue": _invoice_overdue,
    "silence": _silence,
    "usage_off": _usage_off,
    "wecom_removed": _wecom_removed,
}
