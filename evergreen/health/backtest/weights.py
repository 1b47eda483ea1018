"""Weights that the past suggests for a scorecard's measures, and the gain they bring on a later time than they were learned on. Pure.

A logistic regression of *lost* on the measures' marks, with weights that are never negative and are pulled towards the card's own
(ridge around them), so that a thin record changes little. How strongly they are pulled is chosen within the earlier time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evergreen.base import measures, rankings
from evergreen.base.rankings import Area, Gain
from evergreen.health.backtest.judging import Ints, Reals, Seen

# Of both times together; below it weights are noise.
LEAST_LOSSES = 40
# The earlier time holds this share of the losses.
EARLIER = 0.6
PULLS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Suggested:
    """Weights by measure in per cent of the whole, rounded to whole ones that sum to 100; ``former`` are the card's own so.

    They were learned on endings up to ``learned_until`` and are judged on those from ``judged_from`` on. ``gain`` is the AUC of
    the suggested weights less that of the card's there; ``is_worth_it`` when its interval lies above nothing.
    """

    former: tuple[float, ...]
    weights: tuple[int, ...]
    learned_until: int
    judged_from: int
    learned_endings: int
    learned_losses: int
    judged_endings: int
    judged_losses: int
    first: Area | None
    second: Area | None
    gain: Gain | None

    @property
    def is_worth_it(self) -> bool:
        return self.gain is not None and self.gain.low > 0


def suggested(seen: Seen, own: Reals) -> Suggested | None:
    """``own`` are the card's weights in the order of ``seen.marks``. None where there are too few losses or times to learn from.

    Nothing that was decided after the first day looked at of the later time is learned from.
    """
    known = seen.chosen(~np.isnan(seen.score))
    lost_on = np.sort(known.on[known.is_lost])
    if len(lost_on) < LEAST_LOSSES or len(own) < 2:
        return None
    cut = int(lost_on[int(EARLIER * len(lost_on))])
    earlier, later = _split(known, cut)
    if min(int(earlier.is_lost.sum()), int(later.is_lost.sum())) < 10 or later.is_lost.all():
        return None
    pull = _best_pull(earlier, own)
    weights = _whole(_learned(earlier, own, pull))
    former = own / own.sum() * 100
    one, other = _risk(later.marks, former), _risk(later.marks, np.asarray(weights, np.float64))
    return Suggested(
        former=tuple(float(weight) for weight in former),
        weights=weights,
        learned_until=int(earlier.on.max()),
        judged_from=cut,
        learned_endings=len(earlier),
        learned_losses=int(earlier.is_lost.sum()),
        judged_endings=len(later),
        judged_losses=int(later.is_lost.sum()),
        first=rankings.area(later.is_lost, one, later.account),
        second=rankings.area(later.is_lost, other, later.account),
        gain=rankings.gain(later.is_lost, one, other, later.account),
    )


def _split(seen: Seen, cut: int) -> tuple[Seen, Seen]:
    """What was decided before the later time was first looked at, and the later time."""
    looked = cut - seen.lead_days
    return seen.chosen(seen.decided_on < looked), seen.chosen(seen.on >= cut)


def _best_pull(earlier: Seen, own: Reals) -> float:
    """The pull whose weights rank the last third of the earlier time best; the strongest where that tells nothing."""
    lost_on = np.sort(earlier.on[earlier.is_lost])
    first, last = _split(earlier, int(lost_on[int(2 / 3 * len(lost_on))]))
    if min(int(first.is_lost.sum()), int(last.is_lost.sum())) < 5:
        return PULLS[-1]
    areas = [
        measures.auc(last.is_lost, _risk(last.marks, _learned(first, own, pull))) or 0.0 for pull in PULLS
    ]
    # Of equals the stronger pull, which changes less.
    return max(zip(areas, PULLS, strict=True), key=lambda pair: (round(pair[0], 4), pair[1]))[1]


def _risk(marks: Reals, weights: Reals) -> Reals:
    """The weighted mean of what is present, turned round: high is likely to leave. Without any weight present: the middle."""
    there = ~np.isnan(marks)
    total = weights @ there
    with np.errstate(invalid="ignore", divide="ignore"):
        score = (weights @ np.nan_to_num(marks)) / total
    return np.asarray(-np.where(total > 0, score, 50.0), np.float64)


def _learned(seen: Seen, own: Reals, pull: float) -> Reals:
    """Weights by projected Newton steps; a missing mark counts as the mean of what that account has, as scoring leaves it out."""
    middle = -_risk(seen.marks, own)
    lacking = (100 - np.where(np.isnan(seen.marks), middle, seen.marks)).T / 100
    truths = seen.is_lost.astype(np.float64)
    share = own / own.sum()
    level, slope = _one_slope(lacking @ share, truths)
    target = slope * share
    beta, start = target.copy(), level
    # Each measure is pulled in units of the whole slope, so that the scale of risk does not matter.
    strength = pull / max(slope, 1e-3) ** 2
    for _round in range(_ROUNDS):
        chance = _chance(start + lacking @ beta)
        spread = np.maximum(chance * (1 - chance), 1e-9)
        moved = lacking - (spread @ lacking) / spread.sum()
        slope_of = moved.T @ (chance - truths) + strength * (beta - target)
        bend = moved.T @ (moved * spread[:, None]) + strength * np.eye(len(beta))
        free = (beta > 0) | (slope_of < 0)
        step = np.zeros(len(beta))
        if free.any():
            step[free] = np.linalg.solve(bend[np.ix_(free, free)], slope_of[free])
        fresh = np.maximum(beta - step, 0.0)
        change = float(np.abs(fresh - beta).max())
        beta = fresh
        start = _level(lacking @ beta, truths, start)
        if change < 1e-7:
            break
    return np.asarray(beta / beta.sum() if beta.sum() > 0 else share, np.float64) * 100


def _one_slope(risk: Reals, truths: Reals) -> tuple[float, float]:
    """Level and slope of the card as it is; a slope that points the wrong way counts as a slight one."""
    slope, level = 1.0, 0.0
    for _round in range(60):
        level = _level(risk * slope, truths, level)
        chance = _chance(level + risk * slope)
        spread = np.maximum(chance * (1 - chance), 1e-9)
        moved = risk - (spread @ risk) / spread.sum()
        # A weak pull to 1 keeps a perfect separation finite.
        step = (moved @ (chance - truths) + 0.05 * (slope - 1)) / (spread @ moved**2 + 0.05)
        slope = float(np.clip(slope - np.clip(step, -5, 5), 0.1, 100.0))
        if abs(step) < 1e-8:
            break
    return level, slope


def _level(fixed: Reals, truths: Reals, level: float) -> float:
    """The level at which as many are expected to leave as left."""
    for _round in range(50):
        chance = _chance(level + fixed)
        step = float((chance - truths).sum() / max(float((chance * (1 - chance)).sum()), 1e-9))
        level -= float(np.clip(step, -4, 4))
        if abs(step) < 1e-10:
            break
    return level


def _chance(value: Reals) -> Reals:
    return np.asarray(1 / (1 + np.exp(-np.clip(value, -35, 35))), np.float64)


def _whole(weights: Reals) -> tuple[int, ...]:
    """Whole per cents that sum to 100, by largest remainder."""
    floors = np.floor(weights).astype(np.int64)
    rest: Ints = np.argsort(-(weights - floors), kind="stable")[: 100 - int(floors.sum())]
    floors[rest] += 1
    return tuple(int(weight) for weight in floors)
