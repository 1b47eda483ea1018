"""What the lake holds of accounts that were merged: given to the account that stays, and given back by an undo.

The records say which accounts are merged, so this may be done again at any time: what arrives late under a merged
account follows too.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from evergreen.base import env
from evergreen.customers.models import Account, ExternalId, Tenant
from evergreen.events import arrivals, matching, retention, rolling, store
from evergreen.events.models import Unmerged
from evergreen.events.warehouses.named import event_store

if TYPE_CHECKING:
    import duckdb

# Tables of the roll-up that hold an account's own rows and can be added up again under another one. What was computed of
# it as a whole (snapshots, scores) stays as it was known then.
_MOVED = ("usage", "answers", "facts", "first_uses", "first_features")


def ask_back(merged: Account, into: Account, *, now: dt.datetime) -> None:
    """Have the lake give a merged account its events back, and look again at those that carry its keys."""
    Unmerged.objects.create(merged_id=merged.pk, into_id=into.pk, asked_at=now)
    keys = {merged.external_id}
    keys |= set(ExternalId.objects.filter(account=merged).values_list("value", flat=True))
    keys |= set(Tenant.objects.filter(account=merged).values_list("external_id", flat=True))
    matching.unsettle_keys(sorted(keys), now=now)


def follow_mergers(con: duckdb.DuckDBPyConnection, *, now: dt.datetime, home: env.Home | None = None) -> int:
    """Bring the lake in step with what was merged and unmerged; returns how many events went elsewhere.

    ``con`` is a writer's connection; one transaction for each direction. Figures per day of merged accounts are added
    up at once; days of an undo are rolled up again by the night.
    """
    home = home or env.home()
    return _give_back(con, home, now) + _merge(con, home)


def _merge(con: duckdb.DuckDBPyConnection, home: env.Home) -> int:
    pairs = _pairs(con)
    if not pairs.num_rows:
        return 0
    con.register("merged_pairs", pairs)
    try:
        with arrivals.appending(home), store.transaction(con, home):
            moved = event_store(home).merge(con, pairs)
            con.execute(_ONLINE)
            for table in _MOVED:
                con.execute(
                    f"UPDATE lake.{table} SET account_id = p.into_id FROM merged_pairs AS p "
                    f"WHERE lake.{table}.account_id = p.merged_id"
                )
            con.register("online_now", _online(con, pairs, home))
            con.execute(
                "CREATE OR REPLACE TEMP TABLE merged_online AS "
                "SELECT * FROM online_now UNION ALL BY NAME SELECT * FROM retired_online"
            )
            con.unregister("online_now")
            con.execute(
                "DELETE FROM lake.account_days WHERE account_id IN "
                "(SELECT merged_id FROM merged_pairs UNION ALL SELECT into_id FROM merged_pairs)"
            )
            con.execute(_ACCOUNT_DAYS)
    finally:
        con.unregister("merged_pairs")
    return moved


def _online(con: duckdb.DuckDBPyConnection, pairs: pa.Table, home: env.Home) -> pa.Table:
    """The sessions by day of the accounts that stay, once all events are theirs."""
    raw = event_store(home)
    backend = raw.backend(con)
    events: Any = raw.events(backend, retention.retired_through(con))
    staying = pairs["into_id"].unique().to_pylist()
    return backend.fetch(rolling.online(events.filter(events.account_id.isin(staying))))


def _pairs(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """(merged, into) of merged accounts that the lake still holds rows of."""
    merged = dict(Account.everything.filter(merged_into__isnull=False).values_list("pk", "merged_into"))
    columns = {
        "merged_id": pa.array(merged.keys(), pa.int64()),
        "into_id": pa.array(merged.values(), pa.int64()),
    }
    table = pa.table(columns)
    if not merged:
        return table
    con.register("merged_all", table)
    asked = ", ".join("?" for _ in merged)
    held = event_store().rows(
        f"SELECT DISTINCT account_id FROM lake.events WHERE account_id IN ({asked})", list(merged)
    )
    try:
        return con.execute(
            "SELECT * FROM merged_all WHERE list_contains(?::BIGINT[], merged_id) "
            "OR merged_id IN (SELECT account_id FROM lake.usage)",
            [[account for (account,) in held]],
        ).to_arrow_table()
    finally:
        con.unregister("merged_all")


def _give_back(con: duckdb.DuckDBPyConnection, home: env.Home, now: dt.datetime) -> int:
    moved = 0
    for row in Unmerged.objects.order_by("pk"):
        with arrivals.appending(home), store.transaction(con, home):
            moved += _unmerge(con, row, now)
        row.delete()
    return moved


def _unmerge(con: duckdb.DuckDBPyConnection, row: Unmerged, now: dt.datetime) -> int:
    days = event_store().unmerge(con, row.merged_id, row.into_id)
    con.execute("DELETE FROM lake.merged_events WHERE merged_id = ?", [row.merged_id])
    origin = f"unmerge:{row.merged_id}:{now.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    for known_on in days:
        con.execute("INSERT INTO lake.arrivals VALUES (?, ?, 0)", [known_on, origin])
    return sum(days.values())


# Of retired days sessions are added up; of the others they are counted from the events.
_ONLINE = """
CREATE OR REPLACE TEMP TABLE retired_online AS
SELECT coalesce(p.into_id, d.account_id) AS account_id, tenant, day, known_on,
       sum(sessions)::BIGINT AS sessions, sum(online_seconds) AS online_seconds
FROM lake.account_days AS d LEFT JOIN merged_pairs AS p ON p.merged_id = d.account_id
WHERE d.account_id IN (SELECT merged_id FROM merged_pairs UNION ALL SELECT into_id FROM merged_pairs)
  AND known_on IN (SELECT known_on FROM lake.retired_days) GROUP BY ALL
"""

_ACCOUNT_DAYS = """
INSERT INTO lake.account_days BY NAME
WITH person_days AS (
    SELECT account_id, tenant, source, end_user, day, known_on, sum(count) AS uses, sum(seconds) AS seconds
    FROM lake.usage WHERE account_id IN (SELECT into_id FROM merged_pairs) GROUP BY ALL
)
SELECT days.*, coalesce(sessions, 0) AS sessions, coalesce(online_seconds, 0) AS online_seconds FROM (
    SELECT account_id, tenant, day, known_on, count(end_user) AS users, sum(uses)::BIGINT AS events, sum(seconds) AS seconds
    FROM person_days GROUP BY account_id, tenant, day, known_on
) AS days LEFT JOIN merged_online USING (account_id, tenant, day, known_on) ORDER BY account_id, day
"""
