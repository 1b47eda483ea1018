"""A score explained: what each measure adds or costs, and the whole in one sentence, in zh and en."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evergreen.base.languages import is_zh
from evergreen.health import definitions
from evergreen.health.models import Band, Standing
from evergreen.health.shipped import SCORECARDS
from evergreen.metrics.words import value_text

BANDS = {
    Band.GREEN: ("绿", "green"),
    Band.YELLOW: ("黄", "yellow"),
    Band.RED: ("红", "red"),
    Band.INSUFFICIENT: ("数据不足", "insufficient data"),
}
_MISSING = {
    "no_data": ("还没有数据，不计分", "no data yet, not counted"),
    "too_old": ("数据过期，不计分", "too old, not counted"),
}
_VERDICT = ("人工改分。", "Set by a person. ")
# A change smaller than this is noise in a sentence.
_NOTEWORTHY = 3.0


@dataclass(frozen=True, slots=True)
class Reason:
    """One measure's part in a score. ``points`` it adds, ``lost`` it could still add, ``change_30d`` in points."""

    measure: str
    metric: str
    label: str
    detail: str
    points: float
    lost: float
    weight: float
    score: float | None
    change_7d: float | None
    change_30d: float | None
    change_90d: float | None
    missing: str | None
    is_overridden: bool = False
    as_of: str = ""

    def change(self, days: int) -> float | None:
        """Since 7, 30 or 90 days before."""
        found: float | None = getattr(self, f"change_{days}d")
        return found


def whole_points(score: float) -> int:
    """A score as pages show it: the whole points reached, so that a yellow 79.6 never stands there as 80."""
    return math.floor(score + 1e-9)


def reasons(
    standing: Standing,
    language: str,
    *,
    names: Mapping[str, Mapping[str, str]] | None = None,
    currency: str = "CNY",
) -> list[Reason]:
    """Every measure of a standing, what costs most first, missing ones last.

    ``names`` gives measure → {zh, en}; without it the standing's scorecard version is read once.
    """
    names = names if names is not None else measure_names(standing)
    found = [_reason(entry, language, names, currency) for entry in standing.contributions]
    return sorted(found, key=lambda r: (r.missing is not None, -r.lost))


def measure_names(standing: Standing) -> dict[str, Mapping[str, str]]:
    """measure → {zh, en} of the version that the standing was scored with."""
    version = standing.scorecard.versions.filter(number=standing.version).first()
    definition = version.definition if version else SCORECARDS["standard"][1]
    return {measure.key: measure.name for measure in definitions.card_from(definition).measures}


def sentence(
    standing: Standing,
    language: str,
    *,
    names: Mapping[str, Mapping[str, str]] | None = None,
    currency: str = "CNY",
    days: int = 30,
) -> str:
    """The state in one sentence: a noteworthy fall or rise since so many days with its causes, else what costs most."""
    found = reasons(standing, language, names=names, currency=currency)
    zh = is_zh(language)
    if standing.score is None:
        absent = [reason.label for reason in found if reason.missing]
        share = f"{standing.coverage * 100:.0f}%"
        if zh:
            return f"数据不足，暂不打分：只覆盖 {share} 的权重，缺{'、'.join(absent)}。"
        return f"Insufficient data, no score: only {share} of the weight is covered; missing {', '.join(absent)}."
    change: float | None = getattr(standing, f"change_{days}d")
    verdict = _VERDICT[0 if zh else 1] if standing.beyond.get("why") == "override" else ""
    if change is not None and abs(change) >= _NOTEWORTHY:
        return verdict + _changed(change, found, beyond(standing, language, days), zh, days)
    return verdict + _stands(change, found, zh, days)


@dataclass(frozen=True, slots=True)
class Beyond:
    """A part of a change that no measure made: words and points."""

    label: str
    points: float


