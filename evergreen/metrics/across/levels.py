"""What changes on which day, added up to the days that are asked for.

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


def calendar(days: Sequence[dt.date], since: dt.date | None = None) -> pa.Table:
    """For every day from ``since`` (default: the first asked) to the last of ``days``, in order: ``at``, its number of days
    after the first asked one; ``asked``, the first asked day on or after it, and ``turn``, the place of that among them.
    """
    first = days[0]
    since = since or first
    ats, asked, turns = [], [], []
    place = 0
    for back in range((days[-1] - since).days + 1):
        day = since + dt.timedelta(days=back)
        while days[place] < day:
            place += 1
        ats.append((day - first).days)
        asked.append(days[place])
        turns.append(place)
    return pa.table(
        {
            "at": pa.array(ats, pa.int64()),
            "asked": pa.array(asked, pa.date32()),
            "turn": pa.array(turns, pa.int32()),
        }
    )


def moves(rows: Any, keys: Sequence[str], begins: Any, ends: Any, by: Any) -> ir.Table:
    """``keys, at, change`` of rows that count for ``by`` from the day ``begins`` until the day before ``ends``."""
    comes = rows.select(*keys, at=begins, change=by)
    goes = rows.select(*keys, at=ends, change=-by)
    return comes.union(goes)


def running(changes: Any, keys: Sequence[str]) -> ir.Table:
    """The changes of each key and day in one, and the ``level`` they have come to: ``keys, at, change, level``."""
    steps = changes.group_by([*keys, "at"]).aggregate(change=changes.change.sum().cast("int64"))
    steps = steps.filter(steps.change != 0)
    over = ibis.cumulative_window(group_by=[steps[key] for key in keys], order_by=steps["at"])
    return steps.mutate(level=steps.change.sum().over(over).cast("int64"))


def levels(changes: Any, keys: Sequence[str], calendar: Any) -> ir.Table:
    """What the changes up to and including each asked day come to: ``keys, asked, level``; no row where that is 0.

    ``changes`` has ``keys, at, change``; those of days outside ``calendar`` (see there) are left out.
    """
    placed = changes.inner_join(calendar, "at")
    steps = placed.group_by([*keys, "turn"]).aggregate(change=placed.change.sum().cast("int64"))
    over: dict[str, Any] = {"group_by": [steps[key] for key in keys], "order_by": steps.turn}
    steps = steps.mutate(
        level=steps.change.sum().over(ibis.cumulative_window(**over)).cast("int64"),
        until=steps.turn.lead().over(**over),
    )
    asked = calendar.select("turn", "asked").distinct()
    last = asked.turn.max().as_scalar() + 1
    steps = steps.filter(steps.level != 0).mutate(until=steps.until.coalesce(last))
    # A level holds from its step until the next one.
    spread = steps.mutate(turn=ibis.range(steps.turn, steps.until).unnest())
    joined = spread.inner_join(asked, "turn")
    return joined.select(*keys, "asked", "level")
