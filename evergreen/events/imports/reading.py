"""A mapping bound to the columns of one file: from the cells of a row to the values of its fields."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from evergreen.events.imports import cells
from evergreen.events.imports.context import RejectedError
from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.formats import Formats, UnreadableError, as_text, is_empty
from evergreen.events.imports.mapping import ROW_NUMBER, Cell, FileMapping, MappingError
from evergreen.events.imports.records import Record
from evergreen.events.sources.files import Shape

Get = Callable[[Sequence[Any]], Any]

_GROUPS = ("custom", "external_ids", "properties")


class Reading:
    """Reads rows as the mapping says. Made before anything is loaded: a column that is missing is a
    MappingError.
    """

    def __init__(self, mapping: FileMapping, record: Record, shape: Shape, formats: Formats) -> None:
        self._mapping = mapping
        self._shape = shape
        self._formats = formats
        self._places = {name: place for place, name in enumerate(shape.columns)}
        self._folded = _folded(shape.columns)
        self._problems: list[str] = []
        self._number = 0
        self._required = {field.name for field in record.fields if field.required}
        self._fields = [
            (record.field(name), cell, self._getter(f"columns.{name}", cell, name in self._required))
            for name, cell in mapping.cells.items()
        ]
        self._groups = {
            group: [
                (_group_field(group, name), cell, self._getter(f"{group}.{name}", cell, False))
                for name, cell in self._cells_of(group).items()
            ]
            for group in _GROUPS
        }
        self._check_constants()
        if self._problems:
            raise MappingError(self._problems)
        # Constants are read once, not with every row.
        self._constants = {
            of.name: self._read((), of, cell, get)
            for of, cell, get in self._fields
            if cell.constant is not None
        }
        self._fields = [member for member in self._fields if member[1].constant is None]

    def notices(self) -> list[str]:
        """Columns of the file that the mapping leaves out."""
        used = {self._place(name) for name in self._mapping.columns}
        left = [name for place, name in enumerate(self._shape.columns) if place not in used]
        if not left or self._mapping.all_properties:
            return []
        shown = ", ".join(left[:20]) + (" …" if len(left) > 20 else "")
        return [_("Columns that are not in the mapping were left out: %(columns)s.") % {"columns": shown}]

    def values(self, row: Sequence[Any], number: int) -> dict[str, Any]:
        """Values by field of the row of that number; an empty cell is None, or absent where empty cells keep what
        stands. RejectedError.
        """
        self._number = number
        found = dict(self._constants)
        for of, cell, get in self._fields:
            value = self._needed(row, of, cell, get)
            if value is not None or not self._mapping.keeps_empty:
                found[of.name] = value
        for group, members in self._groups.items():
            if members:
                read = {of.name: self._read(row, of, cell, get) for of, cell, get in members}
                if self._mapping.keeps_empty:
                    read = {name: value for name, value in read.items() if value is not None}
                found[group] = read
        return found

    @property
    def constants(self) -> Mapping[str, Any]:
        """What every row has."""
        return self._constants

    @property
    def is_by_column(self) -> bool:
        """Whether each field follows from cells of its row alone, and there are no groups of further ones."""
        cells = [cell for _of, cell, _get in self._fields]
        return not any(self._groups.values()) and not any(ROW_NUMBER in cell.parts[1::2] for cell in cells)

    def by_column(self) -> Iterator[tuple[str, list[int], Callable[[Sequence[Any]], Any]]]:
        """Each field that no constant fills, the places of its columns, and what reads it from a row. RejectedError."""
        for of, cell, get in self._fields:
            places = [place for name in cell.columns if (place := self._place(name)) is not None]
            yield of.name, places, partial(self._needed, of=of, cell=cell, get=get)

    def _needed(self, row: Sequence[Any], of: Field, cell: Cell, get: Get) -> Any:
        value = self._read(row, of, cell, get)
        if value is None and of.name in self._required:
            raise RejectedError(_columns(cell, of), "", _("a value"), _("A required field is empty."))
        return value

    def _read(self, row: Sequence[Any], of: Field, cell: Cell, get: Get) -> Any:
        value = get(row)
        if type(value) is str:
            value = value.strip()
        if cell.values:
            word = as_text(value).strip().casefold()
            value = cell.values.get(word, cell.values.get("*", value) if word else value)
        if is_empty(value, self._formats):
            if cell.default is None:
                return None
            value = cell.default
        try:
            return cells.read(value, of, self._formats)
        except UnreadableError as error:
            raise RejectedError(_columns(cell, of), error.found, error.allowed, error.reason) from None

    def _cells_of(self, group: str) -> Mapping[str, Cell]:
        stated: Mapping[str, Cell] = getattr(self._mapping, group)
        if group != "properties" or not self._mapping.all_properties:
            return stated
        used = {self._place(name) for cell in self._mapping.cells.values() for name in cell.columns}
        return {
            name: Cell(column=name) for place, name in enumerate(self._shape.columns) if place not in used
        }

    def _place(self, column: str) -> int | None:
        """Where a column stands, by its name, else by its name without regard to case, width and spaces."""
        place = self._places.get(column)
        return place if place is not None else self._folded.get(_fold(column))

    def _getter(self, key: str, cell: Cell, is_required: bool) -> Get:
        if cell.constant is not None:
            constant = cell.constant
            return lambda row: constant
        missing = [name for name in cell.columns if self._place(name) is None]
        if missing and (is_required or not self._shape.is_open_ended):
            self._problems += [self._missing(key, name) for name in missing]
            return lambda row: None
        if cell.column:
            return self._column(cell.column)
        named = [self._part(part) if place % 2 else _text(part) for place, part in enumerate(cell.parts)]
        told = [self._column(name) for name in cell.columns]
        return lambda row: (
            "".join(as_text(part(row)).strip() for part in named)
            if any(as_text(column(row)).strip() for column in told)
            else None
        )

    def _part(self, name: str) -> Get:
        return (lambda row: self._number) if name == ROW_NUMBER else self._column(name)

    def _column(self, name: str) -> Get:
        place = self._place(name)
        if place is not None:
            at = place
            return lambda row: row[at] if at < len(row) else None
        return self._late_column(name)

    def _late_column(self, name: str) -> Get:
        """A column that an open-ended file may bring only in later rows."""
        columns = self._shape.columns

        def get(row: Sequence[Any]) -> Any:
            place = self._places.get(name)
            if place is None and len(columns) > len(self._places):
                self._places.update((other, at) for at, other in enumerate(columns))
                place = self._places.get(name)
            return row[place] if place is not None and place < len(row) else None

        return get

    def _missing(self, key: str, name: str) -> str:
        return _("%(key)s: the file has no column “%(name)s”. It has: %(columns)s.") % {
            "key": key,
            "name": name,
            "columns": ", ".join(self._shape.columns[:60]),
        }

    def _check_constants(self) -> None:
        """A constant or default that cannot be read would reject every row: the mapping is wrong."""
        for group, members in [("columns", self._fields), *self._groups.items()]:
            for of, cell, _get in members:
                for key, value in (("constant", cell.constant), ("default", cell.default)):
                    if value is not None:
                        meant = cell.values.get(value.strip().casefold(), value)
                        needed = group == "columns" and of.name in self._required and cell.default is None
                        self._check_constant(f"{group}.{of.name}.{key}", meant, of, is_needed=needed)

    def _check_constant(self, key: str, value: str, of: Field, *, is_needed: bool) -> None:
        if is_empty(value, self._formats):
            if is_needed:
                self._problems.append(_("%(key)s: found nothing; the field needs a value.") % {"key": key})
            return
        try:
            cells.read(value, of, self._formats)
        except UnreadableError as error:
            self._problems.append(
                _("%(key)s: found %(found)s; allowed: %(allowed)s.")
                % {"key": key, "found": error.found, "allowed": error.allowed}
            )


def _group_field(group: str, name: str) -> Field:
    kind = Kind.KEY if group == "external_ids" else Kind.PLAIN
    return Field(name, kind, name, name, most=200 if kind == Kind.KEY else 10_000)


def _columns(cell: Cell, of: Field) -> str:
    return ", ".join(cell.columns) or of.name


def _text(text: str) -> Get:
    return lambda row: text


def _fold(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _folded(columns: Sequence[str]) -> dict[str, int]:
    """Columns by their folded name; names that fold together are left out."""
    found: dict[str, list[int]] = {}
    for place, name in enumerate(columns):
        found.setdefault(_fold(name), []).append(place)
    return {name: places[0] for name, places in found.items() if len(places) == 1}
