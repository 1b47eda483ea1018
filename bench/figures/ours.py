"""The seven figures by the product's own expressions, those that its pages compile."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import ibis

from bench.figures.told import Told, timed
from evergreen.events.warehouses import vocabulary
from evergreen.metrics.across.levels import calendar as calendar_of
from evergreen.metrics.across.levels import levels, moves
from evergreen.metrics.analytics import cohorts, paths, tables, trends

_MONTH = 28


def run(path: Path, weeks: list[str]) -> Iterator[Told]:
    """Each figure in turn, fetched as Arrow. What several read, the days of each end user and of each name, is counted once
    and kept, as the daily roll-up keeps it; the first of them is told with that.
    """
    asked = [dt.date.fromisoformat(week) for week in weeks]
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(vocabulary.OF_DUCKDB)
        con.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet('{path}')")
        con.register("weeks", calendar_of(asked, asked[0] - dt.timedelta(days=6)))
        backend: Any = ibis.duckdb.from_connection(con)
        for name, made in _FIGURES.items():
            yield timed(name, partial(_fetched, con, backend, made))


def _fetched(con: duckdb.DuckDBPyConnection, backend: Any, made: Callable[[Any], Any]) -> Any:
    name = _READS.get(made)
    if name and name not in backend.list_tables():
        con.execute(f"CREATE TEMP TABLE {name} AS {tables.compiled(_KEPT[name](backend.table('events')))}")
    return con.execute(tables.compiled(made(backend))).to_arrow_table()


def _person_days(events: Any) -> Any:
    rows = tables.with_subject(events, "users")
    return rows.select("account_id", "subject", "day").distinct()


def _name_days(events: Any) -> Any:
    return events.group_by(["account_id", "name", "day"]).aggregate(uses=events["count"].sum().cast("int64"))


def _dau(backend: Any) -> Any:
    days = backend.table("person_days")
    return days.group_by(["account_id", "day"]).aggregate(n=days.count())


def _active(backend: Any, kept: str, key: str, windows: tuple[int, ...]) -> Any:
    """Distinct ones of ``key`` by account in each window that ends on an asked day."""
    days, calendar = backend.table(kept), backend.table("weeks")
    changes = trends.active_changes(days.select(key, "day", grp=days.account_id), [key], windows)
    return levels(changes.mutate(at=_number(changes.day, calendar)), ["grp", "window"], calendar)


def _number(day: Any, calendar: Any) -> Any:
    """The number of a day, from the first asked one on."""
    return day.delta(calendar.asked.min().as_scalar(), unit="day")


def _wau_mau(backend: Any) -> Any:
    levels = _active(backend, "person_days", "subject", (7, _MONTH))
    is_month = levels.window == _MONTH
    return levels.group_by(["grp", "asked"]).aggregate(
        wau=levels.level.sum(where=~is_month), n=levels.level.sum(where=is_month)
    )


def _breadth(backend: Any) -> Any:
    return _active(backend, "name_days", "name", (_MONTH,)).rename(n="level")


def _counts(backend: Any) -> Any:
    days, calendar = backend.table("name_days"), backend.table("weeks")
    keys = ["account_id", "name"]
    days = days.mutate(at=_number(days.day, calendar))
    changes = moves(days, keys, days["at"], days["at"] + _MONTH, days.uses)
    return levels(changes, keys, calendar).rename(n="level")


def _first_seen(backend: Any) -> Any:
    days = backend.table("person_days")
    return days.group_by(["account_id", "subject"]).aggregate(first=days.day.min(), n=ibis.literal(1))


def _retention(backend: Any) -> Any:
    days, person = backend.table("person_days"), ("account_id", "subject")
    starts = days.group_by(list(person)).aggregate(day=days.day.min())
    began = cohorts.members(starts, "week", dt.date(1970, 1, 1), dt.date(9999, 1, 1))
    back = cohorts.came_back(began, days, person, "week")
    return back.group_by(["cohort", "age"]).aggregate(n=back.count())


def nodes_by_name(events: Any) -> Any:
    """Names of events by their numbers, ``name, node``, as a page's paths have them."""
    names = events.select("name").distinct()
    return names.mutate(node=ibis.row_number().over(order_by=names.name).cast("int32"))


def _transitions(backend: Any) -> Any:
    events = backend.table("events")
    numbers = nodes_by_name(events)
    numbered = tables.with_subject(events, "users").inner_join(numbers, "name")
    found: Any = paths.transitions(numbered)
    named = found.inner_join(numbers.rename(before="name"), "node")
    named = named.inner_join(numbers, named.next == numbers.node)
    return named.select("before", "name", n=named.times)


_KEPT = {"person_days": _person_days, "name_days": _name_days}
_FIGURES: dict[str, Callable[[Any], Any]] = {
    "dau": _dau,
    "wau_mau": _wau_mau,
    "breadth": _breadth,
    "counts_28d": _counts,
    "first_seen": _first_seen,
    "retention": _retention,
    "transitions": _transitions,
}
_READS: dict[Callable[[Any], Any], str] = {
    _dau: "person_days",
    _wau_mau: "person_days",
    _breadth: "name_days",
    _counts: "name_days",
    _first_seen: "person_days",
    _retention: "person_days",
}
