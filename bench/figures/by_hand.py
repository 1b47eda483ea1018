"""The seven figures as an analyst would write them in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from bench.figures.told import Told, timed

# Over a view ``e`` of the events and a table of ``week`` ends.
SQL = {
    "dau": """
SELECT account_id, day, count(DISTINCT end_user) AS n FROM e GROUP BY ALL
""",
    "wau_mau": """
WITH d AS (SELECT DISTINCT account_id, end_user, day FROM e)
SELECT account_id, week, count(DISTINCT end_user) FILTER (WHERE day > week - 7) AS wau, count(DISTINCT end_user) AS n
FROM d JOIN weeks ON day > week - 28 AND day <= week GROUP BY ALL
""",
    "breadth": """
WITH d AS (SELECT DISTINCT account_id, name, day FROM e)
SELECT account_id, week, count(DISTINCT name) AS n FROM d JOIN weeks ON day > week - 28 AND day <= week GROUP BY ALL
""",
    "counts_28d": """
WITH d AS (SELECT account_id, name, day, sum(count) AS c FROM e GROUP BY ALL)
SELECT account_id, name, week, sum(c)::BIGINT AS n FROM d JOIN weeks ON day > week - 28 AND day <= week GROUP BY ALL
""",
    "first_seen": """
SELECT account_id, end_user, min(day) AS first, 1 AS n FROM e GROUP BY account_id, end_user
""",
    "retention": """
WITH d AS (SELECT DISTINCT account_id, end_user, date_trunc('week', day)::DATE AS week FROM e),
     f AS (SELECT account_id, end_user, min(week) AS cohort FROM d GROUP BY ALL)
SELECT cohort, (week - cohort) // 7 AS age, count(*) AS n FROM d JOIN f USING (account_id, end_user) GROUP BY ALL
""",
    "transitions": """
WITH o AS (
    SELECT name, lag(name) OVER p AS before, occurred_at - lag(occurred_at) OVER p AS pause FROM e
    WINDOW p AS (PARTITION BY account_id, end_user ORDER BY occurred_at, name)
)
SELECT before, name, count(*) AS n FROM o WHERE pause <= INTERVAL 30 MINUTE GROUP BY ALL
""",
}


def run(path: Path, weeks: list[str]) -> Iterator[Told]:
    """Each figure in turn, fetched as Arrow."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"CREATE VIEW e AS SELECT * FROM read_parquet('{path}')")
        listed = ", ".join(f"(DATE '{week}')" for week in weeks)
        con.execute(f"CREATE TEMP TABLE weeks AS SELECT * FROM (VALUES {listed}) t(week)")
        for name, sql in SQL.items():
            yield timed(name, partial(fetched, con, sql))


def fetched(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    """The rows as Arrow."""
    return con.execute(sql).to_arrow_table()
