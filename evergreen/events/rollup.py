"""The daily roll-up: the raw events of each stale known day become usage rows, once, in one transaction a portion.

A night's cost is the new day: a known day is read again only when rows arrived for it since, or when a
matcher of features changed (``mark_stale``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from evergreen.base import env
from evergreen.events import arrivals, firsts, retention, rolling, spans, store
from evergreen.events.features import Matchers
from evergreen.events.warehouses.backends import Backend, DuckDB
from evergreen.events.warehouses.named import event_store

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir

PORTION_ROWS = 1_000_000
# What is counted of a portion, in whichever engine holds the events.
_COUNTED = ("portion", "portion_sorts", "portion_answers", "portion_online", "portion_facts")
_TABLES = ("usage", "first_uses", "first_features", "account_days", "answers", "facts", "rolled")


@dataclass(frozen=True, slots=True)
class Stale:
    """A known day whose roll-up does not hold all of its arrivals."""

    day: dt.date
    arrivals: int
    rows: int


def stale_days(con: duckdb.DuckDBPyConnection, until: dt.date) -> list[Stale]:
    """Known days up to ``until`` whose arrivals are not all rolled up, oldest first."""
    rows = con.execute(
        """
        SELECT known_on, n, total FROM (
            SELECT known_on, count(*) AS n, sum(rows)::BIGINT AS total FROM lake.arrivals WHERE known_on <= ? GROUP BY known_on
        ) LEFT JOIN lake.rolled USING (known_on) WHERE n <> coalesce(rolled.arrivals, 0) ORDER BY known_on
        """,
        [until],
    ).fetchall()
    return [Stale(*row) for row in rows]


def mark_stale(con: duckdb.DuckDBPyConnection, since: dt.date) -> None:
    """Have every known day from ``since`` on rolled up again (matchers of features changed)."""
    con.execute("DELETE FROM lake.rolled WHERE known_on >= ?", [since])


def roll_up(
    con: duckdb.DuckDBPyConnection, until: dt.date, *, progress: Callable[[int, int], None] | None = None
) -> list[dt.date]:
    """Bring the roll-up of every known day up to ``until`` in step with its events; returns the days done again."""
    stale = stale_days(con, until)
    matchers = Matchers.load()
    retired = retention.retired_days(con)
    event_store().publish()
    done = 0
    for portion in _portions(stale, retired):
        _roll_portion(con, portion, matchers, is_retired=portion[0].day in retired)
        done += len(portion)
        if progress:
            progress(done, len(stale))
    return [entry.day for entry in stale]


def _portions(stale: list[Stale], retired: set[dt.date]) -> Iterator[list[Stale]]:
    """Days that are rolled up together; a retired day alone."""
    portion: list[Stale] = []
    rows = 0
    for entry in stale:
        apart = entry.day in retired or (portion and portion[-1].day in retired)
        if portion and (apart or rows + entry.rows > PORTION_ROWS):
            yield portion
            portion, rows = [], 0
        portion.append(entry)
        rows += entry.rows
    if portion:
        yield portion


def _roll_portion(
    con: duckdb.DuckDBPyConnection, portion: list[Stale], matchers: Matchers, *, is_retired: bool
) -> None:
    """Count a portion's events, then put its rows in place in one transaction.

    The counting stands outside, so that the mover waits for the writing only. Rows that arrive in between are counted
    but not marked as held, so the day is stale still and done again; what was erased in between is counted anew.

    Of a retired day only what arrived since is there: it is added to the day's roll-up and leaves the lake with that,
    counted and removed while nobody may append.
    """
    if is_retired:
        with arrivals.appending(env.home()), store.transaction(con):
            _count(con, portion, matchers)
            _put(con, portion, adds=True)
            retention.let_go(con, [portion[0].day])
        return
    while True:
        erasures = _erasures(con)
        _count(con, portion, matchers)
        with store.transaction(con):
            if _erasures(con) == erasures:
                _put(con, portion, adds=False)
                return


def _erasures(con: duckdb.DuckDBPyConnection) -> int:
    return int(store.scalar(con, "SELECT count(*) FROM lake.erasures") or 0)


def _count(con: duckdb.DuckDBPyConnection, portion: list[Stale], matchers: Matchers) -> None:
    """Make the temporary tables of what a portion's events say."""
    raw = event_store()
    backend = raw.backend(con)
    days = [entry.day for entry in portion]
    count(backend, raw.events(backend, retention.retired_through(con), days), matchers)
    if backend.dialect != "duckdb":
        # Counted there, it comes home by the row a person, day and sort; the book puts it in place in one transaction.
        home = DuckDB(con)
        for name in _COUNTED:
            home.put(name, backend.fetch(backend.table(name)))
        backend.forget(*_COUNTED)


def count(backend: Backend, events: ir.Table, matchers: Matchers) -> None:
    """Keep in an engine what events say, under the names ``_COUNTED``."""
    has_spans = backend.fetch(spans.some(events)).num_rows > 0
    said = _expressions(events.op(), matchers.properties, has_spans)
    sorts = _sorts(backend.fetch(said.sorts), matchers)
    backend.put("portion_sorts", sorts)
    # Over a table that is bound to no connection where that does, so that it is compiled once a process.
    is_home = backend.dialect == "duckdb"
    numbered = ibis.table(_SORTS, name="portion_sorts") if is_home else backend.table("portion_sorts")
    backend.keep("portion", rolling.counted(said.used, numbered))
    backend.keep("portion_answers", said.answers)
    backend.keep("portion_online", said.online)
    backend.keep("portion_facts", said.told)


