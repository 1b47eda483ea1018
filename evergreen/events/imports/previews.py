"""A first look at a file: its columns and what they seem to hold, first rows, a mapping to begin with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from evergreen.base import queries
from evergreen.events.imports import cells, memory
from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.formats import Formats, UnreadableError, as_text, is_empty, shown
from evergreen.events.imports.guessing import guess
from evergreen.events.sources.files import FileOptions, open_table

FIRST_ROWS = 20
_LOOKED_AT = 500
_TRIED = (
    (Kind.FLAG, "flag"),
    (Kind.DATE, "date"),
    (Kind.MOMENT, "time"),
    (Kind.WHOLE, "whole"),
    (Kind.MONEY, "number"),
)


@dataclass(slots=True)
class Preview:
    """What was found; ``types`` is empty, flag, date, time, whole, number or text by column."""

    kind: str
    encoding: str
    delimiter: str
    sheet: str
    sheets: list[str]
    header_row: int
    columns: list[str]
    types: dict[str, str]
    rows: list[list[str]]
    row_numbers: list[int]
    problems: dict[int, str]
    notices: list[str]
    mapping: dict[str, Any] = field(default_factory=dict)
    is_remembered: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def preview(path: Path | str, options: FileOptions | None = None, record: str = "") -> Preview:
    """Look at the first rows of a file. With ``record``, also the mapping remembered for its columns, else
    a guess.

    Raises FileError when the file is no table.
    """
    reader = open_table(Path(path), options)
    try:
        looked_at = list(islice(reader.rows(), _LOOKED_AT))
    finally:
        reader.close()
    shape = reader.shape
    formats = Formats(zone=queries.vendor_zone())
    good = [row.cells for row in looked_at if row.problem is None]
    remembered = memory.remembered(record, shape.columns) if record else None
    return Preview(
        kind=shape.kind,
        encoding=shape.encoding,
        delimiter=shape.delimiter,
        sheet=shape.sheet,
        sheets=list(shape.sheets),
        header_row=shape.header_row,
        columns=list(shape.columns),
        types={
            name: _type([row[place] for row in good if place < len(row)], formats)
            for place, name in enumerate(shape.columns)
        },
        rows=[[shown(cell) for cell in row.cells] for row in looked_at[:FIRST_ROWS]],
        row_numbers=[row.number for row in looked_at[:FIRST_ROWS]],
        problems={
            row.number: row.problem.reason for row in looked_at[:FIRST_ROWS] if row.problem is not None
        },
        notices=list(shape.notices),
        mapping=(remembered or guess(shape.columns, record)) if record else {},
        is_remembered=remembered is not None,
    )


def _type(values: Sequence[Any], formats: Formats) -> str:
    filled = [value for value in values if not is_empty(value, formats)]
    if not filled:
        return "empty"
    for kind, name in _TRIED:
        of = Field(name, kind, name, name, most=10**15, least=-(10**15))
        if all(_reads(value, of, formats) for value in filled):
            if kind == Kind.FLAG and set(map(as_text, filled)) <= {"0", "1"} and len(Counter(filled)) < 2:
                continue
            return name
    return "text"


def _reads(value: Any, of: Field, formats: Formats) -> bool:
    text = as_text(value).strip()
    if of.kind in {Kind.DATE, Kind.MOMENT} and text.replace(".", "").isdigit():
        return False  # numbers that could be days of a spreadsheet are more often just numbers
    if of.kind == Kind.DATE and ":" in text and not text.endswith("00:00:00"):
        return False
    if of.kind in {Kind.WHOLE, Kind.MONEY} and text[:1] == "0" and text[1:2].isdigit():
        return False  # codes with leading zeros
    try:
        cells.read(value, of, formats)
    except UnreadableError:
        return False
    return True
