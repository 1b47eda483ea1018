"""From a table's columns to the two matrices that models read, by what the training rows held.

Trees read numbers as they are (NaN: missing). The linear model reads them *rank-normal*: a value becomes the standard
normal deviate of its rank among the training rows, so that skewed counts, outliers and units do no harm; missing is 0 (the
middle) beside a mark of its own. Words become a column for each that is frequent enough, the rest one for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evergreen.base.measures import Reals
from evergreen.foresight.learning.columns import Column, Kind, Table, numbers, words

_LEAST_ROWS = 5
_LEAST_SHARE = 0.005
_MOST_WORDS = 40
_MOST_MARKS = 2_000


@dataclass(frozen=True, slots=True)
class Source:
    """What a column of a matrix comes from: a column of the table, and of words which one ('' : all rare ones)."""

    column: str
    word: str | None = None


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows for models: ``trees`` and ``ranked``, each with the sources of its columns."""

    trees: Reals
    ranked: Reals


Read = Mapping[str, Any]


def read(table: Table, columns: Sequence[Column]) -> Read:
    """The columns' cells as arrays, read once for all folds: numbers as floats, words as texts."""
    return {
        column.name: words(table[column.name])
        if column.kind is Kind.WORDS
        else numbers(table[column.name], column.kind)
        for column in columns
    }


def rows(read: Read, which: Any) -> Read:
    """Some rows of columns that were read."""
    return {name: cells[which] for name, cells in read.items()}


@dataclass(slots=True)
class Encoder:
    """Learned from training rows: which words have a column, and where each number ranks.

    ``marks`` are different values of a number, ascending, with the deviate of each; ``gaps`` the numbers that were missing in
    some rows.
    """

    columns: Sequence[Column]
    marks: dict[str, tuple[Reals, Reals]] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)
    gaps: set[str] = field(default_factory=set)
    tree_sources: list[Source] = field(default_factory=list)
    ranked_sources: list[Source] = field(default_factory=list)

    @classmethod
    def learn(cls, columns: Sequence[Column], training: Read) -> Encoder:
        """What the training rows hold; columns that are the same in all of them give no column of a matrix."""
        encoder = cls(columns)
        for column in columns:
            cells = training[column.name]
            if column.kind is Kind.WORDS:
                encoder._learn_words(column.name, cells)
            else:
                encoder._learn_numbers(column.name, cells)
        return encoder

    def _learn_numbers(self, name: str, cells: Reals) -> None:
        from scipy.special import ndtri

        filled = np.sort(cells[~np.isnan(cells)])
        if not filled.size or (filled[0] == filled[-1] and filled.size == cells.size):
            return
        different, first, counts = np.unique(filled, return_index=True, return_counts=True)
        middle = (first + counts / 2) / filled.size
        if different.size > _MOST_MARKS:
            chosen = np.unique(np.linspace(0, different.size - 1, _MOST_MARKS).round().astype(int))
            different, middle = different[chosen], middle[chosen]
        self.marks[name] = (different, ndtri(middle))
        self.tree_sources.append(Source(name))
        self.ranked_sources.append(Source(name))
        if filled.size < cells.size:
            self.gaps.add(name)
            self.ranked_sources.append(Source(name, ""))

    def _learn_words(self, name: str, cells: Any) -> None:
        least = max(_LEAST_ROWS, _LEAST_SHARE * len(cells))
        # Of equally frequent words the order of the alphabet decides, so that a run repeats.
        ordered = sorted(Counter(cells.tolist()).items(), key=lambda pair: (-pair[1], pair[0]))
        frequent = [word for word, count in ordered if count >= least][:_MOST_WORDS]
        # Two words that fill the column are told apart by one column.
        if len(frequent) == 2 and len(ordered) == 2:
            frequent = frequent[1:]
        elif len(ordered) == 1:
            return
        self.words[name] = frequent
        found = [Source(name, word) for word in frequent]
        self.tree_sources.extend(found)
        self.ranked_sources.extend(found)

    def matrix(self, of: Read) -> Matrix:
        """Any rows with the learned columns."""
        trees, ranked = [], []
        for column in self.columns:
            name = column.name
            if name in self.marks:
                cells = of[name]
                missing = np.isnan(cells)
                trees.append(cells)
                marks, deviates = self.marks[name]
                ranked.append(np.where(missing, 0.0, np.interp(cells, marks, deviates)))
                if name in self.gaps:
                    ranked.append(missing.astype(np.float64))
            for word in self.words.get(name, ()):
                is_it = (of[name] == word).astype(np.float64)
                trees.append(is_it)
                ranked.append(is_it)
        size = len(next(iter(of.values()))) if of else 0
        return Matrix(_beside(trees, size), _beside(ranked, size))


def _beside(columns: Sequence[Reals], size: int) -> Reals:
    return np.column_stack(columns) if columns else np.zeros((size, 0))
