"""Which nights of two years are run: sparse long ago, every day lately, so that trends and alerts are lived through."""

from __future__ import annotations

import datetime as dt

from evergreen.flow.demo.extent import Extent

# The first night needs two months of use behind it: figures compare 28 days with the 28 days before.
_WARM_UP_DAYS = 60


def nights(extent: Extent) -> list[dt.date]:
    """Days whose night is run, oldest first; the last one is the story's last day."""
    found = []
    for ago in range(extent.days - 1, -1, -1):
        day = extent.last - dt.timedelta(days=ago)
        if (day - extent.first).days < min(_WARM_UP_DAYS, extent.days // 3):
            continue
        if ago < extent.daily_nights:
            every = ago < extent.daily_nights * 0.3 or day.weekday() in {0, 3}
        else:
            every = ago % 28 == 0
        if every or ago == 0:
            found.append(day)
    return found
