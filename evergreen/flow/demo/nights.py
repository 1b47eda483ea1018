"""Which nights of two years are run: sparse long ago, every day lately, so that trends and alerts are lived through."""

from __future__ import annotations

import datetime as dt

from evergreen.flow.demo.extent import Extent

# Figures compare 28 days with the 28 days before: the first night has two months of use behind it.
_WARM_UP_DAYS = 60
_EVERY_DAY_SHARE, _TWICE_A_WEEK_SHARE = 0.24, 0.6
_MONDAY, _THURSDAY = 0, 3
_LONG_AGO_EVERY = 42


def past_weeks(extent: Extent) -> list[dt.date]:
    """The Mondays of long ago, oldest first, whose figures are computed at the end: what scores and forecasts are held against."""
    first = extent.first + dt.timedelta(days=min(_WARM_UP_DAYS, extent.days // 3))
    lived = set(nights(extent))
    dense = extent.last - dt.timedelta(days=extent.dense_days)
    days = [first + dt.timedelta(days=n) for n in range((dense - first).days + 1)]
    return [day for day in days if day.weekday() == _MONDAY and day not in lived]


def nights(extent: Extent) -> list[dt.date]:
    """Days whose night is run, oldest first; the last one is the story's last day."""
    warm_up = min(_WARM_UP_DAYS, extent.days // 3)
    every_day, twice_a_week = (
        round(extent.dense_days * share) for share in (_EVERY_DAY_SHARE, _TWICE_A_WEEK_SHARE)
    )
    found = []
    for ago in range(extent.days - 1 - warm_up, -1, -1):
        day = extent.last - dt.timedelta(days=ago)
        if ago < extent.dense_days:
            is_run = ago < every_day or day.weekday() == _MONDAY
            is_run |= ago < twice_a_week and day.weekday() == _THURSDAY
        else:
            is_run = ago % _LONG_AGO_EVERY == 0
        if is_run:
            found.append(day)
    return found
