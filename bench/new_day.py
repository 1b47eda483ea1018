"""The seven figures of ``bench figures`` for one new day from the roll-ups, and by hand for every week of all history."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bench.figures.by_hand import SQL, fetched
from bench.figures.told import timed
from bench.two_years import NEXT

_MONTH = dt.timedelta(days=27)
_WEEK = dt.timedelta(days=6)
# Of what the hand-written SQL tells of all history, what belongs to the new day; its last week ends on it.
_OF_THE_DAY = {
    "dau": "day = $day",
    "wau_mau": "week = $day",
    "breadth": "week = $day",
    "counts_28d": "week = $day",
    "first_seen": "first = $day",
    "retention": "cohort + (7 * age)::INTEGER = date_trunc('week', $day)::DATE",
}

Sums = dict[str, tuple[int, int]]


def by_hand(first: dt.date) -> tuple[float, float, Sums]:
    """Seconds (by the clock, of the processor) of the seven figures over all events, from the raw ones; rows and sums of the
    new day.
    """
    import django

    django.setup()
    from evergreen.events import store

    seconds = busy = 0.0
    sums: Sums = {}
    with store.session() as con:
        con.execute("CREATE TEMP VIEW e AS FROM lake.events")
        weeks = ", ".join(
            f"(DATE '{NEXT - dt.timedelta(days=days)}')" for days in range(0, (NEXT - first).days, 7)
        )
        con.execute(f"CREATE TEMP TABLE weeks AS SELECT * FROM (VALUES {weeks}) t(week)")
        for name, sql in SQL.items():
            if name == "transitions":
                # Told of two days and of the first of them alone, so that the second's are known.
                sums[name] = _apart(con, sql)
                con.execute("CREATE OR REPLACE TEMP VIEW e AS FROM lake.events")
            told = timed(name, partial(fetched, con, sql))
            seconds, busy = seconds + told.seconds, busy + told.busy
            if name in _OF_THE_DAY:
                mine = _OF_THE_DAY[name].replace("$day", f"DATE '{NEXT}'")
                rows = fetched(con, f"FROM ({sql}) WHERE {mine}")
                sums[name] = (rows.num_rows, int(pc.sum(rows["n"]).as_py() or 0))
    return seconds, busy, sums


def _apart(con: Any, sql: str) -> tuple[int, int]:
    found = []
    for since, until in ((NEXT - dt.timedelta(days=1), NEXT), (NEXT - dt.timedelta(days=1),) * 2):
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW e AS FROM lake.events WHERE day BETWEEN DATE '{since}' AND DATE '{until}'"
        )
        rows = fetched(con, sql).to_pylist()
        found.append({(row["before"], row["name"]): row["n"] for row in rows})
    both, before = found
    more = [times - before.get(pair, 0) for pair, times in both.items()]
    return sum(1 for one in more if one), sum(more)


def from_rollups() -> tuple[list[tuple[float, float]], Sums]:
    """Seconds of the seven figures of the new day, three times; rows and sums."""
    import django

    django.setup()
    from evergreen.events import store
    from evergreen.events.warehouses import vocabulary

    con = store.reading()
    con.execute(vocabulary.OF_DUCKDB)
    rounds, sums = [], {}
    for _ in range(3):
        began, busy = time.perf_counter(), time.process_time()
        for name, made in _FIGURES.items():
            rows = _executed(con, made())
            sums[name] = (rows.num_rows, int(pc.sum(rows["n"]).as_py() or 0))
        rounds.append((time.perf_counter() - began, time.process_time() - busy))
    return rounds, sums


def _executed(con: Any, expression: Any) -> pa.Table:
    from evergreen.metrics.analytics import tables

    found: pa.Table = con.execute(tables.compiled(expression)).to_arrow_table()
    return found


def _used(since: dt.date) -> Any:
    from evergreen.metrics.analytics import tables

    return tables.on_days(tables.USAGE, since, NEXT)


def _people(since: dt.date) -> Any:
    from evergreen.metrics.analytics import tables

    return tables.with_subject(_used(since), "users")


def _dau() -> Any:
    people = _people(NEXT)
    return people.group_by("account_id").aggregate(n=people.subject.nunique())


def _wau_mau() -> Any:
    people = _people(NEXT - _MONTH)
    newest = people.group_by(["account_id", "subject"]).aggregate(last=people.day.max())
    is_week = newest["last"] >= NEXT - _WEEK
    return newest.group_by("account_id").aggregate(wau=is_week.sum(), n=newest.count())


def _breadth() -> Any:
    used = _used(NEXT - _MONTH)
    return used.group_by("account_id").aggregate(n=used.event.nunique())


def _counts() -> Any:
    used = _used(NEXT - _MONTH)
    return used.group_by(["account_id", "event"]).aggregate(n=used["count"].sum().cast("int64"))


def _first_seen() -> Any:
    import ibis

    from evergreen.metrics.analytics import tables

    return tables.FIRST_USES.filter(tables.FIRST_USES.day == NEXT).mutate(n=ibis.literal(1))


def _retention() -> Any:
    from evergreen.metrics.analytics import cohorts, tables

    monday = cohorts.period_start(NEXT, "week")
    began = cohorts.members(tables.FIRST_USES, "week", dt.date(1970, 1, 1), NEXT)
    back = cohorts.came_back(began, _used(monday), cohorts.USER, "week")
    return back.group_by(["cohort", "age"]).aggregate(n=back.count())


def _transitions() -> Any:
    """Those of two days less those of the first alone: the sessions of the new day may have begun before midnight."""
    both, before = _followed(NEXT), _followed(NEXT - dt.timedelta(days=1))
    counted = both.union(before.mutate(times=-before.times))
    found = counted.group_by(["before", "next"]).aggregate(n=counted.times.sum().cast("int64"))
    return found.filter(found.n != 0)


def _followed(until: dt.date) -> Any:
    from bench.figures.ours import nodes_by_name
    from evergreen.events.sessions import moments
    from evergreen.events.warehouses.embedded import EVENTS
    from evergreen.metrics.analytics import paths, tables

    rows: Any = tables.on_days(moments(EVENTS), NEXT - dt.timedelta(days=1), NEXT)
    nodes = nodes_by_name(rows)
    rows = tables.with_subject(rows.filter(rows.day <= until), "users").inner_join(nodes, "name")
    found: Any = paths.transitions(rows)
    return found.rename(before="node")


_FIGURES: dict[str, Callable[[], Any]] = {
    "dau": _dau,
    "wau_mau": _wau_mau,
    "breadth": _breadth,
    "counts_28d": _counts,
    "first_seen": _first_seen,
    "retention": _retention,
    "transitions": _transitions,
}
