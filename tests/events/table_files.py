"""Small and ugly table files for tests, and loading them."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import openpyxl

from evergreen.events.imports.results import ImportResult
from evergreen.events.imports.run import import_file

Rows = Iterable[Sequence[Any]]


def write_csv(
    path: Path, rows: Rows, *, encoding: str = "utf-8", delimiter: str = ",", end: str = "\n"
) -> Path:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def write_xlsx(
    path: Path,
    rows: Rows,
    *,
    merged: Sequence[str] = (),
    formats: dict[str, str] | None = None,
    sheet: str = "Sheet1",
) -> Path:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(list(row))
    for place, shown in (formats or {}).items():
        page[place].number_format = shown
    for place in merged:
        page.merge_cells(place)
    book.save(path)
    return path


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def write_parquet(path: Path, columns: dict[str, list[Any]]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path)
    return path


class Loading:
    """Loads rows (the first names the columns) as a record; columns are mapped to fields of their own name."""

    def __init__(self, folder: Path, now: dt.datetime) -> None:
        self._folder = folder
        self._now = now

    def __call__(
        self, record: str, rows: Rows, mapping: dict[str, Any] | None = None, **options: Any
    ) -> ImportResult:
        rows = list(rows)
        path = write_csv(self._folder / f"{record}.csv", rows)
        definition = {"columns": {name: name for name in rows[0]}, **(mapping or {})}
        return import_file(path, record, definition, now=self._now, **options)


def counts(result: ImportResult) -> tuple[int, int, int, int, int]:
    """(created, updated, unchanged, duplicates, rejected)"""
    return result.created, result.updated, result.unchanged, result.duplicates, result.rejected


def rejected(result: ImportResult) -> list[dict[str, str]]:
    """The rows of the file of rejected rows."""
    with Path(result.rejects_path).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
