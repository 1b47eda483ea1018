"""Recommendations and their reasons in words, in both languages."""

from __future__ import annotations

from evergreen.base.languages import spoken
from evergreen.customers.models import Account, Feature
from evergreen.foresight.recommendations.helped import AFTER_DAYS, TAKEN_DAYS, Helped
from evergreen.foresight.recommendations.models import ItemKind, Proof
from evergreen.foresight.recommendations.recommending import Recommendation, Why
from evergreen.foresight.recommendations.together import INDUSTRY, ROLE, TIER

Names = dict[str, dict[str, str]]


def feature_names() -> Names:
    """Every feature's name in both languages, by key."""
    return dict(Feature.objects.values_list("key", "name"))


def named(one: Recommendation, language: str | None = None) -> str:
    """What is recommended."""
    return one.name.get(spoken(language)) or one.name.get("en") or one.name.get("zh") or one.key


def reasons(
    one: Recommendation, names: Names, language: str | None = None, *, for_user: bool = False
) -> list[str]:
    """Why, as sentences: what goes together, or how long ago, and what followed where others took it up."""
    lang = spoken(language)
    if one.why.proof is not None:
        return [proven(one.why.proof, lang)]
    said = (
        [_since(one.why, lang)] if one.kind == ItemKind.TOUCH else [_together(one.why, names, lang, for_user)]
    )
    if one.why.about:
        title = names.get(one.why.about, {}).get(lang) or one.why.about
        said.insert(0, f"关于“{title}”" if lang == "zh" else f"about {title}")
    if one.why.helped is not None and not for_user:
        said.append(_helped(one.why.helped, lang))
    return said


_OUTCOMES = {
    "kept": {"zh": "仍是客户的比例", "en": "accounts still customers"},
    "nrr": {"zh": "净收入留存率", "en": "net revenue retention"},
    "grr": {"zh": "总收入留存率", "en": "gross revenue retention"},
    "health_score": {"zh": "健康度", "en": "health score"},
    "goal": {"zh": "达到目标的比例", "en": "accounts at the goal"},
}
_METHODS = {
    Proof.Method.HOLDOUT: {"zh": "对照组", "en": "a holdout"},
    Proof.Method.PILOT: {"zh": "试点", "en": "a pilot"},
    Proof.Method.SPLIT: {"zh": "A/B 分流", "en": "an A/B split"},
}


def proven(row: Proof, language: str | None = None) -> str:
    """What a playbook was shown to do: the difference with its interval, by what, of how many, as of when."""
    lang = spoken(language)
    is_share = row.unit != Proof.Unit.NUMBER
    value, low, high = (
        f"{figure * (100 if is_share else 1):+.1f}".replace("-", "−")
        for figure in (row.estimate, row.low, row.high)
    )
    what = _OUTCOMES.get(row.outcome, {}).get(lang, row.outcome)
    by = _METHODS[Proof.Method(row.method)][lang]
    if lang == "zh":
        unit = " 个百分点" if is_share else " 分" if row.outcome == "health_score" else ""
        return f"据{by}：{row.days} 天后{what} {value}{unit}（95% 区间 {low} 至 {high}；{row.accounts:,} 个客户，截至 {row.as_of}）"
    unit = " points" if is_share or row.outcome == "health_score" else ""
    return (
        f"by {by}: {what} {value}{unit} after {row.days} days (95% interval {low} to {high}; {row.accounts:,} accounts, as of "
        f"{row.as_of})"
    )


def _together(why: Why, names: Names, lang: str, for_user: bool) -> str:
    who = {"zh": "用户" if for_user else "客户", "en": "users" if for_user else "accounts"}[lang]
    if not why.known or not why.may:
        return f"{why.base:.0%} 的{who}在用" if lang == "zh" else f"{why.base:.0%} of {who} use it"
    share = why.do / why.may
    mark = _mark(why.known, names, lang)
    if lang == "zh":
        return f"{mark}的 {why.may:,} 个{who}中 {share:.0%} 在用（全体 {why.base:.0%}）"
    return f"{share:.0%} of the {why.may:,} {who} {mark} use it (of all {why.base:.0%})"


def _mark(known: str, names: Names, lang: str) -> str:
    if known.startswith(ROLE):
        role = known.removeprefix(ROLE)
        return f"角色为“{role}”" if lang == "zh" else f"in the role {role}"
    if known.startswith(INDUSTRY):
        trade = known.removeprefix(INDUSTRY)
        return f"{trade}行业" if lang == "zh" else f"in {trade}"
    if known.startswith(TIER):
        tier = str(dict(Account.Tier.choices).get(known.removeprefix(TIER), known.removeprefix(TIER)))
        return f"{tier}分级" if lang == "zh" else f"of the tier {tier}"
    title = names.get(known, {}).get(lang) or known
    return f"使用“{title}”" if lang == "zh" else f"that use {title}"


def _since(why: Why, lang: str) -> str:
    if why.days is None:
        return "从未有过记录" if lang == "zh" else "none is on record"
    return f"上次是 {why.days} 天前" if lang == "zh" else f"the last was {why.days} days ago"


def _helped(one: Helped, lang: str) -> str:
    weeks = (TAKEN_DAYS + AFTER_DAYS) // 7
    if not one.is_clear:
        return (
            f"其他客户这样做之后，活跃用户没有明显不同（{one.took} 个客户）"
            if lang == "zh"
            else f"where {one.took} others did so, active users were not clearly different afterwards"
        )
    if lang == "zh":
        return (
            f"{one.took} 个情况相近的客户这样做，{weeks} 周后的活跃用户比没有这样做的 {one.others} 个 {one.change:+.0%}"
            f"（90% 区间 {one.low:+.0%} 至 {one.high:+.0%}；相关，不等于因果）"
        )
    return (
        f"of accounts that stood alike, {one.took} did so and had {one.change:+.0%} active users {weeks} weeks later against {one.others} that did "
        f"not (90% interval {one.low:+.0%} to {one.high:+.0%}; correlation, not cause)"
    )
