"""JSON Lines: one object a line; objects inside objects become columns with dots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from evergreen.events.sources.files import encodings
from evergreen.events.sources.files.lines import LONGEST_LINE, Lines, Overlong
from evergreen.events.sources.files.tables import (
    MOST_COLUMNS,
    FileError,
    FileOptions,
    Problem,
    Row,
    Shape,
)

_SAMPLE_ROWS = 1_000


class JsonLinesReader:
    """Columns are the names seen in the first 1,000 rows; later names join them as they come."""

    def __init__(self, path: Path, options: FileOptions) -> None:
        encoding, notice = (
            (encodings.stated(options.encoding, path), "") if options.encoding else encodings.detect(path)
        )
        self._lines = Lines(path, encoding)
        self._stream = enumerate(self._lines, start=1)
        self.shape = Shape("jsonl", [], encoding=encoding, header_row=0, is_open_ended=True)
        if notice:
            self.shape.notices.append(notice)
        self._places: dict[str, int] = {}
        self._first: list[Row] = []
        for number, line in self._stream:
            if line.strip():
                self._first.append(self._read(number, line))
            if len(self._first) >= _SAMPLE_ROWS:
                break
        if not self._first:
            raise FileError(_("The file has no rows. Nothing was loaded."))
        if all(row.problem for row in self._first):
            problem = self._first[0].problem
            raise FileError(
                _("Row %(row)s is no JSON object: %(found)s. Write one object a line. Nothing was loaded.")
                % {"row": self._first[0].number, "found": problem.found if problem else ""}
            )

    def rows(self) -> Iterator[Row]:
        yield from self._first
        self._first = []
        for number, line in self._stream:
            if line.strip():
                yield self._read(number, line)

    def position(self) -> tuple[int, int]:
        return self._lines.read, self._lines.size

    def close(self) -> None:
        self._lines.close()

    def _read(self, number: int, line: str) -> Row:
        problem = _unreadable(line, self.shape.encoding)
        if problem is None:
            try:
                value = msgspec.json.decode(line)
            except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
                problem = Problem(_clipped(line), _("one JSON object"), str(error).splitlines()[0])
            else:
                if isinstance(value, dict):
                    return self._row(number, value)
                problem = Problem(_clipped(line), _("one JSON object"), _("The line is no JSON object."))
        return Row(number, [_clipped(line)], problem)

    def _row(self, number: int, value: dict[str, Any]) -> Row:
        flat: dict[str, Any] = {}
        _flatten(value, "", flat)
        for name in flat:
            if name not in self._places:
                if len(self._places) >= MOST_COLUMNS:
                    return Row(
                        number,
                        [],
                        Problem(
                            name,
                            _("at most %(n)s names in a file") % {"n": MOST_COLUMNS},
                            _("The file has too many different names."),
                        ),
                    )
                self._places[name] = len(self._places)
                self.shape.columns.append(name)
        cells: list[Any] = [None] * len(self._places)
        for name, cell in flat.items():
            cells[self._places[name]] = cell
        return Row(number, cells)


def _flatten(value: dict[str, Any], prefix: str, into: dict[str, Any]) -> None:
    for name, cell in value.items():
        if isinstance(cell, dict) and cell:
            _flatten(cell, f"{prefix}{name}.", into)
        else:
            into[f"{prefix}{name}"] = cell


def _unreadable(line: str, encoding: str) -> Problem | None:
    if type(line) is Overlong:
        return Problem(
            f"{line[:80]}…",
            _("lines of at most %(n)s characters") % {"n": f"{LONGEST_LINE:,}"},
            _("The line is too long."),
        )
    if encodings.BAD in line:
        return Problem(
            _clipped(line.replace(encodings.BAD, "\ufffd")),
            _("text in %(encoding)s") % {"encoding": encoding},
            _("Bytes are not of the file's encoding."),
        )
    return None


def _clipped(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"
