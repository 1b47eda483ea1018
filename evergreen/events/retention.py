"""Raw events older than the vendor keeps them leave the lake by whole days, never before they are rolled up.

Daily figures, snapshots and scores stay, and so do the hashes of message ids: what is sent again adds nothing.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.base import env
from evergreen.events import arrivals, store

if TYPE_CHECKING:
    import duckdb

# Days removed in one transaction.
_DAYS_AT_ONCE = 30

# Known days before a day that still hold events, with how many; a day that is not wholly rolled up waits.
_RIPE = """
WITH told AS (SELECT known_on, count(*) AS arrivals FROM lake.arrivals WHERE known_on < $before GROUP BY known_on),
held AS (SELECT known_on, count(*)::BIGINT AS events FROM lake.events WHERE known_on < $before GROUP BY known_on)
SELECT held.known_on, held.events FROM held LEFT JOIN told USING (known_on) LEFT JOIN lake.rolled USING (known_on)
WHERE coalesce(told.arrivals, 0) = coalesce(rolled.arrivals, 0) ORDER BY known_on
"""


@dataclass(frozen=True, slots=True)
class Retired:
    """Days whose raw events were removed, how many these were, and rejected events removed with them."""

    days: int
    events: int
    rejected: int


def retire(
    con: duckdb.DuckDBPyConnection,
    *,
    keep_days: int,
    today: dt.date,
    now: dt.datetime,
    home: env.Home | None = None,
) -> Retired:
    """Remove raw events known more than ``keep_days`` days before ``today`` (0: they are kept for ever).

    ``con`` is a writer's connection. Safe to repeat; a day that is not rolled up yet is left to the next time.
    """
    if keep_days <= 0:
        return Retired(0, 0, 0)
    home = home or env.home()
    before = today - dt.timedelta(days=keep_days)
    days, events = 0, 0
    while ripe := store.persistently(lambda: _remove_days(con, before, now, home)):
        days, events = days + len(ripe), events + sum(ripe.values())
    with store.transaction(con, home):
        sql = "SELECT count(*) FROM lake.rejected_events WHERE received_at < ?"
        rejected = int(store.scalar(con, sql, before) or 0)
        if rejected:
            con.execute("DELETE FROM lake.rejected_events WHERE received_at < ?", [before])
    return Retired(days, events, rejected)


def _remove_days(
    con: duckdb.DuckDBPyConnection, before: dt.date, now: dt.datetime, home: env.Home
) -> dict[dt.date, int]:
    """Remove the oldest ripe days in one transaction; which, with their events."""
    moment = now.astimezone(dt.UTC).replace(tzinfo=None)
    with arrivals.appending(home), store.transaction(con, home):
        ripe = dict(con.execute(_RIPE, {"before": before}).fetchmany(_DAYS_AT_ONCE))
        if ripe:
            listed = ", ".join(f"DATE '{day}'" for day in ripe)
            # Whole partitions: their files leave the catalog without being read.
            con.execute(f"DELETE FROM lake.events WHERE known_on IN ({listed})")
            con.executemany(
                "INSERT INTO lake.retired_days VALUES (?, ?, ?)",
                [[day, moment, events] for day, events in ripe.items()],
            )
    return ripe


def retired_days(con: duckdb.DuckDBPyConnection) -> set[dt.date]:
    """Known days whose raw events are not all there any more."""
    return {day for (day,) in con.execute("SELECT DISTINCT known_on FROM lake.retired_days").fetchall()}
