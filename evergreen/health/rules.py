"""How a scorecard becomes a score: pure functions over columns of metric values (product.md 5.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]
Missing = Literal["leave_out", "zero", "neutral"]
MISSING_POLICIES: tuple[Missing, ...] = ("leave_out", "zero", "neutral")
NEUTRAL = 50.0


class ScorecardError(ValueError):
    """A definition that cannot be scored; the message names the measure, what was found and what is allowed."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How a metric's value becomes 0 to 100.

    ``line``: straight lines through (value, score) points, clamped outside. ``steps``: the score of the highest
    threshold reached. ``target``: share of a target. ``percentile``: share of accounts with a smaller value.
    ``worth``: points added to an additive score, ``value / per × points`` (Starter's formula).
    """

    kind: Literal["line", "steps", "target", "percentile", "worth"]
    points: tuple[tuple[float, float], ...] = ()
    target: float = 0.0
    per: float = 1.0
    worth: float = 0.0

    def scores(self, values: Column) -> Column:
        """Scores 0 to 100 for values; NaN stays NaN."""
        present = ~np.isnan(values)
        result = np.full(values.shape, np.nan)
        found = values[present]
        if self.kind == "line":
            result[present] = np.interp(found, [p[0] for p in self.points], [p[1] for p in self.points])
        elif self.kind == "steps":
            edges = np.array([p[0] for p in self.points])
            marks = np.array([p[1] for p in self.points])
            result[present] = marks[np.clip(np.searchsorted(edges, found, side="right") - 1, 0, None)]
        elif self.kind == "target":
            result[present] = np.clip(found / self.target * 100, 0, 100)
        elif self.kind == "percentile" and found.size:
            result[present] = (
                np.searchsorted(np.sort(found), found, side="left") / max(found.size - 1, 1) * 100
            )
        return result


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of a scorecard: a metric, how it maps, what it weighs, what its absence means."""

    key: str
    metric: str
    name: Mapping[str, str]
    weight: float
    scale: Scale
    dimension: str = ""
    missing: Missing = "leave_out"
    as_of: str = ""
    max_age_days: int | None = None


@dataclass(frozen=True, slots=True)
class Cap:
    """A ceiling: when the metric is above the threshold, the score is at most ``at_most``."""

    metric: str
    above: float
    at_most: float


@dataclass(frozen=True, slots=True)
class Card:
    """A scorecard's definition. ``additive`` cards sum points (clamped to 0..100); others take the weighted mean."""

    measures: tuple[Measure, ...]
    green: float = 80.0
    yellow: float = 60.0
    reachable: float = 100.0
    coverage_floor: float = 0.5
    additive: bool = False
    drop_alerts: bool = True
    caps: tuple[Cap, ...] = ()
    dimensions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def metrics(self) -> set[str]:
        """Every metric that scoring reads."""
        dated = {measure.as_of for measure in self.measures if measure.as_of}
        return {measure.metric for measure in self.measures} | {cap.metric for cap in self.caps} | dated

    @property
    def weight(self) -> float:
        return sum(measure.weight for measure in self.measures)


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of n accounts: arrays of length n, and per measure arrays in the card's order.

    ``score`` is NaN exactly where coverage is below the floor. ``points`` are what each measure adds to the score,
    ``lost`` what it could still add, ``share`` its weight in force as a percentage.
    """

    score: Column
    band: npt.NDArray[np.str_]
    coverage: Column
    values: tuple[Column, ...]
    scores: tuple[Column, ...]
    points: tuple[Column, ...]
    lost: tuple[Column, ...]
    share: tuple[Column, ...]
    capped: npt.NDArray[np.bool_]


def score(card: Card, columns: Mapping[str, Column], ages: Mapping[str, Column] | None = None) -> Scored:
    """Score every account at once. ``columns`` maps metric → values (NaN = missing); ``ages`` maps measure → days."""
    size = len(next(iter(columns.values()))) if columns else 0
    values, scores, weights = [], [], []
    for measure in card.measures:
        value = _fresh(measure, columns[measure.metric], (ages or {}).get(measure.key))
        mark = (
            value / measure.scale.per * measure.scale.worth if card.additive else measure.scale.scores(value)
        )
        absent = np.isnan(value)
        if measure.missing == "zero":
            mark = np.where(absent, 0.0, mark)
        elif measure.missing == "neutral":
            mark = np.where(absent, NEUTRAL, mark)
        values.append(value)
        scores.append(mark)
        weights.append(np.where(np.isnan(mark), 0.0, measure.weight))
    present = np.sum(
        [np.where(np.isnan(v), 0.0, m.weight) for v, m in zip(values, card.measures, strict=True)], axis=0
    )
    coverage = present / card.weight if card.weight else np.zeros(size)
    total = _additive(card, scores) if card.additive else _weighted(card, scores, weights)
    result, points, lost, share = total
    capped = np.zeros(size, dtype=bool)
    for cap in card.caps:
        over = np.nan_to_num(columns[cap.metric], nan=-np.inf) > cap.above
        capped |= over & (result > cap.at_most)
        result = np.where(over, np.minimum(result, cap.at_most), result)
    result = np.where(coverage < card.coverage_floor, np.nan, result)
    band = np.select(
        [np.isnan(result), result >= card.green, result >= card.yellow],
        ["insufficient_data", "green", "yellow"],
        "red",
    )
    return Scored(result, band, coverage, tuple(values), tuple(scores), points, lost, share, capped)


def _fresh(measure: Measure, values: Column, ages: Column | None) -> Column:
    """A value older than the measure allows counts as missing."""
    if measure.max_age_days is None or ages is None:
        return values
    return np.where(ages > measure.max_age_days, np.nan, values)


_Parts = tuple[Column, tuple[Column, ...], tuple[Column, ...], tuple[Column, ...]]


def _weighted(card: Card, scores: Sequence[Column], weights: Sequence[Column]) -> _Parts:
    in_force = np.sum(weights, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = tuple(weight / in_force * 100 for weight in weights)
        points = tuple(np.nan_to_num(s * mark / 100) for s, mark in zip(share, scores, strict=True))
        lost = tuple(np.nan_to_num(s * (100 - mark) / 100) for s, mark in zip(share, scores, strict=True))
        result = np.where(in_force > 0, np.sum(points, axis=0), np.nan)
    return result, points, lost, share


def _additive(card: Card, scores: Sequence[Column]) -> _Parts:
    # Adding 0 turns the -0.0 of "no tickets" into 0.
    points = tuple(np.nan_to_num(mark) + 0.0 for mark in scores)
    # A negative line can only take away, so what it could still add is what it took.
    most = [max(measure.scale.worth, 0.0) for measure in card.measures]
    lost = tuple(np.where(np.isnan(mark), 0.0, top - mark) for top, mark in zip(most, scores, strict=True))
    share = tuple(
        np.where(np.isnan(mark), 0.0, m.weight) for m, mark in zip(card.measures, scores, strict=True)
    )
    return np.clip(np.sum(points, axis=0), 0, 100), points, lost, share


def card_from(definition: Mapping[str, Any]) -> Card:
    """A Card from its JSON definition. Raises ScorecardError for anything that cannot be scored."""
    measures = tuple(_measure(entry) for entry in definition.get("measures", ()))
    if not measures:
        raise ScorecardError("A scorecard needs at least one measure.")
    bands = definition.get("bands", {})
    green, yellow = float(bands.get("green", 80)), float(bands.get("yellow", 60))
    if not 0 <= yellow < green <= 100:
        raise ScorecardError(
            f"The bands are yellow from {yellow:g} and green from {green:g}: allowed is 0 ≤ yellow < green ≤ 100."
        )
    return Card(
        measures=measures,
        green=green,
        yellow=yellow,
        reachable=float(definition.get("reachable", 100)),
        coverage_floor=float(definition.get("coverage_floor", 0.5)),
        additive=bool(definition.get("additive", False)),
        drop_alerts=bool(definition.get("drop_alerts", True)),
        caps=tuple(
            Cap(c["metric"], float(c["above"]), float(c["at_most"])) for c in definition.get("caps", ())
        ),
        dimensions=definition.get("dimensions", {}),
    )


def _measure(entry: Mapping[str, Any]) -> Measure:
    key = entry.get("key", "?")
    missing = entry.get("missing", "leave_out")
    if missing not in MISSING_POLICIES:
        raise ScorecardError(f"{key}: missing is {missing!r}; allowed are {', '.join(MISSING_POLICIES)}.")
    if not entry.get("weight", 0) > 0:
        raise ScorecardError(f"{key}: the weight is {entry.get('weight')!r}; write a number above 0.")
    return Measure(
        key=key,
        metric=entry["metric"],
        name=entry.get("name", {}),
        weight=float(entry["weight"]),
        scale=_scale(key, entry["scale"]),
        dimension=entry.get("dimension", ""),
        missing=missing,
        as_of=entry.get("as_of", ""),
        max_age_days=entry.get("max_age_days"),
    )


def _scale(key: str, entry: Mapping[str, Any]) -> Scale:
    kind = entry.get("kind")
    if kind in {"line", "steps"}:
        points = tuple((float(value), float(mark)) for value, mark in entry.get("points", ()))
        if len(points) < 2 or sorted(points) != list(points) or len({p[0] for p in points}) < len(points):
            raise ScorecardError(
                f"{key}: a {kind} needs at least two points with rising values, found {entry.get('points')}."
            )
        return Scale(kind, points)
    if kind == "target":
        if not entry.get("target"):
            raise ScorecardError(
                f"{key}: a target of {entry.get('target')!r} cannot be shared; write a number that is not 0."
            )
        return Scale("target", target=float(entry["target"]))
    if kind == "percentile":
        return Scale("percentile")
    if kind == "worth":
        return Scale("worth", per=float(entry["per"]), worth=float(entry["worth"]))
    raise ScorecardError(f"{key}: the scale is {kind!r}; allowed are line, steps, target, percentile, worth.")
