"""The models that are averaged: a transparent logistic regression, and two ways of boosting small trees slowly.

Each is learned with the most rounds that may be chosen and can be asked at fewer, so that choosing costs one fit a depth.
All give log-odds, are repeatable (one thread, fixed seeds) and never resample: weights stand beside rows that were left out
on purpose, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np

from evergreen.base.measures import Reals, Truths
from evergreen.foresight.learning.encoding import Matrix

SEED = 2026
_EPSILON = 1e-6


class Kind(StrEnum):
    """The members of the mean."""

    LOGISTIC = "logistic"
    LIGHTGBM = "lightgbm"
    CATBOOST = "catboost"


@dataclass(frozen=True, slots=True)
class Setting:
    """How a member learns. ``size``: strength of the logistic's penalty as 1/C, leaves of a LightGBM tree, depth of a CatBoost
    tree. ``rounds``: trees (1 for the logistic).
    """

    kind: Kind
    size: float
    rounds: int = 1


class Learned(Protocol):
    """A member that has learned."""

    def log_odds(self, of: Matrix, rounds: int) -> Reals: ...

    def pulls(self, of: Matrix, rounds: int) -> Reals:
        """What each column of its matrix adds to the log-odds of each row, against the mean row; last the mean row's."""
        ...


# What may be chosen: size -> rounds. Slow learning with few leaves won in trials on small tables, more of both on large ones.
CHOICES: Mapping[Kind, Mapping[float, Sequence[int]]] = {
    Kind.LOGISTIC: {1.0: (1,), 10.0: (1,), 100.0: (1,), 1000.0: (1,)},
    Kind.LIGHTGBM: {3: (100, 200, 400, 800), 7: (50, 100, 200, 400), 15: (50, 100, 200, 400)},
    Kind.CATBOOST: {2: (100, 200, 400, 800), 4: (100, 200, 400), 6: (100, 200, 400)},
}
_RATES = {Kind.LIGHTGBM: 0.02, Kind.CATBOOST: 0.03}


def learn(kind: Kind, size: float, rounds: int, of: Matrix, truths: Truths, weights: Reals) -> Learned:
    """A member that learned from rows of which ``truths`` holds for some and not for others."""
    if kind is Kind.LOGISTIC:
        return Logistic.learn(size, of, truths, weights)
    if kind is Kind.LIGHTGBM:
        return LightGbm.learn(int(size), rounds, of, truths, weights)
    return CatBoost.learn(int(size), rounds, of, truths, weights)


@dataclass(frozen=True, slots=True)
class Logistic:
    """L2-penalised logistic regression on rank-normal columns, against the mean row."""

    mean: Reals
    weights: Reals
    intercept: float

    @classmethod
    def learn(cls, penalty: float, of: Matrix, truths: Truths, weights: Reals) -> Logistic:
        from sklearn.linear_model import LogisticRegression

        mean = np.average(of.ranked, axis=0, weights=weights)
        model: Any = LogisticRegression(C=1 / penalty, max_iter=1000)
        model.fit(of.ranked - mean, truths, sample_weight=weights)
        return cls(mean, model.coef_[0], float(model.intercept_[0]))

    def log_odds(self, of: Matrix, rounds: int) -> Reals:
        return np.asarray((of.ranked - self.mean) @ self.weights + self.intercept, dtype=np.float64)

    def pulls(self, of: Matrix, rounds: int) -> Reals:
        each = (of.ranked - self.mean) * self.weights
        return np.column_stack([each, np.full(len(each), self.intercept)])


@dataclass(frozen=True, slots=True)
class LightGbm:
    """Boosted trees of LightGBM."""

    booster: Any

    @classmethod
    def learn(cls, leaves: int, rounds: int, of: Matrix, truths: Truths, weights: Reals) -> LightGbm:
        import lightgbm

        settings = {
            "objective": "binary",
            "learning_rate": _RATES[Kind.LIGHTGBM],
            "num_leaves": leaves,
            "min_data_in_leaf": 20,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "feature_fraction": 0.5,
            "lambda_l2": 1.0,
            "seed": SEED,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        rows = lightgbm.Dataset(of.trees, label=truths.astype(np.float64), weight=weights)
        return cls(lightgbm.train(settings, rows, num_boost_round=rounds))

    def log_odds(self, of: Matrix, rounds: int) -> Reals:
        found = self.booster.predict(of.trees, num_iteration=rounds, raw_score=True, num_threads=1)
        return np.asarray(found, dtype=np.float64)

    def pulls(self, of: Matrix, rounds: int) -> Reals:
        found = self.booster.predict(of.trees, num_iteration=rounds, pred_contrib=True, num_threads=1)
        return np.asarray(found, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class CatBoost:
    """Boosted trees of CatBoost."""

    booster: Any

    @classmethod
    def learn(cls, depth: int, rounds: int, of: Matrix, truths: Truths, weights: Reals) -> CatBoost:
        from catboost import CatBoostClassifier

        booster = CatBoostClassifier(
            iterations=rounds,
            learning_rate=_RATES[Kind.CATBOOST],
            depth=depth,
            random_seed=SEED,
            thread_count=1,
            allow_writing_files=False,
            verbose=False,
        )
        booster.fit(of.trees, truths.astype(np.int64), sample_weight=weights)
        return cls(booster)

    def log_odds(self, of: Matrix, rounds: int) -> Reals:
        found = self.booster.predict(
            of.trees, prediction_type="RawFormulaVal", ntree_end=rounds, thread_count=1
        )
        return np.asarray(found, dtype=np.float64)

    def pulls(self, of: Matrix, rounds: int) -> Reals:
        from catboost import Pool

        booster = self.booster.copy()
        booster.shrink(ntree_end=rounds)
        return np.asarray(booster.get_feature_importance(Pool(of.trees), type="ShapValues", thread_count=1))


def probability(log_odds: Reals) -> Reals:
    """Probabilities of log-odds, never quite 0 or 1."""
    return np.clip(1 / (1 + np.exp(-np.clip(log_odds, -40, 40))), _EPSILON, 1 - _EPSILON)


def odds(probabilities: Reals) -> Reals:
    """Log-odds of probabilities."""
    inside = np.clip(probabilities, _EPSILON, 1 - _EPSILON)
    return np.asarray(np.log(inside / (1 - inside)), dtype=np.float64)
