"""Tables as CSV for spreadsheet programs: UTF-8 with the mark that they look for; text is quoted and never taken for a formula."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal

from django.utils import timezone

from evergreen.base import money
from evergreen.base.spreadsheets import guarded

MARK = "\ufeff"


class _Line:
    """A file for ``csv.writer`` that hands each line back."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """The lines of a file, headings first. Numbers stand as they are, moments in the vendor's zone to the minute, None is empty."""
    writer = csv.writer(_Line(), quoting=csv.QUOTE_NONNUMERIC)
    for place, cells in enumerate(rows):
        line: str = writer.writerow([_cell(cell) for cell in cells])
        yield line if place else MARK + line


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """A whole file."""
    return "".join(csv_lines(rows))


def amount(cents: int | None, currency: str) -> Decimal | None:
    """Minor units in major ones, with all decimals of the currency."""
    if cents is None:
        return None
    return money.to_major(cents, currency).quantize(Decimal(1).scaleb(-money.exponent(currency)))


def _cell(value: object) -> str | int | float | Decimal:
    match value:
        case None:
            return ""
        case dt.datetime():
            return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
        case dt.date():
            return value.isoformat()
        case int() | float() | Decimal() if not isinstance(value, bool):
            return value
    return guarded(str(value))
