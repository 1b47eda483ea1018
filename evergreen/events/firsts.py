"""What was first seen when: end users (``lake.first_uses``) and features (``lake.first_features``) of each account.

A row stands wherever a known day told of an earlier day than all known days before it, so that the earliest day as known
at any time is the least of the rows known by then. Rows that say nothing new are harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

    import duckdb


@dataclass(frozen=True, slots=True)
class _First:
    """A table of firsts: what is seen for the first time, by columns of the portion and of ``lake.usage``."""

    table: str
    keys: str
    portion: str
    usage: str


_FIRSTS = (
    _First(
        "first_uses",
        "account_id, tenant, source, end_user",
        "SELECT account_id, tenant, source, end_user, day, known_on FROM portion JOIN portion_sorts USING (sort)"
        " WHERE end_user IS NOT NULL",
        "SELECT account_id, tenant, source, end_user, day, known_on FROM lake.usage WHERE end_user IS NOT NULL",
    ),
    _First(
        "first_features",
        "account_id, tenant, feature",
        "SELECT account_id, tenant, matched AS feature, day, known_on FROM portion JOIN portion_sorts USING (sort)"
        " WHERE matched IS NOT NULL",
        "SELECT account_id, tenant, feature, day, known_on FROM lake.usage WHERE feature IS NOT NULL",
    ),
)

# The least (known day, day) of each key as one number; only where a later known day told of an earlier day the rows
# of the key are looked at one by one.
_SEEN = """
CREATE OR REPLACE TEMP TABLE first_seen AS
WITH seen AS ({seen}), least AS (
    SELECT {keys}, min((known_on - DATE '1970-01-01')::BIGINT * 10000000 + 1000000 + (day - DATE '1970-01-01')) AS code,
           min(day) AS least_day
    FROM seen GROUP BY ALL
), one AS (
    SELECT {keys}, DATE '1970-01-01' + (code // 10000000)::INTEGER AS known_on,
           DATE '1970-01-01' + (code % 10000000 - 1000000)::INTEGER AS day, least_day
    FROM least
), earlier AS (
    SELECT {keys}, known_on, min(day) AS day FROM seen SEMI JOIN (SELECT * FROM one WHERE least_day < day) USING ({keys})
    GROUP BY ALL
), all_rows AS (
    SELECT {keys}, day, known_on FROM one WHERE least_day = day
    UNION ALL BY NAME
    SELECT {keys}, day, known_on FROM earlier QUALIFY day < coalesce(
        min(day) OVER (PARTITION BY {keys} ORDER BY known_on ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        DATE '9999-12-31'
    )
)
SELECT * FROM all_rows
"""
_PUT = """
INSERT INTO lake.{table} BY NAME
SELECT first_seen.* FROM first_seen
LEFT JOIN (SELECT {keys}, min(day) AS old_day FROM lake.{table} WHERE known_on < ? GROUP BY ALL) USING ({keys})
WHERE old_day IS NULL OR day < old_day
"""
_LOST = """
CREATE OR REPLACE TEMP TABLE first_lost AS
SELECT DISTINCT {keys} FROM kept_{table} ANTI JOIN first_seen USING ({keys}, day, known_on)
"""


def keep_before(con: duckdb.DuckDBPyConnection, listed: str) -> None:
    """Remember the rows of known days (SQL, separated by commas) that are about to be replaced."""
    for first in _FIRSTS:
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE kept_{first.table} AS SELECT * FROM lake.{first.table} WHERE known_on IN ({listed})"
        )


def put(con: duckdb.DuckDBPyConnection, first_day: dt.date, listed: str, *, adds: bool) -> None:
    """Write the firsts of the portion; ``lake.usage`` holds it already.

    What a known day no longer tells of (its events went to another account, or to another feature) is looked for in
    the later days, which left it out because it was known.
    """
    for first in _FIRSTS:
        con.execute(_SEEN.format(seen=first.portion, keys=first.keys))
        con.execute(_PUT.format(table=first.table, keys=first.keys), [first_day])
        if adds:
            continue
        con.execute(_LOST.format(table=first.table, keys=first.keys))
        if con.execute("SELECT 1 FROM first_lost LIMIT 1").fetchone() is None:
            continue
        later = f"{first.usage} AND known_on >= ? AND known_on NOT IN ({listed})"
        seen = f"SELECT * FROM ({later}) SEMI JOIN first_lost USING ({first.keys})"
        con.execute(_SEEN.format(seen=seen, keys=first.keys), [first_day])
        con.execute(_PUT.format(table=first.table, keys=first.keys), [first_day])