def beyond(standing: Standing, language: str, days: int) -> list[Beyond]:
    """What ceilings, bounds, a person's verdict and another version of the scorecard did to the score since so many days. With the
    changes of the measures they add up to the score's change.
    """
    zh = is_zh(language)
    told = standing.beyond
    held, model = told.get(f"held_change_{days}d") or 0.0, told.get(f"model_change_{days}d") or 0.0
    found = []
    if abs(held) > 1e-9:
        is_verdict = told.get("why") == "override"
        label = ("人工改分", "a person's verdict") if is_verdict else ("上限或下限", "ceilings and bounds")
        found.append(Beyond(label[0 if zh else 1], held))
    if abs(model) > 1e-9:
        former = told.get(f"former_version_{days}d")
        span = f" v{former} → v{standing.version}" if former else ""
        found.append(Beyond(("模型改版" if zh else "another version of the scorecard") + span, model))
    return found


def _reason(
    entry: Mapping[str, Any], language: str, names: Mapping[str, Mapping[str, str]], currency: str
) -> Reason:
    zh = is_zh(language)
    named = names.get(entry["measure"], {})
    missing = entry["missing"]
    is_overridden = bool(entry.get("overridden"))
    if missing:
        detail = _MISSING[missing][0 if zh else 1]
    elif is_overridden:
        detail = f"人工定为 {entry['score']:.0f}" if zh else f"set to {entry['score']:.0f} by a person"
    else:
        detail = value_text(entry["metric"], entry["value"], language, currency)
    return Reason(
        measure=entry["measure"],
        metric=entry["metric"],
        label=named.get("zh" if zh else "en", entry["measure"]),
        detail=detail,
        points=entry["points"],
        lost=entry["lost"],
        weight=entry["weight"],
        score=entry["score"],
        change_7d=entry.get("change_7d"),
        change_30d=entry.get("change_30d"),
        change_90d=entry.get("change_90d"),
        missing=missing,
        is_overridden=is_overridden,
        as_of=entry.get("as_of") or "",
    )


def _changed(change: float, found: list[Reason], others: list[Beyond], zh: bool, days: int) -> str:
    direction = -1 if change < 0 else 1
    causes = [(r.change(days) or 0.0, _cause(r, zh, days)) for r in found]
    causes += [(other.points, f"{other.label} {_signed(other.points)}") for other in others]
    chosen = sorted((c for c in causes if c[0] * direction >= 0.5), key=lambda c: -c[0] * direction)[:2]
    said = ("，" if zh else ", ").join(words for _points, words in chosen)
    amount = f"{abs(change):.0f}"
    if zh:
        head = f"{days} 天里{'下降' if change < 0 else '上升'} {amount} 分"
        return f"{head}：{said}。" if said else f"{head}。"
    head = f"{'Down' if change < 0 else 'Up'} {amount} points in {days} days"
    return f"{head}: {said}." if said else f"{head}."


def _cause(reason: Reason, zh: bool, days: int) -> str:
    points = _signed(reason.change(days) or 0.0)
    return (
        f"{reason.label} {points}（现在 {reason.detail}）"
        if zh
        else f"{reason.label} {points} (now {reason.detail})"
    )


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")


def _stands(change: float | None, found: list[Reason], zh: bool, days: int) -> str:
    costly = [r for r in found if r.missing is None and r.lost >= 1][:2]
    since = change is not None
    if zh:
        head = f"{days} 天里基本持平" if since else f"还没有 {days} 天前的分数可比"
        if not costly:
            return f"{head}；各项都接近满分。"
        return (
            f"{head}；扣分最多的是"
            + "，".join(f"{r.label}（{r.detail}，−{r.lost:.1f}）" for r in costly)
            + "。"
        )
    head = f"Steady over {days} days" if since else f"No score of {days} days ago to compare with"
    if not costly:
        return f"{head}; every measure is near its best."
    return (
        f"{head}; what costs most: "
        + ", ".join(f"{r.label} ({r.detail}, −{r.lost:.1f})" for r in costly)
        + "."
    )
