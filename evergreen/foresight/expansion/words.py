"""Suggestions and their evidence in words, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evergreen.base.languages import spoken
from evergreen.foresight.expansion import signs
from evergreen.foresight.expansion.models import Suggestion
from evergreen.health.words import whole_points

Words = dict[str, str]
_SHORT: dict[str, Words] = {
    "full": {"zh": "席位将满", "en": "seats nearly full"},
    "filling": {"zh": "席位半年内用完", "en": "seats run out within half a year"},
    "limit": {"zh": "接近版本用量上限", "en": "near a limit of the edition"},
    "wide": {"zh": "版本功能用得很全", "en": "uses most of the edition"},
    "rising": {"zh": "使用量上升", "en": "use is rising"},
    "well": {"zh": "健康", "en": "healthy"},
    "alike": {"zh": "相似客户买得多", "en": "accounts like it bought"},
    "occasion": {"zh": "临近续约", "en": "contract ends soon"},
}


def sign(key: str, language: str | None = None) -> str:
    """A sign in two or three words."""
    return _SHORT[key][spoken(language)]


def title(row: Suggestion, language: str | None = None) -> str:
    """What is suggested."""
    lang = spoken(language)
    if row.kind == Suggestion.Kind.SEATS:
        more = "seat" if row.seats == 1 else "seats"
        return f"增购 {row.seats:,} 席位" if lang == "zh" else f"{row.seats:,} more {more}"
    sold = row.edition if row.kind == Suggestion.Kind.EDITION else row.product
    name = (sold.name.get(lang) or sold.key) if sold is not None else row.target
    if row.kind == Suggestion.Kind.EDITION:
        return f"升级到{name}" if lang == "zh" else f"Upgrade to {name}"
    return f"加购{name}" if lang == "zh" else f"Add {name}"


def evidence(row: Suggestion, language: str | None = None) -> list[str]:
    """Each sign as a sentence with its figure, the strongest kind of evidence first; no amounts of money."""
    lang, told = spoken(language), row.evidence
    keys = list(told.get("signs", ()))
    if row.kind == Suggestion.Kind.SEATS and "full" not in keys and told.get("contracted"):
        # No sign yet, but what everybody asks first of seats.
        keys.insert(0, "full")
    said = [_SENTENCES[key](told, lang) for key in keys]
    return [one for one in said if one]


def rests_on(row: Suggestion, language: str | None = None) -> str:
    """What the probability rests on, in a sentence."""
    told = row.evidence
    cases, bought, base = told["cases"], told["bought"], told["base"]
    if spoken(language) == "zh":
        return (
            f"过去有同样迹象的 {cases:,.0f} 例中，{bought:,.0f} 例在 {signs.HORIZON_DAYS} 天内购买；全体客户为 {base:.1%}。"
            f"例子少时向各迹象单独的比例收缩，得 {row.chance:.1%}。"
        )
    return (
        f"Of {cases:,.0f} past cases with the same signs {bought:,.0f} bought within {signs.HORIZON_DAYS} days; of all accounts {base:.1%} "
        f"did. Few cases are drawn towards what each sign says by itself: {row.chance:.1%}."
    )


def _full(told: dict[str, Any], lang: str) -> str:
    used, seats = told["used"] or 0, told["contracted"] or 0
    share = used / seats if seats else 0
    if lang == "zh":
        return f"{seats:,.0f} 个席位用了 {used:,.0f} 个（{share:.0%}）"
    return f"{used:,.0f} of {seats:,.0f} seats in use ({share:.0%})"


def _filling(told: dict[str, Any], lang: str) -> str:
    weeks, soonest, latest = told["weeks"]
    if weeks is None:
        return ""
    if lang == "zh":
        span = (
            f"{soonest or 0:,.0f}–{latest:,.0f} 周" if latest is not None else f"最早 {soonest or 0:,.0f} 周"
        )
        return f"照目前速度约 {weeks:,.0f} 周后席位用完（90% 区间 {span}）"
    span = f"{soonest or 0:,.0f} to {latest:,.0f}" if latest is not None else f"from {soonest or 0:,.0f} on"
    return f"seats run out in about {weeks:,.0f} weeks at the present pace (90% interval {span})"


def _limit(told: dict[str, Any], lang: str) -> str:
    feature, share = told["limit"]
    return (
        f"近 28 天用了版本上限的 {share:.0%}（{feature}）"
        if lang == "zh"
        else f"used {share:.0%} of what the edition allows of {feature} in 28 days"
    )


def _wide(told: dict[str, Any], lang: str) -> str:
    share = told["feature_adoption"] or 0
    return f"用了版本内功能的 {share:.0%}" if lang == "zh" else f"uses {share:.0%} of the edition's features"


def _rising(told: dict[str, Any], lang: str) -> str:
    share = told["events_trend"] or 0
    return (
        f"近 28 天使用量比前 28 天 {share:+.0%}（按工作日）"
        if lang == "zh"
        else f"use {share:+.0%} a working day against the 28 days before"
    )


def _well(told: dict[str, Any], lang: str) -> str:
    score = whole_points(told["score"])
    return f"健康度 {score}" if lang == "zh" else f"health {score}"


def _alike(told: dict[str, Any], lang: str) -> str:
    count, bought, share, base = told["alike"]
    if lang == "zh":
        return f"{count} 个相似客户中 {bought} 个随后 {signs.HORIZON_DAYS} 天内购买（收缩后 {share:.1%}，全体 {base:.1%}）"
    return (
        f"{bought} of the {count} accounts most like it bought within {signs.HORIZON_DAYS} days (drawn towards all: {share:.1%}, "
        f"all accounts {base:.1%})"
    )


def _occasion(told: dict[str, Any], lang: str) -> str:
    return f"合同 {told['until']} 到期" if lang == "zh" else f"contract ends on {told['until']}"


_SENTENCES: dict[str, Callable[[dict[str, Any], str], str]] = {
    "full": _full,
    "filling": _filling,
    "limit": _limit,
    "wide": _wide,
    "rising": _rising,
    "well": _well,
    "alike": _alike,
    "occasion": _occasion,
}
