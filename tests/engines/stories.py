"""What happens to events on their way, in words of one call."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pyarrow as pa

from evergreen.base.env import Home
from evergreen.customers.models import Feature, Product
from evergreen.events import (
    arrivals,
    journal,
    rollup,
    store,
)
from evergreen.events.journal import Record
from evergreen.events.mover import Mover, moving
from evergreen.events.warehouses.named import event_store

TODAY = dt.date(2026, 11, 20)
# What a roll-up makes of events.
ROLLED = ("usage", "account_days", "first_uses", "first_features", "answers", "facts")
_CLOCK = iter(range(1_790_000_000_000_000, 1 << 62, 1_000_000))


def event_row(
    id_: str, day: dt.date, person: str | None, name: str, account: int | None, **fields: Any
) -> dict[str, Any]:
    moment = dt.datetime.combine(day, dt.time(4))
    return {
        "source": "web", "kind": "track", "name": name, "account_id": account, "account_key": "A", "tenant": "",
        "end_user": person, "occurred_at": moment, "received_at": moment, "known_at": moment, "count": 1, "message_id": id_,
        "backfilled": False, "properties": None, "seconds": None,
    } | fields  # fmt: skip


def append(home: Home, origin: str, *rows: dict[str, Any]) -> arrivals.Appended:
    events = pa.Table.from_pylist(list(rows), schema=arrivals.EVENT_SCHEMA)
    with arrivals.appending(home), store.writing(home) as con:
        now = dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)
        return arrivals.append(con, events, origin=origin, until=1, zone="Asia/Shanghai", now=now, home=home)


def send(home: Home, *events: tuple[str, str, str | None]) -> None:
    """(id, end user, account key) of track calls."""
    batch = [
        {"type": "track", "event": "Viewed", "userId": person, "messageId": id_}
        | ({"context": {"groupId": key}} if key else {})
        for id_, person, key in events
    ]
    body = json.dumps({"batch": batch}).encode()
    journal.process_journal(home).write_now(Record("web", "segment/batch", next(_CLOCK), body))


def move(home: Home, now: dt.datetime) -> Any:
    with moving(home), store.session(home) as con:
        return Mover(con, home).move(now)


def ids(home: Home) -> list[str]:
    rows = event_store(home).rows("SELECT message_id FROM lake.events ORDER BY message_id")
    return [id_ for (id_,) in rows]


def roll(home: Home) -> list[dt.date]:
    with store.session(home) as con:
        return rollup.roll_up(con, TODAY)


def in_lake(home: Home, sql: str) -> list[tuple[Any, ...]]:
    return store.reading(home).execute(sql).fetchall()


def empty(home: Home, *more: str) -> None:
    """Nothing ever came in; what was made of it stays, but of the tables that are named too."""
    with store.writing(home) as con:
        for table in ("events", "arrivals", "rolled", *more):
            con.execute(f"DELETE FROM lake.{table}")


def make_product() -> None:
    product = Product.objects.create(key="suite")
    Feature.objects.create(product=product, key="ledger", is_core=True, matchers=[{"event": "ledger.*"}])
