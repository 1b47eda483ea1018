"""Columns and reasons in words, in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evergreen.base.languages import spoken
from evergreen.metrics import registry

Words = dict[str, str]

# Each with how its value is written: d days, t days since, n number, p share, m amount, y yes or no.
_COLUMNS: dict[str, tuple[str, Words]] = {
    "contract:days_to_end": ("d", {"zh": "距合同到期", "en": "until the contract ends"}),
    "contract:ends_within": ("y", {"zh": "合同在期限内到期", "en": "contract ends within the horizon"}),
    "contract:term_days": ("d", {"zh": "合同期长", "en": "length of the contract"}),
    "contract:term_at_stake": ("d", {"zh": "期限内到期的合同期长", "en": "length of the contract that ends within the horizon"}),
    "contract:tenure_days": ("d", {"zh": "成为客户", "en": "a customer for"}),
    "contract:term_age_days": ("d", {"zh": "本期已过", "en": "since the present term began"}),
    "contract:renewals": ("n", {"zh": "续约次数", "en": "renewals so far"}),
    "contract:lines": ("n", {"zh": "合同行数", "en": "contract lines in force"}),
    "contract:mrr": ("m", {"zh": "月经常性收入", "en": "monthly recurring revenue"}),
    "contract:mrr_change": ("p", {"zh": "月经常性收入变化（91 天）", "en": "change of monthly revenue in 91 days"}),
    "contract:discount": ("p", {"zh": "折扣", "en": "discount"}),
    "contract:seats": ("n", {"zh": "席位", "en": "seats"}),
    "use:use": ("n", {"zh": "日均使用次数（84 天）", "en": "uses a day over 84 days"}),
    "use:use_change": ("r", {"zh": "近 28 天使用量与前 28 天之比", "en": "use of 28 days against the 28 before"}),
    "use:active_days": ("n", {"zh": "每周使用天数（28 天）", "en": "days with use a week over 28 days"}),
    "use:active_days_12w": ("n", {"zh": "每周使用天数（84 天）", "en": "days with use a week over 84 days"}),
    "use:users": ("n", {"zh": "单日最多用户（28 天）", "en": "most users of a day in 28 days"}),
    "use:quiet_days": ("d", {"zh": "距上次使用", "en": "since the last use"}),
    "record:edition": ("w", {"zh": "版本", "en": "edition"}),
    "record:tier": ("w", {"zh": "分级", "en": "tier"}),
    "record:industry": ("w", {"zh": "行业", "en": "industry"}),
    "record:region": ("w", {"zh": "地区", "en": "region"}),
}  # fmt: skip
_EVENT: Words = {"zh": "日均“{}”次数（84 天）", "en": "“{}” a day over 84 days"}
_UP: Words = {"zh": "推高风险", "en": "raises the risk"}
_DOWN: Words = {"zh": "降低风险", "en": "lowers the risk"}
_MISSING: Words = {"zh": "无数据", "en": "no data"}
_KINDS = {"days": "d", "share": "p", "money": "m", "count": "n", "number": "n", "date": "t"}


def named(column: str, language: str | None = None) -> str:
    """What a column is called in the reader's language."""
    return _named(column)[1][spoken(language)]


def reason(told: Sequence[Any], language: str | None = None) -> str:
    """A reason as ``Risk.reasons`` keeps it in one phrase: what, how much, and which way it draws."""
    direction = (_UP if told[2] > 0 else _DOWN)[spoken(language)]
    said = phrase(told, language)
    return f"{said}（{direction}）" if spoken(language) == "zh" else f"{said} ({direction})"


def phrase(told: Sequence[Any], language: str | None = None, *, sees_money: bool = True) -> str:
    """A reason without its direction: what and how much. Without a right to amounts those are dots."""
    column, value, _pull = told
    way, name = _named(column)
    lang = spoken(language)
    between = "：" if lang == "zh" else ": "
    if way == "m" and not sees_money:
        return f"{name[lang]}{between}•••"
    written = _MISSING[lang] if value is None or value == "" else _written(value, way, lang)
    return f"{name[lang]}{between}{written}"


def _named(column: str) -> tuple[str, Words]:
    if column in _COLUMNS:
        return _COLUMNS[column]
    group, _colon, name = column.partition(":")
    if group == "metric" and (metric := registry.find(name)) is not None:
        return _KINDS.get(metric.kind, "n"), metric.name
    if group == "event":
        return "n", {language: words.format(name) for language, words in _EVENT.items()}
    return "n", {"zh": name, "en": name}


def _written(value: float | str, way: str, language: str) -> str:
    if isinstance(value, str):
        return value
    if way == "y":
        return ({"zh": "是", "en": "yes"} if value else {"zh": "否", "en": "no"})[language]
    if way == "p":
        return f"{value:+.0%}" if value < 0 else f"{value:.0%}"
    if way == "t":
        days = _written(abs(value), "d", language)
        past, ahead = (f"{days}前", f"{days}后") if language == "zh" else (f"{days} ago", f"in {days}")
        return past if value >= 0 else ahead
    if way == "d":
        shown = f"{value:,.0f}".replace("-", "\N{MINUS SIGN}")
        return f"{shown} 天" if language == "zh" else f"{shown} {'day' if value == 1 else 'days'}"
    if way == "m":
        # Minor units of the vendor's currency are two but for a few; here the size counts.
        return f"{value / 100:,.0f}"
    if way == "r":
        return f"{value:.2f} ×"
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.2f}"
