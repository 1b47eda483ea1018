"""The figures of a forecast held against what happened, and the same pipeline cross-validated on a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evergreen.base import measures
from evergreen.base.measures import Reals, Truths
from evergreen.foresight.learning.choosing import choose
from evergreen.foresight.learning.columns import Column
from evergreen.foresight.learning.encoding import Read, rows
from evergreen.foresight.learning.members import SEED
from evergreen.foresight.learning.model import Model

FOLDS = REPEATS = 5
# Each fold needs some of both kinds to learn from, to choose by and to be judged by.
LEAST_OF_A_KIND = 20
# Cells of the matrix that one fit reads, so that a large table takes minutes and not hours.
MOST_CELLS = 4_000_000
MOST_TO_CHOOSE = 10_000
LEAST_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Figures:
    """How good a forecast is (``base.measures``); None where a figure has no meaning. ``n`` rows, ``positives`` of them lost."""

    auc: float | None
    pr_auc: float | None
    brier: float | None
    ece: float | None
    lift10: float | None
    n: int
    positives: int

    def as_dict(self) -> dict[str, float | int | None]:
        """For JSON."""
        return asdict(self)


def judge(happened: ArrayLike, probabilities: ArrayLike) -> Figures:
    """Every figure of probabilities against what happened."""
    truths = np.asarray(happened, dtype=np.bool_)
    return Figures(
        auc=measures.auc(truths, probabilities),
        pr_auc=measures.pr_auc(truths, probabilities),
        brier=measures.brier(truths, probabilities),
        ece=measures.ece(truths, probabilities),
        lift10=measures.lift(truths, probabilities),
        n=int(truths.size),
        positives=int(truths.sum()),
    )


def mean(folds: Sequence[Figures], n: int, positives: int) -> Figures:
    """The mean of each figure over folds, of a table of ``n`` rows."""

    def of(name: str) -> float | None:
        found = [value for fold in folds if (value := getattr(fold, name)) is not None]
        return float(np.mean(found)) if found else None

    return Figures(of("auc"), of("pr_auc"), of("brier"), of("ece"), of("lift10"), n, positives)


def cross_validate(
    read: Read,
    columns: Sequence[Column],
    truths: Truths,
    *,
    processes: int | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> list[Figures]:
    """The figures of each of 5 x 5 stratified folds, settings chosen within the rows that a fold learns from.

    Folds are those of ``RepeatedStratifiedKFold(5, 5, random_state=2026)`` of the rows in their order.
    """
    from sklearn.model_selection import RepeatedStratifiedKFold

    folds = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=SEED).split(
        truths, truths
    )
    asked = [(read, columns, truths, inside, outside) for inside, outside in folds]
    processes = processes or min(len(asked), os.cpu_count() or 1)
    found: list[Figures] = []
    if processes == 1:
        for one in asked:
            found.append(_fold(one))
            if tell:
                tell(len(found), len(asked))
        return found
    # Started afresh: a copy of this process would carry its threads' locks.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for figures in pool.map(_fold, asked):
            found.append(figures)
            if tell:
                tell(len(found), len(asked))
    return found


_Fold = tuple[Read, Sequence[Column], Truths, NDArray[np.int64], NDArray[np.int64]]


def _fold(asked: _Fold) -> Figures:
    read, columns, truths, inside, outside = asked
    width = max(1, sum(1 if column.kind != "words" else 10 for column in columns))
    training = thinned(truths[inside], max(LEAST_ROWS, MOST_CELLS // width))
    chosen_by = thinned(truths[inside], min(MOST_TO_CHOOSE, max(LEAST_ROWS, MOST_CELLS // width)))
    few, all_of = inside[chosen_by.rows], inside[training.rows]
    choice = choose(rows(read, few), columns, truths[few], weights=chosen_by.weights)
    model = Model.learn(rows(read, all_of), columns, truths[all_of], choice, training.weights)
    return judge(truths[outside], model.probabilities(rows(read, outside)))


@dataclass(frozen=True, slots=True)
class Thinned:
    """The rows to learn from, in order, and how many rows each of them stands for."""

    rows: NDArray[np.int64]
    weights: Reals


def thinned(truths: Truths, most: int) -> Thinned:
    """At most so many rows: of both kinds as even as they come, each weighted for those left out.

    All of the rarer kind stay while they are no more than half of what may.
    """
    if truths.size <= most:
        return Thinned(np.arange(truths.size), np.ones(truths.size))
    dice = np.random.default_rng(SEED)
    kinds = [np.flatnonzero(truths), np.flatnonzero(~truths)]
    rare = min(kinds[0].size, kinds[1].size, most // 2)
    chosen, weights = [], []
    for of_kind in kinds:
        count = min(of_kind.size, rare if of_kind.size == min(k.size for k in kinds) else most - rare)
        chosen.append(dice.choice(of_kind, count, replace=False))
        weights.append(np.full(count, of_kind.size / max(1, count)))
    found, each = np.concatenate(chosen), np.concatenate(weights)
    order = np.argsort(found)
    return Thinned(found[order], each[order])
