"""What every reader gives: the shape of a table and its rows, each with its number in the file."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

# What a file of rejected rows adds behind the columns of its original; a reader leaves them out again.
REJECT_COLUMNS = ("row", "column", "found", "allowed", "reason")

HEADER_SEARCH = 20
MOST_COLUMNS = 2_000


class LoadError(ValueError):
    """What stops a load as a whole; the message says what was found, what is allowed and what is saved."""


class FileError(LoadError):
    """The file as a whole cannot be read; the message says what was found and what to do."""


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How a file is to be read; empty values are found out from the file itself.

    ``header_row`` is the row that names the columns: None finds it, 0 says that there is none.
    """

    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    header_row: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row cannot be read, in words."""

    found: str
    allowed: str
    reason: str


@dataclass(slots=True)
class Row:
    """One row: its number in the file (as a spreadsheet counts: the header is a row too) and its cells by
    column.
    """

    number: int
    cells: Sequence[Any]
    problem: Problem | None = None


@dataclass(slots=True)
class Shape:
    """What was found out about a file before its rows are read."""

    kind: str
    columns: list[str]
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    sheets: list[str] = field(default_factory=list)
    header_row: int = 1
    is_open_ended: bool = False
    notices: list[str] = field(default_factory=list)


class Reader(Protocol):
    """A file opened as a table."""

    shape: Shape

    def rows(self) -> Iterator[Row]:
        """The rows in order; once only."""
        ...

    def position(self) -> tuple[int, int]:
        """How much was read of how much (bytes or rows); (n, 0) while the whole is unknown."""
        ...

    def close(self) -> None: ...


def is_filled(cell: Any) -> bool:
    return cell is not None and not (isinstance(cell, str) and not cell.strip())


def find_header(first: Sequence[tuple[int, Sequence[Any]]], wanted: int | None) -> int | None:
    """The place in ``first`` (row number, cells) of the row that names the columns; None when there is
    none.

    Titles above a table fill one cell; the header is the first row that fills at least half as many as the
    widest.
    """
    if wanted is not None:
        return next((place for place, (number, _cells) in enumerate(first) if number == wanted), None)
    widths = [sum(map(is_filled, cells)) for _number, cells in first]
    widest = max(widths, default=0)
    return next((place for place, width in enumerate(widths) if width and width * 2 >= widest), None)


def header_width(cells: Sequence[Any]) -> int:
    """How many columns a header names: up to its last filled cell."""
    return max((place for place, cell in enumerate(cells, start=1) if is_filled(cell)), default=0)


def name_columns(cells: Sequence[Any], notices: list[str]) -> list[str]:
    """Names of the columns from a header; empty and repeated names are made unique and told in ``notices``.

    The columns that a file of rejected rows has behind those of its original are left out.
    """
    given = [
        " ".join(unicodedata.normalize("NFC", str(cell)).split()) if is_filled(cell) else "" for cell in cells
    ]
    given = given[: header_width(cells)]
    if len(given) > MOST_COLUMNS:
        raise FileError(
            _("The header has %(found)s columns; at most %(most)s are read. Nothing was loaded.")
            % {"found": len(given), "most": MOST_COLUMNS}
        )
    if tuple(given[-len(REJECT_COLUMNS) :]) == REJECT_COLUMNS:
        given = given[: -len(REJECT_COLUMNS)]
    names: list[str] = []
    taken = set(given)
    for place, name in enumerate(given, start=1):
        if not name:
            names.append(_unique(f"column {place}", taken))
            notices.append(
                _("Column %(place)s has no name; it is called “%(name)s”.")
                % {"place": place, "name": names[-1]}
            )
        elif name in names:
            names.append(_unique(f"{name} (2)", taken))
            notices.append(
                _("Two columns are called “%(name)s”; the one at place %(place)s is called “%(again)s”.")
                % {"name": name, "place": place, "again": names[-1]}
            )
        else:
            names.append(name)
    return names


def _unique(name: str, taken: set[str]) -> str:
    stem = name.removesuffix(" (2)")
    found = (
        name
        if name not in taken
        else next(f"{stem} ({n})" for n in range(2, MOST_COLUMNS + 3) if f"{stem} ({n})" not in taken)
    )
    taken.add(found)
    return found


def wrong_width(found: int, allowed: int) -> Problem:
    return Problem(
        ngettext("%(n)s field", "%(n)s fields", found) % {"n": found},
        ngettext("%(n)s field, as the header has", "%(n)s fields, as the header has", allowed)
        % {"n": allowed},
        _("The row has a wrong number of fields."),
    )
