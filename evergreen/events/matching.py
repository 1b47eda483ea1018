"""Events that wait for their account: given to it as soon as their key or their end user names one."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from django.db.models import Count, Max

from evergreen.base import env
from evergreen.customers.models import Account, ExternalId, Tenant
from evergreen.events import arrivals, identity, store
from evergreen.events.models import EndUser

if TYPE_CHECKING:
    import duckdb

_MATCHES = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("account_key", pa.string()),
        pa.field("end_user", pa.string()),
        pa.field("account_id", pa.int64()),
        pa.field("tenant", pa.string()),
    ]
)
_WAITING = """
SELECT source, account_key, end_user, count(*) AS events FROM lake.events
WHERE account_id IS NULL AND (account_key IS NOT NULL OR end_user IS NOT NULL) GROUP BY ALL
"""
_SAME = """
lake.events.account_id IS NULL AND lake.events.source = m.source
AND lake.events.account_key IS NOT DISTINCT FROM m.account_key
AND lake.events.end_user IS NOT DISTINCT FROM m.end_user
"""


@dataclass(frozen=True, slots=True)
class Matched:
    """How many waiting events found their account, and on how many known days (which are rolled up again)."""

    events: int
    days: int


def match_waiting_events(
    con: duckdb.DuckDBPyConnection, *, now: dt.datetime, home: env.Home | None = None
) -> Matched:
    """Give waiting events to the accounts that their keys name now, in one transaction of its own.

    ``con`` is a writer's connection. Each touched known day gets an arrival of 0 rows, which makes it stale
    for the night.
    """
    home = home or env.home()
    matches = _matches(con)
    if not matches.num_rows:
        return Matched(0, 0)
    con.register("waiting_matches", matches)
    try:
        with arrivals.appending(home), store.transaction(con, home):
            days = con.execute(
                f"SELECT known_on, count(*) FROM lake.events, waiting_matches AS m WHERE {_SAME} GROUP BY ALL"
            ).fetchall()
            con.execute(
                "UPDATE lake.events SET account_id = m.account_id, tenant = m.tenant "
                f"FROM waiting_matches AS m WHERE {_SAME}"
            )
            origin = f"match:{now.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
            for known_on, _ in days:
                con.execute("INSERT INTO lake.arrivals VALUES (?, ?, 0)", [known_on, origin])
    finally:
        con.unregister("waiting_matches")
    return Matched(sum(events for _, events in days), len(days))


def names_changed() -> tuple[object, ...]:
    """Something that differs after accounts, their ids, tenants or end users were added or renamed."""
    newest = EndUser.objects.aggregate(newest=Max("known_at"))["newest"]
    counted = (
        model.objects.aggregate(n=Count("pk"), last=Max("pk")) for model in (Account, ExternalId, Tenant)
    )
    return (newest, *((row["n"], row["last"]) for row in counted))


def _matches(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """Which waiting (source, account key, end user) has a place now."""
    waiting = con.execute(_WAITING).fetchall()
    keys = identity.account_keys_of(
        {(source, person) for source, key, person, _ in waiting if person and not key}
    )
    named = [(source, key, person, key or keys.get((source, person))) for source, key, person, _ in waiting]
    found = identity.places({(source, wanted) for source, _, _, wanted in named if wanted})
    rows = [
        (source, key, person, *found[source, wanted])
        for source, key, person, wanted in named
        if wanted and (source, wanted) in found
    ]
    return pa.Table.from_pylist([dict(zip(_MATCHES.names, row, strict=True)) for row in rows], _MATCHES)
