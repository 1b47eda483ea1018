"""Whether what a model reads still looks as it did when it was judged: the population stability index of each column.

PSI = sum over classes of (now - then) * ln(now / then) with shares of the rows (Siddiqi, Credit Risk Scorecards, 2006); below 0.1
nothing moved, from 0.25 on the column is another one. Of few rows it is large by chance alone: with B classes it is about
chi-square(B - 1) * (1/n + 1/m) of two samples of one population (Yurdakul, 2018), so that much has to be passed too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import chi2

from evergreen.base.measures import Reals

MOVED, ANOTHER = 0.1, 0.25
_CLASSES = 10
_MOST_WORDS = 20
_BY_CHANCE = 0.999
# A class that nobody is in counts as half a row, so that its logarithm exists.
_NOBODY = 0.5


@dataclass(frozen=True, slots=True)
class Shape:
    """How a column was spread over ``n`` rows: numbers by ``edges`` (upper bounds of the classes but the last), words by name.

    ``counts`` are rows by class; of numbers the last is the missing ones, of words all others.
    """

    edges: tuple[float, ...] | None
    words: tuple[str, ...]
    counts: tuple[float, ...]

    @property
    def n(self) -> float:
        return sum(self.counts)

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {"edges": self.edges, "words": self.words, "counts": self.counts}


def shape_from(told: dict[str, Any]) -> Shape:
    """The shape of ``Shape.data``."""
    edges = told["edges"]
    return Shape(None if edges is None else tuple(edges), tuple(told["words"]), tuple(told["counts"]))


def shape_of(cells: Any) -> Shape:
    """The shape of a column: numbers by tenths, words by the most frequent."""
    if cells.dtype == object:
        # Of equally frequent words the alphabet decides, so that a run repeats.
        ordered = sorted(Counter(cells.tolist()).items(), key=lambda pair: (-pair[1], pair[0]))
        words = tuple(word for word, _n in ordered[:_MOST_WORDS])
        return Shape(None, words, _by_word(cells, words))
    known = cells[~np.isnan(cells)]
    at = np.quantile(known, np.arange(1, _CLASSES) / _CLASSES) if known.size else np.zeros(0)
    edges = tuple(float(edge) for edge in np.unique(at))
    return Shape(edges, (), _by_edge(cells, edges))


def psi(then: Shape, cells: Any) -> float:
    """How far a column has moved from its shape; 0 not at all."""
    now = _by_edge(cells, then.edges) if then.edges is not None else _by_word(cells, then.words)
    before, after = _shares(then.counts), _shares(now)
    return float(((after - before) * np.log(after / before)).sum())


def by_chance(then: Shape, rows: int) -> float:
    """The PSI that two samples of one population stay below 999 times of 1,000."""
    classes = len(then.counts)
    if classes < 2 or not rows or not then.n:
        return float("inf")
    return float(chi2.ppf(_BY_CHANCE, classes - 1) * (1 / then.n + 1 / rows))


def _by_edge(cells: Reals, edges: tuple[float, ...]) -> tuple[float, ...]:
    missing = np.isnan(cells)
    places = np.searchsorted(np.asarray(edges), cells[~missing], "left")
    found = np.bincount(places, minlength=len(edges) + 1).astype(float)
    return (*found.tolist(), float(missing.sum()))


def _by_word(cells: Any, words: tuple[str, ...]) -> tuple[float, ...]:
    found = Counter(cells.tolist())
    counts = [float(found.get(word, 0)) for word in words]
    return (*counts, float(len(cells) - sum(counts)))


def _shares(counts: tuple[float, ...]) -> Reals:
    found = np.maximum(np.asarray(counts, np.float64), _NOBODY)
    return np.asarray(found / found.sum(), np.float64)
