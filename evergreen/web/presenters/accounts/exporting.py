"""Accounts as CSV and XLSX, written row by row, so that memory stays flat and no text becomes a formula."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter
from django.utils.translation import gettext as _

from evergreen.customers import listing
from evergreen.customers.models import Account
from evergreen.web.presenters.accounts.columns import COLUMNS, Column, Reader, shown, visible, with_figures

KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_CHUNK = 1_000
# A spreadsheet cell holds no more, and control characters have no place in XML.
_CELL_LENGTH = 32_000
_CONTROLS = {code: None for code in range(32) if code not in (9, 10, 13)}


def export_columns(reader: Reader) -> list[Column]:
    """Every column the person may see, and the metrics that the list shows."""
    metrics = [column for column in shown(reader.asked, reader.user) if column.metric]
    return [*visible(COLUMNS.values(), reader.user), *metrics]


def headings(columns: list[Column], currency: str) -> list[str]:
    return [_heading(column, currency) for column in columns]


def _heading(column: Column, currency: str) -> str:
    if not column.is_money:
        return str(column.label)
    return f"{column.label} ({_('currency of the account') if column.metric else currency})"


def rows(keys: list[int], columns: Sequence[Column]) -> Iterator[Account]:
    """The accounts of the keys in order with what the columns show, read in chunks."""
    for start in range(0, len(keys), _CHUNK):
        yield from with_figures(listing.rows_of(keys[start : start + _CHUNK]), columns)


def file_rows(keys: list[int], reader: Reader) -> Iterator[list[object]]:
    """The rows of a file, headings first; amounts and figures with at most four decimals."""
    columns = export_columns(reader)
    yield [*headings(columns, reader.currency)]
    for account in rows(keys, columns):
        yield [_plain(column.export(account, reader)) for column in columns]


def _plain(value: Any) -> Any:
    if not isinstance(value, bool | int | float | Decimal):
        return value
    number = float(value)
    return int(number) if number.is_integer() else round(number, 4)


def write_xlsx(target: Path, keys: list[int], reader: Reader, tell: Any = None) -> None:
    """Write an XLSX file, text as text, never as a formula. ``tell(done)`` is called now and then."""
    columns = export_columns(reader)
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(str(target), options)
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 1)
    bold = book.add_format({"bold": True})
    for place, heading in enumerate(headings(columns, reader.currency)):
        sheet.write_string(0, place, heading, bold)
        sheet.set_column(place, place, 28 if place == 0 else 14)
    for line, account in enumerate(rows(keys, columns), start=1):
        for place, column in enumerate(columns):
            _write_cell(sheet, line, place, column.export(account, reader), day)
        if tell and line % _CHUNK == 0:
            tell(line)
    book.close()


def _write_cell(sheet: Any, line: int, place: int, value: Any, day: Any) -> None:
    match value:
        case None | "":
            return
        case dt.date():
            sheet.write_datetime(line, place, dt.datetime.combine(value, dt.time()), day)
        case bool() | int() | float() | Decimal():
            sheet.write_number(line, place, _plain(value))
        case _:
            sheet.write_string(line, place, str(value).translate(_CONTROLS)[:_CELL_LENGTH])


def file_name(kind: str, today: dt.date) -> str:
    return f"accounts-{today.isoformat()}.{kind}"
