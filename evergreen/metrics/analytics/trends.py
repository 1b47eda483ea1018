"""Trends over the daily roll-up: who was active in windows that end with each day, how much was used, which features."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

_DAY = dt.timedelta(days=1)


def active_changes(days: Any, keys: Sequence[str], windows: Sequence[int]) -> ir.Table:
    """By how much the number of active ones changes on a day: ``grp, day, window, change``.

    ``days`` are distinct ``grp, keys…, day``. Whoever was active on a day is active in every window of n days that ends on it or
    on one of the n - 1 days after it; what overlaps counts once.
    """
    over: dict[str, Any] = {"group_by": [days.grp, *(days[key] for key in keys)], "order_by": days.day}
    rows = days.mutate(before=days.day.lag().over(**over), again=days.day.lead().over(**over))
    rows = rows.mutate(
        since=rows.day.delta(rows.before, unit="day"), until=rows.again.delta(rows.day, unit="day")
    )
    parts = []
    for window in windows:
        # Only days on which a stay in the window begins or ends say anything, a small part of all.
        began = rows.filter((rows.since > window).coalesce(ibis.literal(True)))
        ended = rows.filter((rows.until > window).coalesce(ibis.literal(True)))
        # The engine makes a timestamp of it, which Ibis does not know.
        gone = (ended.day + ibis.interval(days=window)).cast("timestamp").cast("date")
        number = ibis.literal(window, "int32")
        parts += [
            began.select("grp", "day", window=number, change=ibis.literal(1, "int64")),
            ended.select("grp", day=gone, window=number, change=ibis.literal(-1, "int64")),
        ]
    changes: Any = reduce(lambda one, other: one.union(other), parts)
    return changes.group_by(["grp", "day", "window"]).aggregate(change=changes.change.sum().cast("int64"))


def running(
    changes: Iterable[Mapping[str, Any]], since: dt.date, until: dt.date
) -> dict[tuple[int, int], list[int]]:
    """(group, window) → the number of active ones on each day from ``since`` to ``until``; from ``active_changes``."""
    by_day: dict[tuple[int, int], dict[dt.date, int]] = defaultdict(lambda: defaultdict(int))
    for row in changes:
        by_day[row["grp"], row["window"]][row["day"]] += row["change"]
    found = {}
    for key, moves in by_day.items():
        level = sum(change for day, change in moves.items() if day < since)
        line = []
        for number in range((until - since).days + 1):
            level += moves.get(since + number * _DAY, 0)
            line.append(level)
        found[key] = line
    return found


def summed(
    sums: Iterable[tuple[int, dt.date, int]], window: int, since: dt.date, until: dt.date
) -> dict[int, list[int]]:
    """Group → the sum over the window that ends with each day, from (group, day, sum) of single days."""
    by_day: dict[int, dict[dt.date, int]] = defaultdict(dict)
    for group, day, total in sums:
        by_day[group][day] = total
    return {
        group: [
            sum(days.get(since + (number - back) * _DAY, 0) for back in range(window))
            for number in range((until - since).days + 1)
        ]
        for group, days in by_day.items()
    }


def sticky(
    daily: Sequence[int],
    monthly: Sequence[int],
    first: dt.date,
    working: frozenset[dt.date],
    *,
    window: int = 28,
) -> list[float | None]:
    """Mean daily users of the working days of each window of 28 days ÷ its users; None without either.

    ``daily`` begins ``window - 1`` days before ``monthly``, on ``first``. The same figure as the metric ``stickiness``.
    """
    found: list[float | None] = []
    for number, users in enumerate(monthly):
        days = [(daily[number + at], first + (number + at) * _DAY) for at in range(window)]
        worked = [count for count, day in days if day in working]
        found.append(sum(worked) / len(worked) / users if worked and users else None)
    return found
