"""Rows of a chunk read by column: each different cell once, by the very rules by which rows are read one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evergreen.events.imports.context import RejectedError
from evergreen.events.imports.formats import as_text

if TYPE_CHECKING:
    from evergreen.events.imports.reading import Reading

Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Different:
    """What stands in every row, as places in the list of what is different."""

    values: list[Any]
    codes: Codes

    def of_rows(self, rows: Codes) -> list[Any]:
        return [self.values[code] for code in self.codes[rows]]


class Columns:
    """A chunk: ``cells`` by column of the file, the first row's number in it."""

    def __init__(self, reading: Reading, table: pa.Table, first: int) -> None:
        self.first = first
        self.size = table.num_rows
        self._reading = reading
        self._cells = [_different(column) for column in table.columns]

    @cached_property
    def _fields(self) -> tuple[dict[str, Different], Mask]:
        """The values of each mapped field, and which rows could be read; the others are for the row's own reading."""
        fits = np.ones(self.size, np.bool_)
        found = {}
        for name, places, read in self._reading.by_column():
            codes, rows = together([self._cells[place].codes for place in places], self.size)
            values, good = [], []
            for row in rows:
                cells = {place: self._cells[place].values[self._cells[place].codes[row]] for place in places}
                try:
                    values.append(read(_Sparse(cells)))
                    good.append(True)
                except RejectedError:
                    values.append(None)
                    good.append(False)
            found[name] = Different(values, codes)
            fits &= np.array(good, np.bool_)[codes]
        return found, fits

    def field(self, name: str) -> Different:
        """What a field is in every row; None where it is not mapped."""
        if (found := self._fields[0].get(name)) is not None:
            return found
        return Different([self._reading.constants.get(name)], np.zeros(self.size, np.int64))

    @property
    def fits(self) -> Mask:
        return self._fields[1].copy()

    def said(self, names: Sequence[str]) -> list[Different]:
        """What each column of the file says, with its name; '' for an empty cell."""
        return [
            Different([words(name, value) for value in cells.values], cells.codes)
            for name, cells in zip(names, self._cells, strict=False)
        ]

    def row(self, place: int) -> list[Any]:
        """The cells of a row of the chunk."""
        return [cells.values[cells.codes[place]] for cells in self._cells]


def together(codes: Sequence[Codes], size: int) -> tuple[Codes, Codes]:
    """Columns of codes as one: the code of each row, and for each code the first row that has it."""
    if not codes:
        return np.zeros(size, np.int64), np.zeros(min(size, 1), np.int64)
    joined = codes[0]
    for other in codes[1:]:
        pairs = joined * (int(other.max(initial=0)) + 1) + other
        _, joined = np.unique(pairs, return_inverse=True)
    _, first, joined = np.unique(joined, return_index=True, return_inverse=True)
    return joined.astype(np.int64), first.astype(np.int64)


def _different(column: pa.ChunkedArray) -> Different:
    whole = column.combine_chunks().dictionary_encode(null_encoding="encode")
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.unify_dictionaries().chunks)
    return Different(whole.dictionary.to_pylist(), whole.indices.cast(pa.int64()).to_numpy())


def words(column: str, cell: Any) -> str:
    """What a cell says, with the name of its column; '' where it is empty."""
    return "" if cell is None or cell == "" else f"{column}\x1f{cell if type(cell) is str else as_text(cell)}"


class _Sparse(Sequence[Any]):
    """A row of which only some cells are asked for."""

    def __init__(self, cells: Mapping[int, Any]) -> None:
        self._cells = cells

    def __getitem__(self, place: Any) -> Any:
        return self._cells[place]

    def __len__(self) -> int:
        return 1 + max(self._cells, default=-1)
