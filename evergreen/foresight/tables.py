"""Any table with a column that says who was lost: read, understood, and the churn pipeline cross-validated on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evergreen.base.measures import Truths
from evergreen.events.sources.files import open_table
from evergreen.foresight.learning.columns import Column, as_number, is_blank, look_at, word
from evergreen.foresight.learning.encoding import Read
from evergreen.foresight.learning.encoding import read as read_columns
from evergreen.foresight.learning.judging import LEAST_OF_A_KIND, Figures, cross_validate, mean
from evergreen.foresight.learning.leaks import suspects

_LOST = frozenset(
    {"yes", "y", "true", "t", "1", "1.0", "churn", "churned", "lost", "left", "exited", "attrited", "cancelled", "canceled", "gone"}
    | {"是", "流失", "已流失", "断约", "离开", "退订"}
)  # fmt: skip
_SHOWN = 8


class TableError(ValueError):
    """The table cannot be learned from; the message says what was found and what is allowed."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A table ready to learn from: its columns as arrays, what happened in each row, and what was noticed."""

    read: Read
    columns: tuple[Column, ...]
    truths: Truths
    positive: str
    left_out: dict[str, str]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The means over folds, and how far folds lie apart (standard deviation of the AUC)."""

    figures: Figures
    auc_spread: float
    folds: int
    table: Labelled


def evaluate(
    path: Path,
    label: str,
    *,
    positive: str | None = None,
    identity: str | None = None,
    left_out: Sequence[str] = (),
    processes: int | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Cross-validate the pipeline on a file. TableError, and LoadError for a file that cannot be read."""
    table = load(path, label, positive=positive, identity=identity, left_out=left_out)
    folds = cross_validate(table.read, table.columns, table.truths, processes=processes, tell=tell)
    figures = mean(folds, int(table.truths.size), int(table.truths.sum()))
    areas = [fold.auc for fold in folds if fold.auc is not None]
    return Evaluation(figures, float(np.std(areas)), len(folds), table)


def load(
    path: Path,
    label: str,
    *,
    positive: str | None = None,
    identity: str | None = None,
    left_out: Sequence[str] = (),
) -> Labelled:
    """Read a file and understand its columns."""
    cells, notices = _cells(path)
    for name in (label, identity, *left_out):
        if name is not None and name not in cells:
            raise TableError(
                f"The table has no column {name!r}; its columns are {', '.join(map(repr, cells))}. Nothing was computed."
            )
    labelled = [place for place, cell in enumerate(cells[label]) if not is_blank(cell)]
    if dropped := len(cells[label]) - len(labelled):
        notices.append(f"{dropped:,} rows have no {label} and were left out.")
        cells = {name: [column[place] for place in labelled] for name, column in cells.items()}
    said, truths = _truths(cells[label], label, positive)
    _check_size(truths, label, said)
    without = [label, *left_out, *([identity] if identity else [])]
    if identity:
        repeats = len(labelled) - len({word(cell) for cell in cells[identity]})
        if repeats:
            notices.append(
                f"{repeats:,} rows repeat the {identity} of another: rows of one customer in learning and testing make figures "
                "look better than they are."
            )
    columns = look_at(cells, without)
    if not columns.kept:
        told = "; ".join(f"{name}: {reason}" for name, reason in columns.left_out.items()) or "there is none"
        raise TableError(f"There is no column to learn from beside {label!r} ({told}). Nothing was computed.")
    read = read_columns(cells, columns.kept)
    notices += [
        f"{name} alone tells the label almost perfectly (AUC {area:.3f}). If it was filled in after the loss, the figures are "
        f"worthless: leave it out by --leave-out {name!r}."
        for name, area in suspects(read, columns.kept, truths).items()
    ]
    return Labelled(read, columns.kept, truths, said, dict(columns.left_out), tuple(notices))


def _cells(path: Path) -> tuple[dict[str, list[Any]], list[str]]:
    reader = open_table(path)
    try:
        names = reader.shape.columns
        found: list[Sequence[Any]] = []
        broken = 0
        for row in reader.rows():
            if row.problem is None:
                found.append(row.cells)
            else:
                broken += 1
    finally:
        reader.close()
    notices = list(reader.shape.notices)
    if broken:
        notices.append(f"{broken:,} rows could not be read and were left out.")
    columns = zip(*found, strict=True) if found else iter([()] * len(names))
    return dict(zip(names, map(list, columns), strict=True)), notices


def _truths(cells: Sequence[Any], label: str, positive: str | None) -> tuple[str, Truths]:
    """The value that means lost, and in which rows it stands."""
    texts = [_class(cell) for cell in cells]
    counted = Counter(texts)
    if positive is not None:
        wanted = _class(positive)
        folded = {text.lower(): text for text in counted}
        said = wanted if wanted in counted else folded.get(wanted.lower(), "")
        if not said:
            raise TableError(
                f"No row has {positive!r} in {label!r}; found were {_listed(counted)}. Nothing was computed."
            )
    elif len(counted) == 2:
        known = [text for text in counted if text.lower() in _LOST]
        # Where no word is known, the rarer one: most customers stay.
        said = known[0] if len(known) == 1 else min(counted, key=lambda text: (counted[text], text))
    else:
        raise TableError(
            f"{label!r} has {len(counted)} different values ({_listed(counted)}); two are allowed, or name the one that means "
            "lost by --positive. Nothing was computed."
        )
    return said, np.array([text == said for text in texts], dtype=np.bool_)


def _class(cell: Any) -> str:
    """A label as text, in which 1, 1.0 and '1' are the same."""
    number = None if isinstance(cell, bool) else as_number(cell)
    return f"{number:g}" if number is not None else word(cell)


def _listed(counted: Counter[str]) -> str:
    shown = ", ".join(f"{text!r} ({count:,})" for text, count in counted.most_common(_SHOWN))
    return shown + (" …" if len(counted) > _SHOWN else "")


def _check_size(truths: Truths, label: str, said: str) -> None:
    lost, stayed = int(truths.sum()), int((~truths).sum())
    if min(lost, stayed) < LEAST_OF_A_KIND:
        raise TableError(
            f"{lost:,} rows have {said!r} in {label!r} and {stayed:,} have not; at least {LEAST_OF_A_KIND} of each are needed for "
            "figures that mean anything. Nothing was computed."
        )
