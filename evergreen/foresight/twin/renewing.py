"""How likely a contract end is to be lost, from how accounts stood before past ends. Pure.

A logistic regression, penalised towards no effect (ridge: le Cessie & van Houwelingen 1992, Appl. Stat. 41:191), on health, use
against the account's own mean, and the change of use in three months, each in spreads. With fewer than ten ends of either kind
every end has the vendor's rate, (lost + 1) ÷ (ends + 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evergreen.base.measures import Reals
from evergreen.foresight.twin.dynamics import BLOCK
from evergreen.foresight.twin.panel import Panel

LEAST_OF_A_KIND = 10
_PENALTY = 1.0
_ROUNDS = 25


@dataclass(frozen=True, slots=True)
class Renewal:
    """``base`` is the vendor's share of ends that were lost; ``weights`` are zeros where that alone is told."""

    base: float
    ends: int
    lost: int
    middle: Reals
    spread: Reals
    weights: Reals

    def lost_chance(self, health: Reals, above: Reals, change: Reals) -> Reals:
        """The probability that an end is lost; blanks stand at the mean."""
        if not self.weights.any():
            return np.full(np.shape(above), self.base)
        told = np.stack([health, above, change], axis=-1)
        scaled = np.clip(np.nan_to_num((told - self.middle) / self.spread), -4.0, 4.0)
        return np.asarray(1 / (1 + np.exp(-(self.weights[0] + scaled @ self.weights[1:]))))


def learn(panel: Panel, usage_means: Reals) -> Renewal:
    """Learn from the ends of a panel, each by the step before it."""
    step = np.searchsorted(panel.days, panel.ends.on, "left") - 1
    kept = step >= 0
    place, step, lost = panel.ends.place[kept], step[kept], panel.ends.lost[kept]
    there = panel.there[place, step]
    place, step, lost = place[there], step[there], lost[there]
    size, gone = len(lost), int(lost.sum())
    base = (gone + 1) / (size + 2)
    before = np.maximum(step - BLOCK, 0)
    table = np.column_stack([
        panel.health[place, step],
        panel.usage[place, step] - usage_means[place, step],
        panel.usage[place, step] - panel.usage[place, before],
    ])  # fmt: skip
    if min(gone, size - gone) < LEAST_OF_A_KIND:
        return Renewal(base, size, gone, np.zeros(3), np.ones(3), np.zeros(4))
    known = ~np.isnan(table)
    count = np.maximum(known.sum(axis=0), 1)
    middle = np.where(known, table, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(known, (table - middle) ** 2, 0.0).sum(axis=0) / count)
    spread[spread == 0] = 1.0
    scaled = np.clip(np.nan_to_num((table - middle) / spread), -4.0, 4.0)
    return Renewal(base, size, gone, middle, spread, _logistic(scaled, lost.astype(np.float64)))


def _logistic(scaled: Reals, happened: Reals) -> Reals:
    """Newton's method; the constant is not penalised."""
    design = np.column_stack([np.ones(len(scaled)), scaled])
    penalty = np.diag([1e-9] + [_PENALTY] * scaled.shape[1])
    weights = np.zeros(design.shape[1])
    for _round in range(_ROUNDS):
        said = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (happened - said) - penalty @ weights
        curve = (design * (said * (1 - said))[:, None]).T @ design + penalty
        move = np.linalg.solve(curve, slope)
        weights = weights + np.clip(move, -2.0, 2.0)
        if float(np.abs(move).max()) < 1e-9:
            break
    return weights
