"""Dates and times as files write them: in stated formats, ISO, Chinese, as numbers of sheets or of Unix."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from evergreen.events.imports.formats import Formats, UnreadableError

_SERIAL_DAY_0 = dt.datetime(1899, 12, 30)  # noqa: DTZ001  a spreadsheet's day 0 has no zone
_DATE = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?"
    r"(?:[T\s]*(\d{1,2})[:时点](\d{1,2})(?:[:分](\d{1,2})(?:\.(\d{1,6})\d*)?)?[秒分]?)?"
)


def moment(value: Any, formats: Formats) -> dt.datetime:
    """An aware moment; a bare date is the start of that day in the file's zone."""
    if isinstance(value, str):
        text = value.strip()
        known = formats.moments.get(text)
        if known is None:
            known = _aware(_parsed(text, formats, with_time=True), formats.zone)
            if len(formats.moments) < 50_000:
                formats.moments[text] = known
        return known
    return _aware(_typed(value, formats, with_time=True), formats.zone)


def date(value: Any, formats: Formats) -> dt.date:
    if isinstance(value, str):
        found = _parsed(value.strip(), formats, with_time=False)
    else:
        found = _typed(value, formats, with_time=False)
    return (found.astimezone(formats.zone) if found.tzinfo else found).date()


def _aware(found: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    if not 1900 <= found.year <= 2200:
        raise UnreadableError(found, _("a time between the years 1900 and 2200"))
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(dt.UTC)


def _typed(value: Any, formats: Formats, *, with_time: bool) -> dt.datetime:
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001  the zone follows
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise UnreadableError(value, _allowed_date(formats, with_time=with_time))
    return _from_number(float(value), value, formats, with_time=with_time)


def _parsed(text: str, formats: Formats, *, with_time: bool) -> dt.datetime:
    for form in formats.dates:
        try:
            return dt.datetime.strptime(text, form)  # noqa: DTZ007  the zone follows
        except ValueError:
            continue
    plain = unicodedata.normalize("NFKC", text) if not text.isascii() else text
    if not formats.dates or formats.takes_iso:
        try:
            if plain[4:5] == "-" or not formats.dates:
                return dt.datetime.fromisoformat(plain)
        except ValueError:
            pass
    if not formats.dates and (match := _DATE.fullmatch(plain)):
        year, month, day, hour, minute, second, micro = (int(part or 0) for part in match.groups())
        micro = int((match[7] or "0").ljust(6, "0")) if micro else 0
        try:
            return dt.datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001
        except ValueError:
            pass
    if re.fullmatch(r"\d{5}(\.\d+)?|\d{10}(\.\d+)?|\d{13}", plain):
        return _from_number(float(plain), text, formats, with_time=with_time)
    raise UnreadableError(text, _allowed_date(formats, with_time=with_time))


def _from_number(found: float, value: Any, formats: Formats, *, with_time: bool) -> dt.datetime:
    """Days as spreadsheets count them (45678 is 2025-01-21), or Unix seconds, or 20250121."""
    if 10_000 <= found < 110_000:
        # Spreadsheets keep times to the millisecond at best.
        return _SERIAL_DAY_0 + dt.timedelta(milliseconds=round(found * 86_400_000))
    if 1_00_00 < found < 9999_12_32 and found > 1900_00_00 and found == int(found):
        try:
            return dt.datetime.strptime(str(int(found)), "%Y%m%d")  # noqa: DTZ007
        except ValueError:
            pass
    if with_time and 10**8 <= found < 10**10:
        return dt.datetime.fromtimestamp(found, dt.UTC)
    if with_time and 10**11 <= found < 10**13:
        return dt.datetime.fromtimestamp(found / 1000, dt.UTC)
    raise UnreadableError(value, _allowed_date(formats, with_time=with_time))


def _allowed_date(formats: Formats, *, with_time: bool) -> str:
    if formats.dates:
        return _("a date as %(formats)s") % {"formats": " / ".join(formats.dates)}
    if with_time:
        return _("a time such as 2025-01-31 18:30 (state others as format.dates)")
    return _("a date such as 2025-01-31 or 2025/1/31 (state others as format.dates)")
