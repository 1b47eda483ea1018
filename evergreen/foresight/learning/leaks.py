"""Columns that tell too well to be true: what was filled in after the loss foretells it, and nothing else.

Ranking alone finds a reason for leaving that is blank for those who stay, a date of cancellation, a last invoice of zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evergreen.base import measures
from evergreen.base.measures import Reals, Truths
from evergreen.foresight.learning.columns import Column, Kind
from evergreen.foresight.learning.encoding import Read

# Nothing that was honestly measured before a loss told it this well in any set we know.
TOO_GOOD = 0.97


def suspects(read: Read, columns: Sequence[Column], truths: Truths) -> dict[str, float]:
    """The columns that alone reach an AUC of 0.97, by their values or by being blank, with that AUC."""
    found = {}
    for column in columns:
        cells = read[column.name]
        if column.kind is Kind.WORDS:
            scores, blank = _shares(cells, truths), cells == ""
        else:
            blank = np.isnan(cells)
            scores = np.where(blank, 0.0 if blank.all() else np.nanmedian(cells), cells)
        areas = [measures.auc(truths, each) for each in (scores, blank.astype(np.float64))]
        best = max((max(area, 1 - area) for area in areas if area is not None), default=0.0)
        if best >= TOO_GOOD:
            found[column.name] = best
    return found


def _shares(cells: Sequence[str], truths: Truths) -> Reals:
    """Of each row the share of truths among the *other* rows with its word: a word of one row says nothing of that row."""
    _words, place = np.unique(np.asarray(cells, dtype=str), return_inverse=True)
    held = np.bincount(place, truths)[place] - truths
    rows = np.bincount(place)[place] - 1
    overall = float(truths.mean())
    return np.where(rows > 0, held / np.maximum(rows, 1), overall)
