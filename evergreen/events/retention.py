"""Raw events older than the vendor keeps them leave the lake by whole days, never before they are rolled up.

Daily figures, snapshots and scores stay, and so do the hashes of message ids: what is sent again adds nothing.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.base import env
from evergreen.events import arrivals, store
from evergreen.events.warehouses.named import event_store

if TYPE_CHECKING:
    import duckdb

# Days removed in one transaction.
_DAYS_AT_ONCE = 30

# Known days before a day whose roll-up does not hold all that arrived.
_STALE = """
SELECT known_on FROM (SELECT known_on, count(*) AS arrivals FROM lake.arrivals WHERE known_on < ? GROUP BY known_on) AS told
LEFT JOIN lake.rolled USING (known_on) WHERE told.arrivals <> coalesce(rolled.arrivals, 0)
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
    through = None
    with arrivals.appending(home), store.transaction(con, home):
        held = event_store(home).days_held(con, before)
        waiting = {day for (day,) in con.execute(_STALE, [before]).fetchall()}
        ripe = {day: held[day] for day in sorted(held.keys() - waiting)[:_DAYS_AT_ONCE]}
        if ripe:
            through = event_store(home).retire(con, ripe)
            con.executemany(
                "INSERT INTO lake.retired_days VALUES (?, ?, ?, ?)",
                [[day, moment, events, through] for day, events in ripe.items()],
            )
    if through is not None:
        with arrivals.appending(home):
            event_store(home).tidy(con)
    return ripe


def let_go(con: duckdb.DuckDBPyConnection, days: list[dt.date]) -> None:
    """Let go of what arrived late for retired days and was rolled up, within the caller's transaction."""
    through = event_store().retire(con, days)
    if through is not None:
        con.executemany(
            "UPDATE lake.retired_days SET batch = ? WHERE known_on = ?", [[through, day] for day in days]
        )


def retired_through(con: duckdb.DuckDBPyConnection) -> dict[dt.date, int]:
    """Of retired days whose events lie in another store: the newest batch that went with them."""
    sql = "SELECT known_on, max(batch) FROM lake.retired_days WHERE batch IS NOT NULL GROUP BY known_on"
    return dict(con.execute(sql).fetchall())


def retired_days(con: duckdb.DuckDBPyConnection) -> set[dt.date]:
    """Known days whose raw events are not all there any more."""
    return {day for (day,) in con.execute("SELECT DISTINCT known_on FROM lake.retired_days").fetchall()}
