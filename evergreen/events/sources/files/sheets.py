"""XLSX workbooks, read in a stream: dates as they are typed, merged cells filled, codes with their leading
zeros.
"""

from __future__ import annotations

import datetime as dt
import re
import warnings
import zipfile
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from django.utils.translation import gettext as _
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from evergreen.events.sources.files import tables
from evergreen.events.sources.files.tables import FileError, FileOptions, Row, Shape

_MOST_SHARED_TEXT = 400 << 20  # bytes of the workbook's text table, which is held whole
_MERGE = re.compile(rb'<mergeCell[^>]*\bref="([A-Z]+[0-9]+:[A-Z]+[0-9]+)"')
_ZEROS = re.compile(r"0+")
_BROKEN = (
    zipfile.BadZipFile,
    ParseError,
    KeyError,
    ValueError,
    TypeError,
    InvalidFileException,
    OSError,
    EOFError,
)


class SheetReader:
    """One sheet of a workbook: the one that is named, else the first that holds anything."""

    def __init__(self, path: Path, options: FileOptions) -> None:
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                _check_size(archive)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        except FileError:
            raise
        except _BROKEN as error:
            raise FileError(
                _(
                    "%(file)s is no readable workbook: %(error)s. Open it and save it again as .xlsx. "
                    "Nothing was loaded."
                )
                % {"file": path.name, "error": error}
            ) from error
        names = [sheet.title for sheet in self._book.worksheets]
        self._sheet = self._choose(options.sheet, names)
        self.shape = Shape("xlsx", [], sheet=self._sheet.title, sheets=names)
        self._merged = _Merged(path, self._sheet)
        self._number = 0
        self._stream = self._cells()
        self._find_columns(options.header_row)

    def rows(self) -> Iterator[Row]:
        width = len(self.shape.columns)
        for number, cells in self._stream:
            self._number = number
            filled = self._merged.fill(number, cells)
            row = [filled[place] if place < len(filled) else None for place in range(width)]
            if any(map(tables.is_filled, row)):
                yield Row(number, row)

    def position(self) -> tuple[int, int]:
        return self._number, 0

    def close(self) -> None:
        self._book.close()

    def _choose(self, wanted: str, names: list[str]) -> Any:
        if wanted:
            if wanted not in names:
                raise FileError(
                    _("There is no sheet “%(found)s”. The workbook has: %(allowed)s. Nothing was loaded.")
                    % {"found": wanted, "allowed": ", ".join(names)}
                )
            return self._book[wanted]
        for sheet in self._book.worksheets:
            sheet.reset_dimensions()
            if any(any(map(tables.is_filled, row)) for row in islice(sheet.iter_rows(values_only=True), 50)):
                return sheet
        raise FileError(_("The workbook has no rows. Nothing was loaded."))

    def _cells(self) -> Iterator[tuple[int, list[Any]]]:
        # Some programs write a wrong dimension, by which openpyxl would cut the rows short.
        self._sheet.reset_dimensions()
        number = 0
        try:
            for number, row in enumerate(self._sheet.iter_rows(), start=1):
                yield number, [_value(cell) for cell in row]
        except _BROKEN as error:
            raise FileError(
                _("The workbook breaks off after row %(row)s: %(error)s.") % {"row": number, "error": error}
            ) from error

    def _find_columns(self, header_row: int | None) -> None:
        notices = self.shape.notices
        first = list(islice(self._stream, max(tables.HEADER_SEARCH, header_row or 0)))
        if header_row == 0:
            width = max((len(cells) for _number, cells in first), default=0)
            self.shape.columns = [f"column {place + 1}" for place in range(width)]
            self.shape.header_row = 0
            self._stream = chain(first, self._stream)
            return
        place = tables.find_header(first, header_row)
        if place is None:
            raise FileError(
                _("There is no header in row %(row)s of sheet “%(sheet)s”. Nothing was loaded.")
                % {"row": header_row or 1, "sheet": self.shape.sheet}
            )
        number, header = first[place]
        self.shape.header_row = number
        self.shape.columns = tables.name_columns(header, notices)
        if place:
            notices.append(
                _("The columns are named in row %(row)s; the rows above it were passed over.")
                % {"row": number}
            )
        if merged := self._merged.below(number):
            notices.append(_("Merged ranges: %(n)s; every row of a range has its value.") % {"n": merged})
        if len(self.shape.sheets) > 1:
            notices.append(
                _("Sheet “%(sheet)s” was read; the workbook also has: %(others)s.")
                % {
                    "sheet": self.shape.sheet,
                    "others": ", ".join(name for name in self.shape.sheets if name != self.shape.sheet),
                }
            )
        self._stream = chain(first[place + 1 :], self._stream)


class _Merged:
    """The merged ranges of a sheet. A range's value stands in its first cell only; ``fill`` gives it to the
    others.
    """

    def __init__(self, path: Path, sheet: Any) -> None:
        self._ranges: list[tuple[int, int, int, int]] = sorted(
            (top or 1, bottom or 1, left or 1, right or 1)
            for left, top, right, bottom in map(range_boundaries, _merged_refs(path, sheet))
        )
        self._open: list[tuple[int, int, int, int, Any]] = []
        self._next = 0

    def below(self, row: int) -> int:
        return sum(1 for _top, bottom, _left, _right in self._ranges if bottom > row)

    def fill(self, row: int, cells: list[Any]) -> list[Any]:
        if self._next >= len(self._ranges) and not self._open:
            return cells
        while self._next < len(self._ranges) and self._ranges[self._next][0] <= row:
            top, bottom, left, right = self._ranges[self._next]
            self._next += 1
            if top == row:
                value = cells[left - 1] if left <= len(cells) else None
                self._open.append((top, bottom, left, right, value))
        self._open = [one for one in self._open if one[1] >= row]
        for _top, _bottom, left, right, value in self._open:
            if value is not None:
                cells.extend([None] * (right - len(cells)))
                for place in range(left - 1, right):
                    cells[place] = value if cells[place] is None else cells[place]
        return cells


def _merged_refs(path: Path, sheet: Any) -> list[str]:
    """The ranges, scanned from the sheet's XML: openpyxl's stream passes over them, as they stand behind
    the rows.
    """
    found: list[str] = []
    with zipfile.ZipFile(path) as archive, archive.open(sheet._worksheet_path.lstrip("/")) as xml:
        tail = b""
        while block := xml.read(1 << 20):
            piece = tail + block
            end = 0
            for match in _MERGE.finditer(piece):
                found.append(match.group(1).decode())
                end = match.end()
            tail = piece[max(end, len(piece) - 200) :]
    return found


def _value(cell: Any) -> Any:
    """A cell's value: whole numbers without a fraction, durations in seconds, codes shown with zeros as
    text.
    """
    value = cell.value
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int):
        shown = cell.number_format or ""
        return str(value).zfill(len(shown)) if len(shown) > 1 and _ZEROS.fullmatch(shown) else value
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    return value


def _check_size(archive: zipfile.ZipFile) -> None:
    for entry in archive.infolist():
        if entry.filename.endswith("sharedStrings.xml") and entry.file_size > _MOST_SHARED_TEXT:
            raise FileError(
                _(
                    "The workbook holds %(found)s MB of text; at most %(most)s MB are read. Save the sheet "
                    "as CSV. Nothing was loaded."
                )
                % {"found": entry.file_size >> 20, "most": _MOST_SHARED_TEXT >> 20}
            )
