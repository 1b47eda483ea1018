"""Months and anniversaries, where calendars are uneven."""

from __future__ import annotations

import datetime as dt


def months_later(day: dt.date, months: int) -> dt.date:
    """The same day some months on (or back), or that month's last day where it is shorter.

    Count from the first day and not step by step: 31 January, 28 February, 31 March. A year is twelve months, so the
    anniversary of 29 February is 28 February but for leap years.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = dt.date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return dt.date(year, month + 1, min(day.day, (following - dt.timedelta(days=1)).day))
