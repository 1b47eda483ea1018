"""Metrics of use on many days at once, from the daily roll-up: the definitions that ``compiling.usage_figures`` counts on one
day, by what comes into each window and what leaves it.

A day of use is in the windows of the days from ``lag`` after it (or from when it was known, if that was later) until
``days`` after that. Days are numbers from the first asked day on; what began before counts as beginning on it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis

from evergreen.events.warehouses import functions
from evergreen.metrics import compiling
from evergreen.metrics.across.levels import levels, moves, running
from evergreen.metrics.rules import WINDOW_DAYS, Metric, Usage

if TYPE_CHECKING:
    import ibis.expr.types as ir

_KEYS = ["account_id", "tenant"]
_PERSON = ["source", "end_user"]
_OF_PEOPLE = frozenset({"users", "user_days"})
_SUMMED = {"events": "count", "seconds": "seconds"}


@dataclass(frozen=True, slots=True)
class Tables:
    """What figures are made of: ``people`` and ``features`` (below); ``nights``, a row an asked day with ``asked``, ``at``
    and ``working_mask``; ``calendar`` (``levels.calendar``); ``working``, with ``at`` of every working day.
    """

    people: Any
    features: Any
    nights: Any
    calendar: Any
    working: Any


def window(usage: Any, flags: ir.Table, days: Sequence[dt.date]) -> Any:
    """The rows of the roll-up that figures of ``days`` (in order) read, with their features' flags: ``at`` is a row's day,
    ``known`` the day it became known, both as numbers.
    """
    first, last = days[0], days[-1]
    since = first - dt.timedelta(days=WINDOW_DAYS - 1)
    # Known days close by, for a device whose clock is ahead, as compiling.usage_window has them of one day.
    rows = usage.filter(
        usage.day.between(since, last), usage.known_on.between(since - dt.timedelta(days=2), last)
    )
    start = ibis.literal(first)
    return compiling.flagged(
        rows.mutate(at=rows.day.delta(start, unit="day"), known=rows.known_on.delta(start, unit="day")), flags
    )


def people(rows: Any, metrics: Sequence[Metric]) -> ir.Table:
    """One row an account, tenant, end user and day with use: since when that is known, in all and for each narrowing of a
    metric (``known_core``; null where it does not hold).
    """
    rows = rows.filter(rows.end_user.notnull())
    of_people = [of for of in map(_usage, metrics) if of.measure in _OF_PEOPLE]
    since = {_since(of): rows.known.min(where=compiling.inside(rows, of)) for of in of_people}
    return rows.group_by([*_KEYS, *_PERSON, "at"]).aggregate(**since)


def features(rows: Any, metrics: Sequence[Metric]) -> ir.Table:
    """One row an account, tenant, feature, day and known day: what was counted, in all and for each narrowing."""
    columns: dict[str, Any] = {}
    for of in map(_usage, metrics):
        inside = compiling.inside(rows, of)
        if of.measure in _SUMMED:
            columns[_sum(of)] = rows[_SUMMED[of.measure]].sum(where=inside).coalesce(0)
        elif of.measure not in _OF_PEOPLE:
            columns[_since(of)] = rows.known.min(where=inside)
    return rows.group_by([*_KEYS, "feature", "at", "known"]).aggregate(**columns)


def first_core_days(rows: Any, nights: Any) -> ir.Table:
    """End users' first days on core features as each asked day knew them, in the shape of ``compiling.people``.

    For those only who are new within the window of a snapshot: none of them used anything before it.
    """
    rows = rows.filter(rows.end_user.notnull(), rows.is_core)
    seen = rows.group_by([*_KEYS, *_PERSON, "known"]).aggregate(at=rows["at"].min())
    who = [seen[name] for name in (*_KEYS, *_PERSON)]
    earlier = ibis.window(group_by=who, order_by=seen.known, preceding=(None, 1))
    seen = seen.mutate(before=seen["at"].min().over(earlier))
    # A later day that was told of later says nothing new.
    first = seen.filter((seen["at"] < seen.before).coalesce(ibis.literal(True)))
    found = first.cross_join(nights.select("asked", today="at"))
    back = found.today - found["at"]
    found = found.filter(found.known <= found.today, back.between(0, WINDOW_DAYS - 1))
    return found.select(*_KEYS, *_PERSON, "asked", mask_core=compiling.bit(found.today - found["at"]))


def tenants(tables: Tables) -> ir.Table:
    """The tenants of accounts with any use in the window of each asked day: ``account_id, tenant, asked``."""
    rows = tables.features.filter(tables.features.tenant != "")
    rows = rows.group_by([*_KEYS, "at"]).aggregate(since=rows.known.min(), by=ibis.literal(1, "int64"))
    return levels(_moved(rows, _KEYS, Usage("days", WINDOW_DAYS)), _KEYS, tables.calendar).drop("level")


def figures(
    tables: Tables, metrics: Sequence[Metric], *, by_tenant: bool
) -> list[tuple[list[Metric], ir.Table]]:
    """Usage metrics of each account (or tenant) and asked day that has any: tables, each with which of them it holds.

    Whole numbers are added up as such, so that they are those of one day bit for bit.
    """
    keys = _KEYS if by_tenant else ["account_id"]
    reported = [metric for metric in metrics if _usage(metric).measure == "seconds"]
    counted = [metric for metric in metrics if metric not in reported]
    parts, changes = [], []
    for number, metric in enumerate(counted):
        of, place = _usage(metric), ibis.literal(number, "int64")
        if of.per_week:
            parts.append(_regular(tables, of, keys).mutate(number=place))
        else:
            changes.append(_changes(tables, of, keys).mutate(number=place))
    if changes:
        parts.append(levels(_all(changes), [*keys, "number"], tables.calendar))
    found = [(counted, _wide(_all(parts), counted, keys))] if counted else []
    if reported:
        seconds = [
            _seconds(tables, _usage(metric), keys).mutate(number=ibis.literal(number, "int64"))
            for number, metric in enumerate(reported)
        ]
        found.append((reported, _wide(_all(seconds), reported, keys)))
    return found


def _wide(rows: Any, metrics: Sequence[Metric], keys: list[str]) -> ir.Table:
    """A column a metric of rows ``keys, asked, number, level``."""
    columns = {m.key: rows.level.sum(where=rows.number == number) for number, m in enumerate(metrics)}
    return rows.group_by([*keys, "asked"]).aggregate(**columns)


def _all(tables: Sequence[Any]) -> Any:
    """Tables of the same columns, one after another."""
    columns = sorted(tables[0].columns)
    return ibis.union(*(one.select(columns) for one in tables)) if len(tables) > 1 else tables[0]


def _usage(metric: Metric) -> Usage:
    assert isinstance(metric.of, Usage)
    return metric.of


def _since(of: Usage) -> str:
    return f"known_{compiling.narrowing(of)}" if compiling.narrowing(of) else "known_any"


def _sum(of: Usage) -> str:
    return f"{of.measure}_{compiling.narrowing(of)}"


def _moved(rows: Any, keys: Sequence[str], of: Usage) -> Any:
    """How rows that count ``by`` on the day ``at``, known ``since``, move the windows that they come into."""
    begins = ibis.greatest(rows["at"] + of.lag, rows.since, ibis.literal(0, "int64"))
    rows = rows.mutate(begins=begins, ends=rows["at"] + of.lag + of.days)
    rows = rows.filter(rows.begins < rows.ends)
    return moves(rows, keys, rows.begins, rows.ends, rows.by)


def _used(table: Any, keys: Sequence[str], of: Usage) -> Any:
    """One row a day with use that the metric counts, for ``_moved``; since when it is known."""
    rows = table.group_by([*keys, "at"]).aggregate(since=table[_since(of)].min())
    return rows.filter(rows.since.notnull()).mutate(by=ibis.literal(1, "int64"))


def _changes(tables: Tables, of: Usage, keys: list[str]) -> Any:
    """By how much a metric changes on which day: ``keys, at, change``."""
    if of.measure == "events":
        return _moved(_added(tables, of, keys, "int64"), keys, of)
    if of.measure == "days":
        return _moved(_used(tables.features, keys, of), keys, of)
    if of.measure == "user_days":
        used = _used(tables.people, [*keys, *_PERSON], of).semi_join(tables.working, "at")
        return _moved(used, keys, of)
    table, each = tables.people, _PERSON
    if of.measure == "features":
        table, each = tables.features.filter(tables.features.feature.notnull()), ["feature"]
    steps: Any = running(_moved(_used(table, [*keys, *each], of), [*keys, *each], of), [*keys, *each])
    # One more as the first day of use comes into the window, one less as the last one leaves it.
    before = steps.level - steps.change
    became = (steps.level > 0).cast("int64") - (before > 0).cast("int64")
    steps = steps.select(*keys, "at", change=became)
    return steps.filter(steps.change != 0)


def _regular(tables: Tables, of: Usage, keys: list[str]) -> Any:
    """End users who used it on enough working days: counted by how many, and added up where that is enough on the day."""
    who = [*keys, *_PERSON]
    used = _used(tables.people, who, of).semi_join(tables.working, "at")
    steps: Any = running(_moved(used, who, of), who)
    before = steps.level - steps.change
    left = steps.select(*keys, "at", reached=before, change=ibis.literal(-1, "int64"))
    came = steps.select(*keys, "at", reached=steps.level, change=ibis.literal(1, "int64"))
    both = left.union(came)
    counted = levels(both.filter(both.reached > 0), [*keys, "reached"], tables.calendar)
    days = tables.nights.select("asked", "working_mask")
    joined: Any = counted.inner_join(days, "asked")
    working = functions.bit_count(joined.working_mask & compiling.window_bits(of.days, of.lag))
    return joined.filter(compiling.is_regular(joined.reached, of, working)).select(*keys, "asked", "level")


def _seconds(tables: Tables, of: Usage, keys: list[str]) -> Any:
    """Sums of fractions, added up for each day by itself: what is added and taken away again would leave a rest."""
    rows = _added(tables, of, keys, "float64").cross_join(tables.nights.select("asked", today="at"))
    since = rows["at"] + of.lag
    inside = rows.filter(rows.today.between(since, since + of.days - 1), rows.since <= rows.today)
    return inside.group_by([*keys, "asked"]).aggregate(level=inside.by.sum())


def _added(tables: Tables, of: Usage, keys: Iterable[str], kind: str) -> Any:
    """What was counted by day and known day, for ``_moved``."""
    table = tables.features
    rows = table.group_by([*keys, "at", "known"]).aggregate(by=table[_sum(of)].sum().cast(kind))
    return rows.filter(rows.by != 0).rename(since="known")
