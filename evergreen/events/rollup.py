"""The daily roll-up: the raw events of each stale known day become usage rows, once, in one transaction a portion.

A night's cost is the new day: a known day is read again only when rows arrived for it since, or when a matcher of
features changed (``mark_stale``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from evergreen.customers.models import Feature
from evergreen.events import store

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir

# Kinds of events that mean somebody used the product; the rest say something about people, accounts or us.
USE_KINDS = ("track", "page", "screen", "usage")
PORTION_ROWS = 2_000_000
_EXACT = pa.schema([("exact_name", pa.string()), ("exact_feature", pa.string())])
_TABLES = ("usage", "first_uses", "account_days", "answers", "rolled")


@dataclass(frozen=True, slots=True)
class Stale:
    """A known day whose roll-up does not hold all of its arrivals."""

    day: dt.date
    arrivals: int
    rows: int


@dataclass(frozen=True, slots=True)
class Matchers:
    """How events become features: exact names first, then patterns and properties in their order."""

    exact: dict[str, str]
    ordered: list[tuple[str, str, str | None, str | None]]  # feature, event pattern, property, value
    keys: list[str]

    @classmethod
    def load(cls) -> Matchers:
        exact: dict[str, str] = {}
        ordered: list[tuple[str, str, str | None, str | None]] = []
        keys = []
        for key, matchers in Feature.objects.order_by("pk").values_list("key", "matchers"):
            keys.append(key)
            for matcher in matchers:
                event, name = matcher.get("event", "*"), matcher.get("property")
                if name is None and not set(event) & set("*?"):
                    exact.setdefault(event, key)
                else:
                    ordered.append((key, event, name, matcher.get("value")))
        return cls(exact, ordered, keys)


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
    con.register("exact_matchers", pa.table({"exact_name": list(matchers.exact), "exact_feature": list(matchers.exact.values())}, schema=_EXACT))
    backend = ibis.duckdb.from_connection(con)
    exact = backend.table("exact_matchers")
    events = backend.table("events", database="lake.main").filter(lambda t: t.known_on.isin(days))
    con.execute(f"CREATE OR REPLACE TEMP TABLE portion AS {ibis.to_sql(_usage(events, exact, matchers), dialect='duckdb')}")
    con.execute("INSERT INTO lake.usage SELECT * FROM portion ORDER BY known_on, account_id")
    con.execute(_FIRST_USES, [days[0]])
    con.execute(_ACCOUNT_DAYS)
    answers = ibis.to_sql(_answers(events), dialect="duckdb")
    con.execute(f"INSERT INTO lake.answers {answers}")
    con.register("rolled_now", pa.table({"known_on": days, "arrivals": [entry.arrivals for entry in portion]}))
    con.execute("INSERT INTO lake.rolled SELECT known_on, arrivals FROM rolled_now")
    con.unregister("rolled_now")
    con.execute("DROP TABLE portion")


def _usage(events: ir.Table, exact: ir.Table, matchers: Matchers) -> ir.Table:
    """Uses counted by account, tenant, end user, day, event and feature; a row counts when its count is above 0."""
    used = events.filter(events.account_id.notnull(), events.kind.isin(USE_KINDS), events["count"] > 0)
    person: Any = ibis.ifelse(used.end_user.notnull(), used.source + ibis.literal("\x1f") + used.end_user, ibis.null("string"))
    used = used.mutate(person=person, hint=_feature(used, matchers))
    counted = used.group_by(
        ["account_id", "tenant", "person", "day", "known_on", "kind", "name", "hint"]
    ).aggregate(uses=used["count"].sum().cast("int64"), seconds=used.seconds.sum().coalesce(0.0))
    if matchers.exact:
        joined = counted.left_join(exact, counted.name == exact.exact_name)
        counted = joined.mutate(hint=joined.exact_feature.coalesce(joined.hint))
    return counted.select(
        "account_id", "tenant", end_user="person", day="day", known_on="known_on", kind="kind", event="name",
        feature="hint", count="uses", seconds="seconds",
    )  # fmt: skip


def _feature(events: ir.Table, matchers: Matchers) -> Any:
    """The feature of each event by patterns and properties, else the one the event itself names, if it exists."""
    named: Any = ibis.ifelse(events.feature.isin(matchers.keys or [""]), events.feature, ibis.null("string"))
    branches = []
    for feature, pattern, name, value in matchers.ordered:
        fits: Any = ibis.literal(True) if pattern == "*" else events.name.like(_like(pattern))
        if name is not None:
            found: Any = events.properties.cast("json")[name].unwrap_as("string")
            fits = fits & (found == value)
        branches.append((fits, ibis.literal(feature)))
    return ibis.cases(*branches, else_=named) if branches else named


def _like(pattern: str) -> str:
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")


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


# A user seen on an earlier known day is no first use; equal rows of later days are harmless (counted distinct).
_FIRST_USES = """
INSERT INTO lake.first_uses
SELECT account_id, tenant, end_user, min(day), min(known_on) FROM portion
ANTI JOIN (SELECT DISTINCT account_id, tenant, end_user FROM lake.first_uses WHERE known_on < ?) AS seen
    USING (account_id, tenant, end_user)
WHERE end_user IS NOT NULL
GROUP BY account_id, tenant, end_user
"""

_ACCOUNT_DAYS = """
INSERT INTO lake.account_days
SELECT account_id, tenant, day, known_on, count(DISTINCT end_user), sum(count)::BIGINT, count(DISTINCT feature), sum(seconds)
FROM portion GROUP BY account_id, tenant, day, known_on ORDER BY account_id, day
"""
