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
    """Each figure in turn, fetched as Arrow."""
    asked = [dt.date.fromisoformat(week) for week in weeks]
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(vocabulary.OF_DUCKDB)
        con.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet('{path}')")
        con.register("weeks", calendar_of(asked, asked[0] - dt.timedelta(days=6)))
        backend: Any = ibis.duckdb.from_connection(con)
        events, calendar = backend.table("events"), backend.table("weeks")
        for name, made in _FIGURES.items():
            yield timed(name, partial(_fetched, con, made, events, calendar))


def _fetched(
    con: duckdb.DuckDBPyConnection, made: Callable[[Any, Any], Any], events: Any, calendar: Any
) -> Any:
    return con.execute(tables.compiled(made(events, calendar))).to_arrow_table()


def _dau(events: Any, _calendar: Any) -> Any:
    days = events.select("account_id", "end_user", "day").distinct()
    return days.group_by(["account_id", "day"]).aggregate(n=days.count())


def _active(events: Any, calendar: Any, key: str, windows: tuple[int, ...]) -> Any:
    """Distinct ones of ``key`` by account in each window that ends on an asked day."""
    days = events.select(key, "day", grp=events.account_id).distinct()
    changes = trends.active_changes(days, [key], windows)
    return levels(changes.mutate(at=_number(changes.day, calendar)), ["grp", "window"], calendar)


def _number(day: Any, calendar: Any) -> Any:
    """The number of a day, from the first asked one on."""
    return day.delta(calendar.asked.min().as_scalar(), unit="day")


def _wau_mau(events: Any, calendar: Any) -> Any:
    levels = _active(events, calendar, "end_user", (7, _MONTH))
    is_month = levels.window == _MONTH
    return levels.group_by(["grp", "asked"]).aggregate(
        wau=levels.level.sum(where=~is_month), n=levels.level.sum(where=is_month)
    )


def _breadth(events: Any, calendar: Any) -> Any:
    return _active(events, calendar, "name", (_MONTH,)).rename(n="level")


def _counts(events: Any, calendar: Any) -> Any:
    keys = ["account_id", "name"]
    days = events.group_by([*keys, "day"]).aggregate(uses=events["count"].sum().cast("int64"))
    days = days.mutate(at=_number(days.day, calendar))
    changes = moves(days, keys, days["at"], days["at"] + _MONTH, days.uses)
    return levels(changes, keys, calendar).rename(n="level")


def _first_seen(events: Any, _calendar: Any) -> Any:
    found = events.group_by(["account_id", "source", "end_user"]).aggregate(first=events.day.min())
    return found.mutate(n=1)


def _retention(events: Any, _calendar: Any) -> Any:
    starts = events.group_by(list(cohorts.USER)).aggregate(day=events.day.min())
    began = cohorts.members(starts, "week", dt.date(1970, 1, 1), dt.date(9999, 1, 1))
    back = cohorts.came_back(began, events, cohorts.USER, "week")
    return back.group_by(["cohort", "age"]).aggregate(n=back.count())


def _transitions(events: Any, _calendar: Any) -> Any:
    moments = tables.with_subject(events, "users").mutate(node=events.name)
    return paths.transitions(moments).rename(n="times")


_FIGURES: dict[str, Callable[[Any, Any], Any]] = {
    "dau": _dau,
    "wau_mau": _wau_mau,
    "breadth": _breadth,
    "counts_28d": _counts,
    "first_seen": _first_seen,
    "retention": _retention,
    "transitions": _transitions,
}
