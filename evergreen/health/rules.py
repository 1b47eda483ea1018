"""How a scorecard becomes a score: pure functions over columns of metric values (product.md 5.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]
Missing = Literal["leave_out", "zero", "neutral"]
NEUTRAL = 50.0


@dataclass(frozen=True, slots=True)
class Scale:
    """How a metric's value becomes 0 to 100.

    ``line``: straight lines through (value, score) points, clamped outside. ``steps``: the score of the highest
    threshold reached. ``target``: share of a target. ``percentile``: share of accounts with a smaller value.
    ``worth``: points added to an additive score, ``value / per × points`` (Starter's formula). ``by``: another metric chooses
    among scales: that of the highest threshold which it reaches, none below the first.
    """

    kind: Literal["line", "steps", "target", "percentile", "worth", "by"]
    points: tuple[tuple[float, float], ...] = ()
    target: float = 0.0
    per: float = 1.0
    worth: float = 0.0
    metric: str = ""
    choices: tuple[tuple[float, Scale], ...] = ()

    @property
    def ranks(self) -> bool:
        """Whether it asks where a value stands among those of others."""
        return self.kind == "percentile" or any(scale.ranks for _edge, scale in self.choices)

    def scores(
        self, values: Column, population: Column | None = None, chooser: Column | None = None
    ) -> Column:
        """Scores 0 to 100 for values; NaN stays NaN.

        ``population`` are the values among which percentiles rank, else the values themselves. ``chooser`` are the values of
        the metric that chooses the scale.
        """
        if self.kind == "by":
            return self._chosen(values, chooser, population)
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
            ranked = np.sort(found if population is None else population[~np.isnan(population)])
            places = np.searchsorted(ranked, found, side="left") / max(ranked.size - 1, 1)
            result[present] = np.minimum(places, 1) * 100 if ranked.size else np.nan
        return result

    def _chosen(self, values: Column, chooser: Column | None, population: Column | None) -> Column:
        by = np.full(values.shape, np.nan) if chooser is None else chooser
        edges = np.array([edge for edge, _scale in self.choices])
        place = np.where(np.isnan(by), -1, np.searchsorted(edges, by, side="right") - 1)
        result = np.full(values.shape, np.nan)
        for index, (_edge, scale) in enumerate(self.choices):
            mine = place == index
            result[mine] = scale.scores(values[mine], population)
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
    """A ceiling: while the metric is above (or below) a threshold, the score is at most ``at_most``."""

    metric: str
    at_most: float
    above: float | None = None
    below: float | None = None

    def holds(self, values: Column) -> npt.NDArray[np.bool_]:
        """Of which values it holds; never of a missing one."""
        over = np.zeros(values.shape, np.bool_)
        with np.errstate(invalid="ignore"):
            if self.above is not None:
                over |= values > self.above
            if self.below is not None:
                over |= values < self.below
        return over


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
        choosing = {measure.scale.metric for measure in self.measures if measure.scale.metric}
        return {m.metric for m in self.measures} | {cap.metric for cap in self.caps} | dated | choosing

    @property
    def weight(self) -> float:
        return sum(measure.weight for measure in self.measures)


@dataclass(frozen=True, slots=True)
class Overrides:
    """People's verdicts, columns of n accounts with NaN where there is none: of the whole score, of dimensions, of measures."""

    account: Column
    dimensions: Mapping[str, Column] = field(default_factory=dict)
    measures: Mapping[str, Column] = field(default_factory=dict)

    def mark(self, measure: Measure, mark: Column) -> tuple[Column, npt.NDArray[np.bool_]]:
        """The measure's mark with the verdict on it, else on its dimension, and where there is one."""
        given = np.full(mark.shape, np.nan)
        for verdict in (self.dimensions.get(measure.dimension), self.measures.get(measure.key)):
            if verdict is not None:
                given = np.where(np.isnan(verdict), given, verdict)
        said = ~np.isnan(given)
        return np.where(said, given, mark), said


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of n accounts: arrays of length n, and per measure arrays in the card's order.

    ``score`` is NaN exactly where coverage is below the floor. ``points`` are what each measure adds to the score,
    ``lost`` what it could still add, ``share`` its weight in force as a percentage. ``overridden`` says per measure where a person's
    verdict stands for its mark; the score itself may be one too.
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
    overridden: tuple[npt.NDArray[np.bool_], ...]


def score(
    card: Card,
    columns: Mapping[str, Column],
    ages: Mapping[str, Column] | None = None,
    populations: Mapping[str, Column] | None = None,
    overrides: Overrides | None = None,
) -> Scored:
    """Score every account at once. ``columns`` maps metric → values (NaN = missing); ``ages`` maps measure → days;
    ``populations`` maps metric → the values among which its percentiles rank, all of ``columns`` where there is none.
    ``overrides`` stand above all else: of measures and dimensions in a weighted card, of the whole score in any.
    """
    size = len(next(iter(columns.values()))) if columns else 0
    values, scores, weights, overridden = [], [], [], []
    for measure in card.measures:
        value = _fresh(measure, columns[measure.metric], (ages or {}).get(measure.key))
        mark = (
            value / measure.scale.per * measure.scale.worth
            if card.additive
            else measure.scale.scores(
                value, (populations or {}).get(measure.metric), columns.get(measure.scale.metric)
            )
        )
        # A value that no scale was chosen for is as good as none.
        value = np.where(np.isnan(mark), np.nan, value)
        absent = np.isnan(value)
        if measure.missing == "zero":
            mark = np.where(absent, 0.0, mark)
        elif measure.missing == "neutral":
            mark = np.where(absent, NEUTRAL, mark)
        said = np.zeros(size, np.bool_)
        if overrides is not None and not card.additive:
            mark, said = overrides.mark(measure, mark)
        overridden.append(said)
        values.append(value)
        scores.append(mark)
        weights.append(np.where(np.isnan(mark), 0.0, measure.weight))
    present = np.sum(
        [
            np.where(np.isnan(v) & ~said, 0.0, m.weight)
            for v, said, m in zip(values, overridden, card.measures, strict=True)
        ],
        axis=0,
    )
    coverage = present / card.weight if card.weight else np.zeros(size)
    total = _additive(card, scores) if card.additive else _weighted(card, scores, weights)
    result, points, lost, share = total
    capped = np.zeros(size, dtype=bool)
    for cap in card.caps:
        over = cap.holds(columns[cap.metric])
        capped |= over & (result > cap.at_most)
        result = np.where(over, np.minimum(result, cap.at_most), result)
    result = np.where(coverage < card.coverage_floor, np.nan, result)
    if overrides is not None:
        result = np.where(np.isnan(overrides.account), result, overrides.account)
    band = np.select(
        [np.isnan(result), result >= card.green, result >= card.yellow],
        ["insufficient_data", "green", "yellow"],
        "red",
    )
    return Scored(
        result, band, coverage, tuple(values), tuple(scores), points, lost, share, capped, tuple(overridden)
    )


def group_score(scores: Sequence[float], weights: Sequence[float]) -> float | None:
    """The score of a group of accounts: their mean weighted by what each pays, the plain mean where none pays; None of nobody."""
    total = sum(weights)
    if not scores:
        return None
    if total <= 0:
        return sum(scores) / len(scores)
    return sum(score * weight for score, weight in zip(scores, weights, strict=True)) / total


def ages(card: Card, columns: Mapping[str, Column]) -> dict[str, Column]:
    """Measure → the age of its value in days, of those that are dated. Dates stand in ``columns`` as their age."""
    return {measure.key: columns[measure.as_of] for measure in card.measures if measure.as_of}


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
