"""The file of rejected rows: as they were, with what was wrong, to be corrected and loaded again."""

from __future__ import annotations

import csv
import datetime as dt
import os
import re
import uuid
from pathlib import Path
from typing import IO, Any

from evergreen.base.env import Home
from evergreen.base.spreadsheets import guarded
from evergreen.events.imports.context import Item, Rejection
from evergreen.events.imports.formats import as_text
from evergreen.events.imports.mapping import FileMapping
from evergreen.events.sources.files import REJECT_COLUMNS, Shape


class Rejects:
    """Written row by row as they come; there is no file while there are none.

    It has the columns, the delimiter and the date format of the original, so that the same mapping loads it. No cell
    is taken for a formula; reading the file takes the guard off again.
    """

    def __init__(
        self, home: Home, original: str, shape: Shape, mapping: FileMapping, now: dt.datetime
    ) -> None:
        stem = re.sub(r"[^\w.-]+", "_", Path(original).stem)[:60] or "file"
        self._path = home.files / f"rejected-{stem}-{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}.csv"
        self._shape = shape
        self._width = len(shape.columns)
        self._dates = mapping.dates[0] if mapping.dates else ""
        self._file: IO[str] | None = None
        self._rows: Any = None
        self.count = 0

    @property
    def path(self) -> Path | None:
        """Where the rows are; None while there are none."""
        return self._path if self._file is not None else None

    def add(self, item: Item, rejection: Rejection) -> None:
        if self._rows is None:
            self._open()
        self.count += 1
        cells = [self._text(cell) for cell in item.cells[: self._width]]
        cells += [""] * (self._width - len(cells))
        self._rows.writerow(
            [
                *map(guarded, cells),
                item.number,
                *map(guarded, (rejection.column, rejection.found, rejection.allowed, rejection.reason)),
            ]
        )

    def close(self) -> None:
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Rows hold personal data: nobody else on the machine reads them.
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        # With its mark, so that spreadsheets read the file as UTF-8.
        self._file = os.fdopen(handle, "w", encoding="utf-8-sig", errors="replace", newline="")
        self._rows = csv.writer(self._file, delimiter=self._shape.delimiter or ",")
        # A file whose columns come as they go (JSON Lines) has those seen so far; later ones are left out.
        self._width = len(self._shape.columns)
        self._rows.writerow([*map(guarded, self._shape.columns), *REJECT_COLUMNS])

    def _text(self, cell: Any) -> str:
        if self._dates and isinstance(cell, dt.date):
            return cell.strftime(self._dates)
        return as_text(cell)
