"""Accounts that once stood as this one stands now, and how many of them went on to buy. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evergreen.base.measures import Reals, Truths
from evergreen.customers.lines import Ints
from evergreen.foresight.expansion.chances import best_strength

NEIGHBOURS = 30
# Past cases that are compared with; more would say the same at a greater cost.
MOST_CASES = 12_000
# Distances a pass holds at once.
_CELLS = 8_000_000
_SEED = 20261123


@dataclass(frozen=True, slots=True)
class Alike:
    """Of each asked row: its nearest other accounts as places among the cases (−1: none), how many there are, how many of them
    bought, and that share drawn towards the vendor's ``base`` (beta-binomial).
    """

    places: NDArray[np.int64]
    count: Ints
    bought: Ints
    share: Reals
    base: float


def standardised(values: Reals, like: Reals | None = None) -> Reals:
    """Columns in spreads from their mean (of ``like`` where given), blanks at the mean, cut at three spreads."""
    told = values if like is None else like
    known = ~np.isnan(told)
    n = np.maximum(known.sum(axis=0), 1)
    middle = np.where(known, told, 0.0).sum(axis=0) / n
    spread = np.sqrt((np.where(known, told - middle, 0.0) ** 2).sum(axis=0) / n)
    spread[spread == 0] = 1.0
    return np.asarray(np.clip(np.nan_to_num((values - middle) / spread), -3.0, 3.0))


def some_cases(size: int) -> Ints:
    """Which of so many cases are compared with: all, or that many drawn once and for all."""
    if size <= MOST_CASES:
        return np.arange(size)
    return np.sort(np.random.default_rng(_SEED).choice(size, MOST_CASES, replace=False))


def alike(
    asked: Reals, asked_account: Ints, cases: Reals, case_account: Ints, bought: Truths, base: float
) -> Alike:
    """The 30 nearest other accounts of each asked row, each by that of its cases that lies nearest, by straight distance."""
    size = len(asked)
    places = np.full((size, NEIGHBOURS), -1, np.int64)
    if len(cases):
        own = (cases**2).sum(axis=1)
        # Enough of the nearest cases that thirty accounts are among them nearly always; else there are fewer.
        wide = min(len(cases), NEIGHBOURS * 8)
        portion = max(1, _CELLS // len(cases))
        for begin in range(0, size, portion):
            part = slice(begin, min(size, begin + portion))
            apart = own - 2 * asked[part] @ cases.T
            apart[asked_account[part][:, None] == case_account[None, :]] = np.inf
            near = np.argpartition(apart, wide - 1, axis=1)[:, :wide]
            order = np.argsort(np.take_along_axis(apart, near, axis=1), axis=1, kind="stable")
            near = np.take_along_axis(near, order, axis=1)
            far = np.isinf(np.take_along_axis(apart, near, axis=1))
            for row in range(near.shape[0]):
                mine = near[row][~far[row]]
                _accounts, first = np.unique(case_account[mine], return_index=True)
                chosen = mine[np.sort(first)[:NEIGHBOURS]]
                places[begin + row, : len(chosen)] = chosen
    there = places >= 0
    count = there.sum(axis=1)
    hits = (bought[np.maximum(places, 0)] & there).sum(axis=1) if len(cases) else np.zeros(size, np.int64)
    share = np.full(size, base)
    if size and count.any():
        # One asked row an account: later ones are the same customer again.
        _one, first = np.unique(asked_account, return_index=True)
        strength = best_strength(
            count[first].astype(np.float64), hits[first].astype(np.float64), np.full(len(first), base)
        )
        share = (hits + strength * base) / (count + strength)
    return Alike(places, count, hits, share, base)
