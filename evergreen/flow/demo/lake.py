"""Fill the history: use month by month, survey answers and losses, and the end users behind them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import duckdb
import pyarrow as pa

from evergreen.events import arrivals, identity, store
from evergreen.events.journal import SOURCE as OWN
from evergreen.flow.demo import use
from evergreen.flow.demo.catalogue import ROLES, SOURCE
from evergreen.flow.demo.extent import ZONE
from evergreen.flow.demo.records import ORIGIN, Kept
from evergreen.flow.demo.vendor import Vendor
from evergreen.flow.demo.voices import Told

TOLD = pa.schema([field for field in arrivals.EVENT_SCHEMA if field.name in {
    "source", "kind", "name", "account_id", "tenant", "account_key", "occurred_at", "received_at", "known_at", "count",
    "properties", "message_id", "backfilled", "end_user",
}])  # fmt: skip


def write(
    vendor: Vendor, kept: Kept, *, now: dt.datetime, progress: Callable[[int, int], None] | None = None
) -> int:
    """Append every event up to the last day, a month a transaction; returns how many were stored."""
    world = vendor.world(kept.accounts)
    total = vendor.extent.months + 2
    stored = 0
    with store.session() as con, arrivals.appending():
        stored += append(con, _told(vendor, kept.accounts), 1, now)
        for done, (first, table) in enumerate(use.months(world, vendor.extent), start=2):
            stored += append(con, table, done + first, now)
            if progress:
                progress(min(done, total), total)
    _remember(vendor)
    return stored


def append(con: duckdb.DuckDBPyConnection, table: pa.Table, until: int, now: dt.datetime) -> int:
    """One table of events in one transaction; returns how many were new."""
    with store.transaction(con):
        return arrivals.append(con, table, origin=ORIGIN, until=until, zone=str(ZONE), now=now).stored


def _told(vendor: Vendor, accounts: Sequence[int]) -> pa.Table:
    """Survey answers, facts and losses, known when they happened."""
    listed = [*vendor.answers, *vendor.facts, *_losses(vendor)]
    rows = []
    for told in listed:
        at = told.at.astimezone(dt.UTC).replace(tzinfo=None)
        rows.append(
            {
                "source": SOURCE if told.end_user else OWN, "kind": "track" if told.end_user else "system", "name": told.name,
                "account_id": accounts[told.place], "tenant": told.tenant, "end_user": told.end_user,
                "account_key": vendor.book[told.place].key, "occurred_at": at, "received_at": at, "known_at": at,
                "count": 1, "properties": told.properties, "message_id": f"demo-{told.key}", "backfilled": True,
            }
        )  # fmt: skip
    return pa.Table.from_pylist(rows, TOLD)


def _losses(vendor: Vendor) -> list[Told]:
    found = []
    for life in vendor.lives:
        churned = next((turn for turn in vendor.turns[life.place] if turn.stage == "churned"), None)
        if churned is not None and life.reason is not None:
            at = vendor.extent.moment(churned.day, 18)
            found.append(
                Told(
                    life.place,
                    "account.churned",
                    at,
                    f"churned-{life.place}",
                    f'{{"reason":"{life.reason}"}}',
                )
            )
    return found


def _remember(vendor: Vendor) -> None:
    """The end users as identify calls would have told of them."""
    crowd = vendor.crowd
    told = {}
    for n, key in enumerate(crowd.keys):
        since = vendor.extent.moment(vendor.extent.day(max(0, int(crowd.since[n]))), 9)
        told[SOURCE, key] = identity.Told.once(
            key,
            vendor.book[int(crowd.account[n])].key,
            {"role": ROLES[int(crowd.role[n])]},
            int(since.timestamp() * 1_000_000),
        )
    identity.remember(told)
