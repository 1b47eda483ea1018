"""The time. Actions take ``now=``; where nobody gives one, it is asked for here and nowhere else."""

from __future__ import annotations

import datetime as dt
from functools import cache
from zoneinfo import ZoneInfo, available_timezones


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@cache
def zone(name: str) -> ZoneInfo:
    """A time zone by its name; a ValueError names a few right ones when it is unknown."""
    if name not in available_timezones():
        raise ValueError(
            f"Unknown time zone {name!r}: write a name such as Asia/Shanghai, Europe/Berlin or UTC."
        )
    return ZoneInfo(name)


def day_end(day: dt.date, tz: ZoneInfo) -> dt.datetime:
    """The first instant after ``day`` in ``tz``, as UTC: a snapshot of the day uses what was known before it."""
    return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tzinfo=tz).astimezone(dt.UTC)


def day_start(day: dt.date, tz: ZoneInfo) -> dt.datetime:
    """The first instant of ``day`` in ``tz``, as UTC."""
    return day_end(day - dt.timedelta(days=1), tz)


def local_day(moment: dt.datetime, tz: ZoneInfo) -> dt.date:
    """The calendar day of an aware moment in ``tz``."""
    return moment.astimezone(tz).date()
