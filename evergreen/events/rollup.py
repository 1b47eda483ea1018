"""The daily roll-up: the raw events of each stale known day become usage rows, once, in one transaction a portion.

A night's cost is the new day: a known day is read again only when rows arrived for it since, or when a
matcher of features changed (``mark_stale``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from evergreen.base import env
from evergreen.events import arrivals, facts, firsts, retention, sessions, spans, store
from evergreen.events.features import Matchers

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir

# Kinds of events that mean somebody used the product; the rest say something about people, accounts or us.
USE_KINDS = ("track", "page", "screen", "usage")
PORTION_ROWS = 1_000_000
# What tells events of one person and day apart; the last two may be null.
_SORT = ("source", "tenant", "kind", "name", "feature", "probe")
_READ = ("account_id", "end_user", "day", "known_on", "count", "seconds", "properties", *_SORT[:-1])
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
    days = [entry.day for entry in portion]
    backend = ibis.duckdb.from_connection(con)
    events = backend.table("events", database="lake.main").filter(lambda t: t.known_on.isin(days))
    used = _used(events, matchers, has_spans=spans.any_on(con, _listed(days)))
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW portion_events AS SELECT * FROM lake.events WHERE known_on IN ({_listed(days)})"
    )
    for table, sql in _of_portion().items():
        con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {sql}")
    con.register("portion_sorts_now", _sorts(con, used, matchers))
    con.execute("CREATE OR REPLACE TEMP TABLE portion_sorts AS SELECT * FROM portion_sorts_now")
    con.unregister("portion_sorts_now")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE portion AS {_sql(_counted(used, backend.table('portion_sorts')))}"
    )


@cache
def _of_portion() -> dict[str, str]:
    """The tables made of a portion's events as they are, each with its query; compiled once a process."""
    fields = {field.name: field.type for field in arrivals.EVENT_SCHEMA}
    kinds = pa.schema({**fields, "day": pa.date32(), "known_on": pa.date32()})
    events = ibis.table(ibis.Schema.from_pyarrow(kinds), name="portion_events")
    return {
        "portion_online": _sql(online(events)),
        "portion_facts": _sql(facts.told(events)),
        "portion_answers": _sql(_answers(events)),
    }


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
        con.execute(f"DELETE FROM lake.events WHERE known_on IN ({listed})")
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


def _sql(expression: ir.Table) -> str:
    return str(ibis.to_sql(expression, dialect="duckdb"))


def _used(events: Any, matchers: Matchers, *, has_spans: bool) -> ir.Table:
    """The events that mean use of an account: a row counts when its count is above 0. Of use that was counted before, a
    row a person and day (``spans``).

    ``probe`` holds what property matchers ask of an event, as a JSON list in the order of ``matchers.properties``;
    null while no matcher asks for a property.
    """
    of_accounts = _of_accounts(events, USE_KINDS)
    used = of_accounts.filter(of_accounts["count"] > 0)
    if has_spans:
        used = used.filter(~spans.is_span(used))
        counted = spans.spread(of_accounts.filter(spans.is_span(of_accounts)))
        used = used.select(*_READ)
        used = ibis.union(used, counted.select(*_READ).cast(used.schema()))
    return used.mutate(probe=_probe(used, matchers))


def _of_accounts(events: Any, kinds: tuple[str, ...]) -> Any:
    """Events of some kinds and of known accounts."""
    return _without_facts(events).filter(events.account_id.notnull(), events.kind.isin(kinds))


def _without_facts(events: Any) -> Any:
    """Facts are no use."""
    return events.filter(~events.name.isin(facts.NAMES))


def online(events: Any) -> ir.Table:
    """Sessions by account and day; of moments only, for a pre-counted row knows only its day."""
    return sessions.online(sessions.moments(_without_facts(events)))


def _probe(used: Any, matchers: Matchers) -> Any:
    if not matchers.properties:
        return ibis.null("string")
    said = used.properties.cast("json")
    parts = [said[name].cast("string").coalesce("null") for name in matchers.properties]
    joined = ibis.literal("[") + parts[0]
    for part in parts[1:]:
        joined = joined + ibis.literal(",") + part
    return joined + ibis.literal("]")


def _sorts(con: duckdb.DuckDBPyConnection, used: ir.Table, matchers: Matchers) -> pa.Table:
    """Each distinct (source, tenant, kind, name, feature named by the event, probe) with a number and its feature.

    Grouping millions of rows by one number instead of these texts takes a third of the time (measured).
    """
    rows = con.execute(_sql(used.select(*_SORT).distinct())).fetchall()
    columns = dict(zip(_SORT, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(_SORT, ())
    found = [matchers.feature(row[_SORT.index("name")], row[_SORT.index("feature")], row[-1]) for row in rows]
    return pa.table(
        {
            "sort": pa.array(range(len(rows)), pa.int32()),
            **{name: pa.array(values, pa.string()) for name, values in columns.items()},
            "matched": pa.array(found, pa.string()),
        }
    )


def _counted(used: Any, sorts: Any) -> ir.Table:
    """Uses counted by account, end user, day and sort."""
    rows = used.select("account_id", "end_user", "day", "known_on", "count", "seconds", *_SORT)
    # A feature or probe may be null on both sides; the others never are.
    same = [rows[name] == sorts[name] for name in _SORT[:4]] + [
        rows[n].identical_to(sorts[n]) for n in _SORT[4:]
    ]
    joined = rows.join(sorts, same, rname="{name}_of_sort")
    return joined.group_by(["account_id", "end_user", "day", "known_on", "sort"]).aggregate(
        uses=joined["count"].sum().cast("int64"), seconds=joined.seconds.sum().coalesce(0.0)
    )


def _answers(events: ir.Table) -> ir.Table:
    """Survey answers with their kind, contact and score; answers without a number are left out."""
    answered: Any = events.filter(events.account_id.notnull(), events.name == "survey.answered")
    said = answered.properties.cast("json")
    answered = answered.mutate(
        survey=said["kind"].unwrap_as("string"),
        contact=said["contact"].unwrap_as("string"),
        score=said["score"].cast("string").try_cast("float64"),
    )
    return answered.filter(answered.score.notnull(), answered.survey.notnull()).select(
        "account_id", "tenant", kind="survey", contact="contact", score="score", occurred_at="occurred_at", day="day",
        known_on="known_on",
    )  # fmt: skip


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
