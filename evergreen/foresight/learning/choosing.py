"""Choosing depth and rounds by cross-validation within the training rows, and how far to believe what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.base.measures import Reals, Truths
from evergreen.foresight.learning import members
from evergreen.foresight.learning.calibrating import Calibration, calibrated
from evergreen.foresight.learning.columns import Column
from evergreen.foresight.learning.encoding import Encoder, Read, rows
from evergreen.foresight.learning.members import CHOICES, Kind, Setting

FOLDS = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """The settings of the members that serve, and the calibration of their mean."""

    settings: tuple[Setting, ...]
    calibration: Calibration


def choose(
    read: Read,
    columns: Sequence[Column],
    truths: Truths,
    *,
    groups: NDArray[Any] | None = None,
    weights: Reals | None = None,
    kinds: Sequence[Kind] = tuple(Kind),
) -> Choice:
    """The settings with the smallest log loss on rows not learned from. Rows of one group are never on both sides.

    A member that tells no more than the overall share does on rows not learned from is left out; the logistic stays when
    none does.
    """
    weights = np.ones(truths.size) if weights is None else weights
    tried: dict[Setting, Reals] = {}
    for inside, held_out in splits(truths, groups, FOLDS):
        training = rows(read, inside)
        encoder = Encoder.learn(columns, training)
        learn_from, ask = encoder.matrix(training), encoder.matrix(rows(read, held_out))
        for kind in kinds:
            for size, allowed in CHOICES[kind].items():
                learned = members.learn(kind, size, max(allowed), learn_from, truths[inside], weights[inside])
                for rounds in allowed:
                    said = tried.setdefault(Setting(kind, size, rounds), np.full(truths.size, np.nan))
                    said[held_out] = members.probability(learned.log_odds(ask, rounds))
    losses = {setting: log_loss(truths, said, weights) for setting, said in tried.items()}
    best = [min((s for s in losses if s.kind is kind), key=lambda s: losses[s]) for kind in kinds]
    share = np.full(truths.size, np.average(truths, weights=weights))
    telling = [setting for setting in best if losses[setting] < log_loss(truths, share, weights)]
    settings = tuple(telling or best[:1])
    mean = np.mean([tried[setting] for setting in settings], axis=0)
    return Choice(settings, calibrated(truths, mean, weights))


def log_loss(truths: Truths, said: Reals, weights: Reals) -> float:
    """Mean of -log of the probability that was given to what happened."""
    return float(np.average(-np.log(np.where(truths, said, 1 - said)), weights=weights))


def splits(
    truths: Truths, groups: NDArray[Any] | None, folds: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Folds with the same share of both kinds in each, whole groups together."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if groups is None:
        yield from StratifiedKFold(folds, shuffle=True, random_state=members.SEED).split(truths, truths)
    else:
        yield from StratifiedGroupKFold(folds, shuffle=True, random_state=members.SEED).split(
            truths, truths, groups
        )
