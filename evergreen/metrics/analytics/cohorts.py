"""Retention: who of those that began in a week or month came back in a later one. Ibis expressions over the daily roll-up."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

USER = ("account_id", "source", "end_user")


def period_start(day: dt.date, period: str) -> dt.date:
    """The Monday of a day's week, or the first of its month."""
    return day.replace(day=1) if period == "month" else day - dt.timedelta(days=day.weekday())


def next_period(start: dt.date, period: str) -> dt.date:
    """The start of the period after the one that begins on ``start``."""
    return period_start(start + dt.timedelta(days=31 if period == "month" else 7), period)


def _number(day: Any, period: str) -> Any:
    """Periods since an ancient one: a number that grows by one with each week or month."""
    if period == "month":
        return day.year().cast("int64") * 12 + day.month()
    monday = ibis.literal(dt.date(1969, 12, 29), "date")
    return day.delta(monday, unit="day").cast("int64") // 7


def members(starts: Any, period: str, since: dt.date, until: dt.date) -> ir.Table:
    """Who began from ``since`` to ``until``: the columns of ``starts`` with ``cohort``, the number of the period of ``day``."""
    kept = starts.filter(starts.day.between(since, until))
    return kept.mutate(cohort=_number(kept.day, period)).drop("day")


def came_back(members: Any, uses: Any, keys: tuple[str, ...], period: str) -> ir.Table:
    """Distinct members with the ages (periods after their own, from 0) in which they came: ``keys, cohort, age``.

    ``uses`` are rows with ``keys`` and ``day``.
    """
    seen = uses.select(*keys, period=_number(uses.day, period)).distinct()
    joined = members.inner_join(seen, list(keys))
    aged = joined.mutate(age=joined.period - joined.cohort)
    return aged.filter(aged.age >= 0).select(*keys, "cohort", "age")


def cohort_start(number: int, period: str) -> dt.date:
    """The first day of a numbered period."""
    if period == "month":
        return dt.date((number - 1) // 12, (number - 1) % 12 + 1, 1)
    return dt.date(1969, 12, 29) + dt.timedelta(days=7 * number)


def number_of(day: dt.date, period: str) -> int:
    """The number of the period in which a day lies."""
    if period == "month":
        return day.year * 12 + day.month
    return (day - dt.date(1969, 12, 29)).days // 7
