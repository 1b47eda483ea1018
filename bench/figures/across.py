"""Figures of many days at once: what changes on which day, added up to the days that are asked for. Ibis expressions over
those of the product's trends, which add up in Python what pages show of a few groups.

A window of n days that is moved day by day is never counted again: something counted on a day is in every window that
ends on it or on one of the n - 1 days after it, so it adds on that day and takes away n days later. The cost is one pass
over the rows and does not grow with the number of days asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

if TYPE_CHECKING:
    import ibis.expr.types as ir


def calendar(days: Sequence[dt.date], since: dt.date) -> pa.Table:
    """For every day from ``since`` to the last of ``days`` (in order) the first of them on or after it: ``day, asked, number``."""
    found, numbers = [], []
    at = 0
    for number in range((days[-1] - since).days + 1):
        day = since + dt.timedelta(days=number)
        while days[at] < day:
            at += 1
        found.append(days[at])
        numbers.append(at)
    start = [since + dt.timedelta(days=number) for number in range(len(found))]
    return pa.table(
        {
            "day": pa.array(start, pa.date32()),
            "asked": pa.array(found, pa.date32()),
            "number": pa.array(numbers, pa.int32()),
        }
    )


def sum_changes(days: Any, keys: Sequence[str], window: int, column: str) -> ir.Table:
    """By how much the sum of a column over the last ``window`` days changes on a day: ``keys, day, change``.

    ``days`` has ``keys``, ``day`` and the column; days may repeat.
    """
    # The engine makes a timestamp of it, which Ibis does not know.
    gone = (days.day + ibis.interval(days=window)).cast("timestamp").cast("date")
    comes = days.select(*keys, "day", change=days[column])
    goes = days.select(*keys, day=gone, change=-days[column])
    return comes.union(goes)


def levels(changes: Any, keys: Sequence[str], calendar: Any) -> ir.Table:
    """What the changes up to and including each asked day come to: ``keys, asked, level``; no row where that is 0.

    ``changes`` has ``keys, day, change``; those of days outside ``calendar`` (see there) are left out.
    """
    placed = changes.inner_join(calendar, "day")
    steps = placed.group_by([*keys, "number"]).aggregate(change=placed.change.sum().cast("int64"))
    over: dict[str, Any] = {"group_by": [steps[key] for key in keys], "order_by": steps.number}
    steps = steps.mutate(
        level=steps.change.sum().over(ibis.cumulative_window(**over)).cast("int64"),
        until=steps.number.lead().over(**over),
    )
    asked = calendar.select("number", "asked").distinct()
    last = asked.number.max().as_scalar() + 1
    steps = steps.filter(steps.level != 0).mutate(until=steps.until.coalesce(last))
    # A level holds from its step until the next one.
    spread = steps.mutate(number=ibis.range(steps.number, steps.until).unnest())
    joined = spread.inner_join(asked, "number")
    return joined.select(*keys, "asked", "level")
