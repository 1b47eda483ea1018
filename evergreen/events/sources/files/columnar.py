"""Parquet: typed columns, read a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from django.utils.translation import gettext as _

from evergreen.events.sources.files.tables import FileError, FileOptions, Row, Shape

_BATCH = 10_000


class ParquetReader:
    """Rows are counted from 1; columns of structs become columns with dots."""

    def __init__(self, path: Path, options: FileOptions) -> None:
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise FileError(
                _("%(file)s is no readable Parquet file: %(error)s. Nothing was loaded.")
                % {"file": path.name, "error": str(error).splitlines()[0]}
            ) from error
        columns = _flat(self._file.schema_arrow.empty_table()).schema
        self.shape = Shape("parquet", columns.names, header_row=0)
        self.has_lists = any(pa.types.is_nested(kind) for kind in columns.types)
        self._number = 0

    def rows(self) -> Iterator[Row]:
        for first, table in self.tables(_BATCH):
            self._number = first - 1
            for cells in zip(*map(pa.ChunkedArray.to_pylist, table.columns), strict=True):
                self._number += 1
                yield Row(self._number, cells)

    def tables(self, size: int) -> Iterator[tuple[int, pa.Table]]:
        """The rows by column, at most ``size`` at a time, each time with the first one's number; once only."""
        try:
            for batch in self._file.iter_batches(batch_size=size):
                table, first = _flat(pa.Table.from_batches([batch])), self._number + 1
                self._number += table.num_rows
                yield first, pa.table([_plain(column) for column in table.columns], self.shape.columns)
        except (pa.ArrowException, OSError) as error:
            raise FileError(
                _("The Parquet file breaks off after row %(row)s: %(error)s.")
                % {"row": self._number, "error": str(error).splitlines()[0]}
            ) from error

    def position(self) -> tuple[int, int]:
        return self._number, int(self._file.metadata.num_rows)

    def close(self) -> None:
        self._file.close()


def _flat(table: pa.Table) -> pa.Table:
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column whose values Python has words for."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        # Python's datetime has no nanoseconds.
        return column.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_duration(kind) and kind.unit == "ns":
        return column.cast(pa.duration("us"), safe=False)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        values = column.to_pylist()
        texts = [value.decode("utf-8", "replace") if value is not None else None for value in values]
        return pa.chunked_array([pa.array(texts, pa.string())])
    return column
