"""CSV and its kin. A broken row costs itself alone: reading goes on at the next line."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from evergreen.base.spreadsheets import unguarded
from evergreen.events.sources.files import encodings, tables
from evergreen.events.sources.files.lines import LONGEST_LINE, Lines, Overlong
from evergreen.events.sources.files.tables import FileError, FileOptions, Problem, Row, Shape

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
_LONGEST_CELL_LINES = 1_000
_SNIFF_LINES = 60


class _RunsOn(Exception):  # noqa: N818  caught below, never leaves this file
    """A quoted cell does not end within the lines that a cell may have."""


class DelimitedReader:
    """A text file with one record a line, cells split by a delimiter, quoted with ``"`` where need be."""

    def __init__(self, path: Path, options: FileOptions) -> None:
        encoding, notice = (
            (encodings.stated(options.encoding, path), "") if options.encoding else encodings.detect(path)
        )
        self._lines = Lines(path, encoding)
        lines = iter(self._lines)
        first = _beginning(lines)
        delimiter = _stated(options.delimiter) if options.delimiter else sniff(first)
        self._feed = _Feed(lines, first)
        csv.field_size_limit(LONGEST_LINE)
        spaced = sum(line.count(f'{delimiter} "') for line in first) > 0
        self._parser = csv.reader(self._feed, delimiter=delimiter, strict=True, skipinitialspace=spaced)
        self._number = 0
        self._pending: deque[Row] = deque()
        self.shape = Shape("csv", [], encoding=encoding, delimiter=delimiter)
        if notice:
            self.shape.notices.append(notice)
        self._width = 0
        self._find_columns(options.header_row)

    def rows(self) -> Iterator[Row]:
        while self._pending:
            yield self._checked(self._pending.popleft())
        while (row := self._next()) is not None:
            yield self._checked(row)

    def position(self) -> tuple[int, int]:
        return self._lines.read, self._lines.size

    def close(self) -> None:
        self._lines.close()

    def _find_columns(self, header_row: int | None) -> None:
        first: list[Row] = []
        while len(first) < max(tables.HEADER_SEARCH, header_row or 0) and (row := self._next()) is not None:
            first.append(row)
        if not first:
            raise FileError(_("The file has no rows. Nothing was loaded."))
        if header_row == 0:
            self._width = max(len(row.cells) for row in first)
            self.shape.columns = [f"column {place + 1}" for place in range(self._width)]
            self.shape.header_row = 0
            self._pending.extend(first)
            return
        place = tables.find_header([(row.number, row.cells) for row in first], header_row)
        if place is None:
            raise FileError(
                _("There is no header in row %(row)s: the file ends before. Nothing was loaded.")
                % {"row": header_row or 1}
            )
        header = first[place]
        if header.problem is not None:
            raise FileError(
                _("Row %(row)s should name the columns: %(reason)s Found: %(found)s. Nothing was loaded.")
                % {"row": header.number, "reason": header.problem.reason, "found": header.problem.found}
            )
        self.shape.header_row = header.number
        self._width = tables.header_width(header.cells)
        self.shape.columns = tables.name_columns(header.cells, self.shape.notices)
        if place:
            self.shape.notices.append(
                _("The columns are named in row %(row)s; the rows above it were passed over.")
                % {"row": header.number}
            )
        self._pending.extend(first[place + 1 :])

    def _checked(self, row: Row) -> Row:
        """The row with as many cells as the header, or with the reason why not."""
        cells = row.cells
        if row.problem is None and len(cells) != self._width:
            if len(cells) > self._width and not any(map(tables.is_filled, cells[self._width :])):
                cells = cells[: self._width]
            else:
                row.problem = tables.wrong_width(len(cells), self._width)
        row.cells = cells[: len(self.shape.columns)]
        return row

    def _next(self) -> Row | None:
        """The next row that is not empty; a record that cannot be read gives its first line back as a
        problem.
        """
        while True:
            self._feed.begin()
            try:
                cells: list[Any] = [unguarded(cell) for cell in next(self._parser)]
            except StopIteration:
                return None
            except (csv.Error, _RunsOn):
                self._number += 1
                return self._broken()
            self._number += 1
            taken = self._feed.taken
            if len(taken) > 1 and self._width and len(cells) != self._width:
                # A stray quote swallowed the lines below it.
                return self._broken()
            if any(type(line) is Overlong for line in taken):
                return self._broken()
            if any(encodings.BAD in line for line in taken):
                return Row(self._number, _shown(cells), _bad_bytes(cells, self.shape.encoding))
            if any(map(tables.is_filled, cells)):
                return Row(self._number, cells)

    def _broken(self) -> Row:
        first = self._feed.give_back_all_but_first()
        if type(first) is Overlong:
            problem = Problem(
                f"{first[:80]}…",
                _("lines of at most %(n)s characters") % {"n": f"{LONGEST_LINE:,}"},
                _("The line is too long."),
            )
        else:
            problem = Problem(
                _clipped(first), _('quotes that end, with "" for a quote inside'), _("A quote is broken.")
            )
        return Row(self._number, [_clipped(first)], problem)


class _Feed:
    """Hands lines to the parser and remembers those of the record at hand, so that they can be given back."""

    def __init__(self, lines: Iterator[str], first: Sequence[str]) -> None:
        self._lines = lines
        self._back = deque(first)
        self._length = 0
        self.taken: list[str] = []

    def begin(self) -> None:
        self.taken = []
        self._length = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= _LONGEST_CELL_LINES or self._length > LONGEST_LINE:
            raise _RunsOn
        line = self._back.popleft() if self._back else next(self._lines)
        self.taken.append(line)
        self._length += len(line)
        return f"{line}\n"

    def give_back_all_but_first(self) -> str:
        first, *rest = self.taken
        self._back.extendleft(reversed(rest))
        return first


def _beginning(lines: Iterator[str]) -> list[str]:
    """Enough lines to judge by, not more than a few long ones."""
    first: list[str] = []
    length = 0
    for line in islice(lines, _SNIFF_LINES):
        first.append(line)
        length += len(line)
        if length > LONGEST_LINE:
            break
    return first


def sniff(lines: Sequence[str]) -> str:
    """The delimiter that splits most lines into the same number of cells; the comma when none does."""
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS.values():
        try:
            records = list(csv.reader([f"{line}\n" for line in lines if line.strip()], delimiter=delimiter))
        except csv.Error:
            continue
        widths = Counter(len(record) for record in records)
        if not widths:
            continue
        width, times = max(widths.items(), key=lambda item: (item[1], item[0]))
        score = times / len(records) * (1 + min(width, 20) / 100) if width > 1 else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _stated(delimiter: str) -> str:
    found = DELIMITERS.get(delimiter.strip().lower(), "\t" if delimiter == "\\t" else delimiter)
    if len(found) != 1 or found in '"\r\n':
        raise FileError(
            _("Delimiter %(found)s is not allowed. Write one character, or %(allowed)s. Nothing was loaded.")
            % {"found": repr(delimiter), "allowed": ", ".join(DELIMITERS)}
        )
    return found


def _shown(cells: Sequence[Any]) -> list[Any]:
    return [str(cell).replace(encodings.BAD, "\ufffd") for cell in cells]


def _bad_bytes(cells: Sequence[Any], encoding: str) -> Problem:
    bad = next((str(cell) for cell in cells if encodings.BAD in str(cell)), "")
    return Problem(
        _clipped(bad.replace(encodings.BAD, "\ufffd")),
        _("text in %(encoding)s") % {"encoding": encoding},
        _("Bytes are not of the file's encoding."),
    )


def _clipped(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"
