"""Purchases out of a file: CSV, spreadsheet, JSON lines or Parquet, read as imports read theirs."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from evergreen.events.imports import moments, numbers
from evergreen.events.imports.formats import Formats, UnreadableError, as_text, is_empty
from evergreen.events.sources.files import LoadError, open_table
from evergreen.foresight.purchases.histories import Purchases

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Read:
    """The purchases of a file, how many rows were left out, and why the first of these were."""

    purchases: Purchases
    rows: int
    left_out: int
    reasons: tuple[str, ...]


def read(path: Path, *, customer: str, date: str, amount: str = "") -> Read:
    """Read one row a purchase by the names of its columns. A moment with an offset counts on its day in UTC.

    Rows without a customer or a day are left out and told; an empty amount is 0. Raises LoadError for a file that is no table,
    lacks a column or has no row that can be read.
    """
    formats = Formats(zone=ZoneInfo("UTC"))
    who: list[str] = []
    when = []
    worth: list[float] = []
    reasons: list[str] = []
    rows = left_out = 0
    with closing(open_table(path)) as table:
        asked = [customer, date, *([amount] if amount else [])]
        if missing := [name for name in asked if name not in table.shape.columns]:
            there = ", ".join(table.shape.columns)
            raise LoadError(
                f"{path.name} has no column {', '.join(missing)}; it has {there}. Nothing was read."
            )
        places = [table.shape.columns.index(name) for name in asked]
        for row in table.rows():
            rows += 1
            try:
                if row.problem is not None:
                    raise UnreadableError(row.problem.found, row.problem.allowed, row.problem.reason)
                cells = [row.cells[place] for place in places]
                if is_empty(cells[0], formats) or is_empty(cells[1], formats):
                    raise UnreadableError("", f"a {customer} and a {date}")
                day = moments.date(cells[1], formats)
                paid = numbers.number(cells[2], formats) if amount and not is_empty(cells[2], formats) else 0
            except UnreadableError as error:
                left_out += 1
                if len(reasons) < SHOWN:
                    reasons.append(f"row {row.number}: found {error.found!r}, allowed is {error.allowed}")
                continue
            who.append(as_text(cells[0]))
            when.append(day)
            worth.append(float(paid))
    if not who:
        told = f" ({'; '.join(reasons)})" if reasons else ""
        raise LoadError(f"{path.name} has no row that is a purchase{told}.")
    return Read(Purchases.of_rows(who, when, worth if amount else None), rows, left_out, tuple(reasons))