@dataclass(frozen=True, slots=True)
class _Said:
    """What is asked of a portion's events."""

    used: ir.Table
    sorts: ir.Table
    answers: ir.Table
    online: ir.Table
    told: ir.Table


@lru_cache(maxsize=8)
def _expressions(events: Any, asked: tuple[str, ...], has_spans: bool) -> _Said:
    """The expressions over a table of events (its operation): to build them takes longer than to count a quiet day."""
    table = events.to_expr()
    used = rolling.used(table, asked, has_spans=has_spans)
    sorts = used.select(*rolling.SORT).distinct()
    return _Said(used, sorts, rolling.answers(table), rolling.online(table), rolling.told(table))


def _put(con: duckdb.DuckDBPyConnection, portion: list[Stale], *, adds: bool) -> None:
    """Put the counted rows in place, instead of the days' old ones or (``adds``) beside them."""
    days = [entry.day for entry in portion]
    listed = _listed(days)
    if adds:
        con.execute(_ONLINE_BEFORE, [days[0]])
    else:
        firsts.keep_before(con, listed)
    for table in ("rolled", "account_days") if adds else _TABLES:
        con.execute(f"DELETE FROM lake.{table} WHERE known_on IN ({listed})")
    con.execute(_USAGE)
    if adds:
        con.execute(_ACCOUNT_DAYS_OF_USAGE, [days[0]])
    else:
        con.execute(_ACCOUNT_DAYS)
    firsts.put(con, days[0], listed, adds=adds)
    con.execute("INSERT INTO lake.answers BY NAME SELECT * FROM portion_answers")
    con.execute("INSERT INTO lake.facts BY NAME SELECT * FROM portion_facts")
    con.register(
        "rolled_now", pa.table({"known_on": days, "arrivals": [entry.arrivals for entry in portion]})
    )
    con.execute("INSERT INTO lake.rolled SELECT known_on, arrivals FROM rolled_now")
    con.unregister("rolled_now")


def _listed(days: list[dt.date]) -> str:
    return ", ".join(f"DATE '{day}'" for day in days)


_SORTS = ibis.schema({"sort": "int32", **dict.fromkeys(rolling.SORT, "string"), "matched": "string"})


def _sorts(found: pa.Table, matchers: Matchers) -> pa.Table:
    """Each distinct (source, tenant, kind, name, feature named by the event, probe) with a number and its feature.

    Grouping millions of rows by one number instead of these texts takes a third of the time (measured).
    """
    matched = [matchers.feature(row["name"], row["feature"], row["probe"]) for row in found.to_pylist()]
    return pa.table(
        {
            "sort": pa.array(range(found.num_rows), pa.int32()),
            **{name: found[name].cast(pa.string()) for name in rolling.SORT},
            "matched": pa.array(matched, pa.string()),
        }
    )


_USAGE = """
INSERT INTO lake.usage BY NAME
SELECT account_id, tenant, source, end_user, day, known_on, kind, name AS event, matched AS feature, uses AS count, seconds
FROM portion JOIN portion_sorts USING (sort)
"""

_ACCOUNT_DAYS = """
INSERT INTO lake.account_days BY NAME
WITH person_days AS (
    SELECT account_id, tenant, source, end_user, day, known_on, sum(uses) AS uses, sum(seconds) AS seconds
    FROM portion JOIN portion_sorts USING (sort) GROUP BY ALL
)
SELECT days.*, coalesce(sessions, 0) AS sessions, coalesce(online_seconds, 0) AS online_seconds FROM (
    SELECT account_id, tenant, day, known_on, count(end_user) AS users, sum(uses)::BIGINT AS events, sum(seconds) AS seconds
    FROM person_days GROUP BY account_id, tenant, day, known_on
) AS days LEFT JOIN portion_online USING (account_id, tenant, day, known_on) ORDER BY account_id, day
"""

# What a retired day's sessions came to before, and those of what arrived since.
_ONLINE_BEFORE = """
CREATE OR REPLACE TEMP TABLE portion_online AS
SELECT account_id, tenant, day, known_on, sum(sessions)::BIGINT AS sessions, sum(online_seconds) AS online_seconds FROM (
    SELECT * FROM portion_online UNION ALL BY NAME
    SELECT account_id, tenant, day, known_on, sessions, online_seconds FROM lake.account_days WHERE known_on = ?
) GROUP BY ALL
"""

# Of a retired day: from its whole roll-up, for people may have been counted before.
_ACCOUNT_DAYS_OF_USAGE = """
INSERT INTO lake.account_days BY NAME
WITH person_days AS (
    SELECT account_id, tenant, source, end_user, day, known_on, sum(count) AS uses, sum(seconds) AS seconds
    FROM lake.usage WHERE known_on = ? GROUP BY ALL
)
SELECT days.*, coalesce(sessions, 0) AS sessions, coalesce(online_seconds, 0) AS online_seconds FROM (
    SELECT account_id, tenant, day, known_on, count(end_user) AS users, sum(uses)::BIGINT AS events, sum(seconds) AS seconds
    FROM person_days GROUP BY account_id, tenant, day, known_on
) AS days LEFT JOIN portion_online USING (account_id, tenant, day, known_on) ORDER BY account_id, day
"""
