"""Periods of KPIs: days, ISO weeks, months, quarters. Pure; a period is named by the day it starts on."""

from __future__ import annotations

import datetime as dt
import enum
import re
import unicodedata

_DAY = dt.timedelta(days=1)


class Period(enum.StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


# How each period is written, by example: what messages and documents show.
EXAMPLES = {
    Period.DAY: "2026-10-17",
    Period.WEEK: "2026-W42",
    Period.MONTH: "2026-10",
    Period.QUARTER: "2026-Q4",
}
_DATE = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[T ]00:00(?::00(?:\.0+)?)?)?"
)
_FORMS = {
    Period.WEEK: re.compile(r"(\d{4})\s*[-/年]?\s*(?:W|第)\s*(\d{1,2})\s*周?"),
    Period.MONTH: re.compile(r"(\d{4})\s*(?:[-/.年]\s*)?((?<=[-/.年\s])\d{1,2}|\d{2})\s*月?"),
    Period.QUARTER: re.compile(r"(\d{4})\s*[-/年]?\s*(?:Q|第)\s*([1-4])\s*(?:季度?)?"),
}


def start_of(period: Period, day: dt.date) -> dt.date:
    """The first day of the period that a day lies in."""
    match period:
        case Period.WEEK:
            return day - dt.timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)
        case Period.QUARTER:
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
    return day


def after(period: Period, start: dt.date) -> dt.date:
    """The first day of the next period."""
    match period:
        case Period.WEEK:
            return start + dt.timedelta(days=7)
        case Period.MONTH | Period.QUARTER:
            months = start.year * 12 + start.month - 1 + (1 if period == Period.MONTH else 3)
            return dt.date(months // 12, months % 12 + 1, 1)
    return start + _DAY


def last_day(period: Period, start: dt.date) -> dt.date:
    return after(period, start) - _DAY


def text_of(period: Period, start: dt.date) -> str:
    """A period as it is written in both languages: 2026-10-17, 2026-W42, 2026-10, 2026-Q4."""
    match period:
        case Period.WEEK:
            year, week, _weekday = start.isocalendar()
            return f"{year}-W{week:02}"
        case Period.MONTH:
            return f"{start:%Y-%m}"
        case Period.QUARTER:
            return f"{start.year}-Q{(start.month + 2) // 3}"
    return start.isoformat()


def read(period: Period, text: str) -> dt.date | None:
    """The start of the period that a text names, or of the one in which the date of the text lies.

    None where it is neither: the name of a shorter or longer period is not guessed at.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    try:
        if match := _DATE.fullmatch(plain):
            year, month, day = (int(part) for part in match.groups())
            return start_of(period, dt.date(year, month, day))
        form = _FORMS.get(period)
        match = form.fullmatch(plain.upper()) if form else None
        if match is None:
            return None
        year, number = int(match[1]), int(match[2])
        match period:
            case Period.WEEK:
                return dt.date.fromisocalendar(year, number, 1)
            case Period.MONTH:
                return dt.date(year, number, 1)
        return dt.date(year, number * 3 - 2, 1)
    except ValueError:
        return None  # a thirteenth month, a week 54, the year 0
