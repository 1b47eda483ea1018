"""The daily roll-up: the raw events of each stale known day become usage rows, once, in one transaction a portion.

A night's cost is the new day: a known day is read again only when rows arrived for it since, or when a
matcher of features changed (``mark_stale``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from evergreen.events import store
from evergreen.events.features import Matchers

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir

# Kinds of events that mean somebody used the product; the rest say something about people, accounts or us.
USE_KINDS = ("track", "page", "screen", "usage")
PORTION_ROWS = 2_000_000
_TABLES = ("usage", "first_uses", "account_days", "answers", "rolled")


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
    done = 0
    for portion in _portions(stale):
        with store.transaction(con):
            _roll_portion(con, portion, matchers)
        done += len(portion)
        if progress:
            progress(done, len(stale))
    return [entry.day for entry in stale]


def _portions(stale: list[Stale]) -> Iterator[list[Stale]]:
    portion: list[Stale] = []
    rows = 0
    for entry in stale:
        if portion and rows + entry.rows > PORTION_ROWS:
            yield portion
            portion, rows = [], 0
        portion.append(entry)
        rows += entry.rows
    if portion:
        yield portion


def _roll_portion(con: duckdb.DuckDBPyConnection, portion: list[Stale], matchers: Matchers) -> None:
    days = [entry.day for entry in portion]
    listed = ", ".join(f"DATE '{day}'" for day in days)
    for table in _TABLES:
        con.execute(f"DELETE FROM lake.{table} WHERE known_on IN ({listed})")
    backend = ibis.duckdb.from_connection(con)
    events = backend.table("events", database="lake.main").filter(lambda t: t.known_on.isin(days))
    con.execute(f"CREATE OR REPLACE TEMP TABLE portion AS {_sql(_used(events, matchers))}")
    con.register("portion_features", _features(con, matchers))
    con.execute(_USAGE)
    con.execute(_FIRST_USES, [days[0]])
    con.execute(_ACCOUNT_DAYS)
    con.execute(f"INSERT INTO lake.answers {_sql(_answers(events))}")
    con.register(
        "rolled_now", pa.table({"known_on": days, "arrivals": [entry.arrivals for entry in portion]})
    )
    con.execute("INSERT INTO lake.rolled SELECT known_on, arrivals FROM rolled_now")
    for name in ("rolled_now", "portion_features"):
        con.unregister(name)
    con.execute("DROP TABLE portion")


def _sql(expression: ir.Table) -> str:
    return str(ibis.to_sql(expression, dialect="duckdb"))


def _used(events: ir.Table, matchers: Matchers) -> ir.Table:
    """Uses counted by who, when and what; a row counts when its count is above 0.

    ``probe`` holds what property matchers ask of an event, as a JSON list in the order of ``matchers.properties``;
    null while no matcher asks for a property.
    """
    used: Any = events.filter(events.account_id.notnull(), events.kind.isin(USE_KINDS), events["count"] > 0)
    used = used.mutate(probe=_probe(used, matchers))
    keys = [
        "account_id",
        "tenant",
        "source",
        "end_user",
        "day",
        "known_on",
        "kind",
        "name",
        "feature",
        "probe",
    ]
    return used.group_by(keys).aggregate(
        uses=used["count"].sum().cast("int64"), seconds=used.seconds.sum().coalesce(0.0)
    )


def _probe(used: Any, matchers: Matchers) -> Any:
    if not matchers.properties:
        return ibis.null("string")
    said = used.properties.cast("json")
    parts = [said[name].cast("string").coalesce("null") for name in matchers.properties]
    joined = ibis.literal("[") + parts[0]
    for part in parts[1:]:
        joined = joined + ibis.literal(",") + part
    return joined + ibis.literal("]")


def _features(con: duckdb.DuckDBPyConnection, matchers: Matchers) -> pa.Table:
    """The feature of each distinct (name, feature named by the event, probe) of the portion."""
    rows = con.execute("SELECT DISTINCT name, feature, probe FROM portion").fetchall()
    found = [matchers.feature(name, hint, probe) for name, hint, probe in rows]
    names, hints, probes = zip(*rows, strict=True) if rows else ((), (), ())
    columns = {"name": names, "hint": hints, "probe": probes, "matched": found}
    return pa.table({key: pa.array(values, pa.string()) for key, values in columns.items()})


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
SELECT account_id, tenant, source, end_user, day, known_on, kind, portion.name AS event, matched AS feature,
       uses AS count, seconds
FROM portion JOIN portion_features AS f
    ON portion.name = f.name AND portion.feature IS NOT DISTINCT FROM f.hint AND portion.probe IS NOT DISTINCT FROM f.probe
ORDER BY known_on, account_id
"""

# A user seen on an earlier known day is no first use; equal rows of later days are harmless (counted distinct).
_FIRST_USES = """
INSERT INTO lake.first_uses BY NAME
SELECT account_id, tenant, source, end_user, min(day) AS day, min(known_on) AS known_on FROM portion
ANTI JOIN (SELECT DISTINCT account_id, tenant, source, end_user FROM lake.first_uses WHERE known_on < ?) AS seen
    USING (account_id, tenant, source, end_user)
WHERE end_user IS NOT NULL
GROUP BY account_id, tenant, source, end_user
"""

_ACCOUNT_DAYS = """
INSERT INTO lake.account_days BY NAME
WITH person_days AS (
    SELECT account_id, tenant, source, end_user, day, known_on, sum(uses) AS uses, sum(seconds) AS seconds
    FROM portion GROUP BY ALL
)
SELECT account_id, tenant, day, known_on, count(end_user) AS users, sum(uses)::BIGINT AS events, sum(seconds) AS seconds
FROM person_days GROUP BY account_id, tenant, day, known_on ORDER BY account_id, day
"""
