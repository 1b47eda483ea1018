"""What the columns of a table are: numbers, days, words, or nothing that can be learned from."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.base.measures import Reals

# Cells as a file or a query gave them: anything at all, or an array of numbers.
Cells = Sequence[Any] | NDArray[Any]
Table = Mapping[str, Cells]

_BLANKS = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "—", "#n/a", "?", "无", "空"})
_NUMBER = re.compile(
    r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d*)?(?:[eE][+-]?\d+)?|[+-]?\.\d+(?:[eE][+-]?\d+)?"
)
_SIGNS = re.compile(r"^[¥￥$€£]\s*|\s*[%％]$")
_DAY = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}(?!\d)")
# A column is of numbers or days when so large a share of what is filled in can be read as one.
_MOSTLY = 0.95
# Columns in which nearly every row differs say who it is, not what it is like.
_MANY = 50
_TELLING_APART = 0.5
_NAMED_AS_ID = re.compile(
    r"(?:^|[_\s-])(?:id|uuid|guid|no|nr|number|key|code)$|(?<=[a-z])(?:ID|Id)$|编号|编码|序号"
)


class Kind(StrEnum):
    """How a column is learned from."""

    NUMBER = "number"
    DAY = "day"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Column:
    """A column to learn from."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns to learn from, and those left out with the reason in words."""

    kept: tuple[Column, ...]
    left_out: Mapping[str, str]


def look_at(table: Table, without: Sequence[str] = ()) -> Columns:
    """Find out what each column is; those in ``without`` are not looked at."""
    kept, left_out = [], {}
    for name, cells in table.items():
        if name in without:
            continue
        found = _kind(name, cells)
        if isinstance(found, Kind):
            kept.append(Column(name, found))
        else:
            left_out[name] = found
    return Columns(tuple(kept), left_out)


def _kind(name: str, cells: Cells) -> Kind | str:
    """What a column is, or why nothing can be learned from it."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "fiub":
        given = np.asarray(cells, dtype=np.float64)
        return _kind_of_numbers(name, given[np.isfinite(given)])
    filled = [cell for cell in cells if not is_blank(cell)]
    if not filled:
        return "it is empty"
    days = sum(day_number(cell) is not None for cell in filled)
    if days >= _MOSTLY * len(filled):
        return Kind.DAY if len({day_number(cell) for cell in filled}) > 1 else "it is the same in every row"
    numbers = [number for cell in filled if (number := as_number(cell)) is not None]
    if len(numbers) >= _MOSTLY * len(filled) and not _are_codes(filled):
        return _kind_of_numbers(name, np.asarray(numbers))
    counted = Counter(word(cell) for cell in filled)
    if len(counted) == 1 and len(filled) == len(cells):
        return "it is the same in every row"
    if len(counted) > max(_MANY, _TELLING_APART * len(filled)):
        return "nearly every row has another text, so it tells rows apart and not what they are like"
    return Kind.WORDS


def _kind_of_numbers(name: str, numbers: Reals) -> Kind | str:
    different = np.unique(numbers).size
    if different == 0:
        return "it is empty"
    if different == 1:
        return "it is the same in every row"
    is_whole = bool((numbers == np.round(numbers)).all())
    if is_whole and different >= max(
        _MANY, numbers.size if not _NAMED_AS_ID.search(name) else 0.9 * numbers.size
    ):
        return "every row has another whole number, so it is taken for an identifier"
    return Kind.NUMBER


def _are_codes(filled: Sequence[Any]) -> bool:
    """Digits that are a name and no amount: a zero in front and all of one length (postal codes, 0012)."""
    texts = [cell.strip() for cell in filled if isinstance(cell, str)]
    digits = [text for text in texts if text.isdecimal()]
    return (
        len(digits) == len(filled)
        and len({len(text) for text in digits}) == 1
        and len(digits[0]) > 1
        and any(text[0] == "0" for text in digits)
    )


def is_blank(cell: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, blanks, or one of the usual words for that."""
    if cell is None:
        return True
    if isinstance(cell, float | np.floating):
        return not math.isfinite(float(cell))
    return isinstance(cell, str) and cell.strip().lower() in _BLANKS


def as_number(cell: Any) -> float | None:
    """The number in a cell; None where it holds none. Thousands' commas, a currency sign and % are read over."""
    if isinstance(cell, bool | np.bool_):
        return float(cell)
    if isinstance(cell, str):
        text = _SIGNS.sub("", cell.strip())
        return float(text.replace(",", "")) if _NUMBER.fullmatch(text) else None
    if isinstance(cell, dt.date | dt.time):
        return None
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def day_number(cell: Any) -> float | None:
    """Days since 1970 of a date, a time or a text that begins with a date (2026-11-20, 2026/11/20); else None."""
    if isinstance(cell, dt.date):
        return float(cell.toordinal() - 719163)
    if isinstance(cell, np.datetime64):
        return None if np.isnat(cell) else float(cell.astype("datetime64[D]").astype(np.int64))
    if isinstance(cell, str) and (found := _DAY.match(cell.strip())):
        try:
            return day_number(dt.date(*map(int, re.split(r"[-/.]", found.group()))))
        except ValueError:
            return None
    return None


def word(cell: Any) -> str:
    """A cell as a word; blanks are the empty word."""
    if is_blank(cell):
        return ""
    if isinstance(cell, bool | np.bool_):
        return "true" if cell else "false"
    return str(cell).strip()


def numbers(cells: Cells, kind: Kind) -> Reals:
    """A column of numbers or days; NaN where there is none."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "fiub":
        found = np.asarray(cells, dtype=np.float64)
        return np.where(np.isfinite(found), found, np.nan)
    read = day_number if kind is Kind.DAY else as_number
    return np.array(
        [math.nan if (number := read(cell)) is None else number for cell in cells], dtype=np.float64
    )


def words(cells: Cells) -> NDArray[np.object_]:
    """A column of words."""
    return np.array([word(cell) for cell in cells], dtype=object)
