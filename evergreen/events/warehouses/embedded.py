"""The home's own lake as the store of single events: in the book's own transaction, so nothing is left to publish."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from evergreen.base import env
from evergreen.events import event_files, message_keys, store
from evergreen.events.columns import EVENT_SCHEMA
from evergreen.events.message_keys import Found, Keys
from evergreen.events.warehouses.backends import Backend, DuckDB
from evergreen.events.warehouses.contract import Whose

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir


_COLUMNS = ibis.Schema.from_pyarrow(
    pa.schema(
        [
            *(pa.field(field.name, field.type) for field in EVENT_SCHEMA),
            pa.field("day", pa.date32()),
            pa.field("known_on", pa.date32()),
        ]
    )
)


EVENTS = ibis.table(_COLUMNS, name="events", catalog="lake", database="main")


class LakeEvents:
    """``lake.events`` and ``lake.message_keys``."""

    name = "lake"

    def __init__(self, home: env.Home) -> None:
        self._home = home

    def known(self, con: duckdb.DuckDBPyConnection, keys: Keys) -> Found:
        index = message_keys.of(self._home)
        index.refresh(con)
        return index.find(keys.hi, keys.lo)

    def add(self, con: duckdb.DuckDBPyConnection, keys: Keys, events: pa.Table) -> tuple[int, str]:
        number, mark = message_keys.of(self._home).add(con, *keys)
        event_files.add(con, events, self._home)
        con.register("fresh_keys", pa.table([pa.array(column) for column in keys], list(Keys._fields)))
        con.execute("INSERT INTO lake.message_keys SELECT hi, lo, body, ? FROM fresh_keys", [number])
        con.unregister("fresh_keys")
        return number, mark

    def publish(self) -> None:
        return

    def backend(self, con: duckdb.DuckDBPyConnection) -> Backend:
        return DuckDB(con)

    def events(
        self, backend: Backend, retired: Mapping[dt.date, int], days: Collection[dt.date] | None = None
    ) -> ir.Table:
        if days is None:
            return EVENTS
        assert isinstance(backend, DuckDB)
        listed = ", ".join(f"DATE '{day}'" for day in days)
        # A view of one name, so that the queries over it are the same for every portion and compiled once.
        backend.con.execute(
            f"CREATE OR REPLACE TEMP VIEW portion_events AS SELECT * FROM lake.events WHERE known_on IN ({listed})"
        )
        return ibis.table(_COLUMNS, name="portion_events")

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return store.reading(self._home).execute(query, list(values)).fetchall()

    def days_held(self, con: duckdb.DuckDBPyConnection, before: dt.date) -> dict[dt.date, int]:
        sql = "SELECT known_on, count(*)::BIGINT FROM lake.events WHERE known_on < ? GROUP BY known_on"
        return dict(con.execute(sql, [before]).fetchall())

    def retire(self, con: duckdb.DuckDBPyConnection, days: Collection[dt.date]) -> int | None:
        listed = ", ".join(f"DATE '{day}'" for day in days)
        # Whole partitions: their files leave the catalog without being read.
        con.execute(f"DELETE FROM lake.events WHERE known_on IN ({listed})")
        return None

    def erase(self, whose: Whose) -> int:
        return 0

    def match(self, con: duckdb.DuckDBPyConnection, matches: pa.Table) -> dict[dt.date, int]:
        con.register("waiting_matches", matches)
        try:
            days = con.execute(
                f"SELECT known_on, count(*) FROM lake.events, waiting_matches AS m WHERE {_SAME} GROUP BY ALL"
            ).fetchall()
            if days:
                con.execute(
                    "UPDATE lake.events SET account_id = m.account_id, tenant = m.tenant "
                    f"FROM waiting_matches AS m WHERE {_SAME}"
                )
        finally:
            con.unregister("waiting_matches")
        return dict(days)

    def merge(self, con: duckdb.DuckDBPyConnection, pairs: pa.Table) -> int:
        con.register("pairs_now", pairs)
        try:
            of_merged = "lake.events AS e JOIN pairs_now AS p ON e.account_id = p.merged_id"
            con.execute(f"INSERT INTO lake.merged_events SELECT e.account_id, {_HI}, {_LO} FROM {of_merged}")
            moved = int(store.scalar(con, f"SELECT count(*) FROM {of_merged}") or 0)
            con.execute(
                "UPDATE lake.events SET account_id = p.into_id FROM pairs_now AS p WHERE lake.events.account_id = p.merged_id"
            )
        finally:
            con.unregister("pairs_now")
        return moved

    def unmerge(self, con: duckdb.DuckDBPyConnection, merged_id: int, into_id: int) -> dict[dt.date, int]:
        mine = (
            "e.account_id = ? AND EXISTS (SELECT 1 FROM lake.merged_events AS m "
            f"WHERE m.merged_id = ? AND m.hi = {_HI} AND m.lo = {_LO})"
        )
        days = con.execute(
            f"SELECT e.known_on, count(*) FROM lake.events AS e WHERE {mine} GROUP BY ALL",
            [into_id, merged_id],
        ).fetchall()
        con.execute(
            f"UPDATE lake.events AS e SET account_id = ? WHERE {mine}", [merged_id, into_id, merged_id]
        )
        return dict(days)

    def tidy(self, con: duckdb.DuckDBPyConnection) -> int:
        return 0


_HI = "md5_number_upper(e.source || chr(31) || e.message_id)"
_LO = "md5_number_lower(e.source || chr(31) || e.message_id)"
# Events that were stored under an account are looked at again only where something unsettled them; ours never are.
_SAME = """
lake.events.source = m.source
AND lake.events.account_key IS NOT DISTINCT FROM m.account_key
AND (m.account_key IS NOT NULL OR lake.events.end_user = m.end_user)
AND epoch_us(lake.events.occurred_at) >= m.since AND epoch_us(lake.events.occurred_at) < m.before
AND (lake.events.account_id IS NULL OR (m.settles AND lake.events.kind <> 'system'))
AND (lake.events.account_id IS DISTINCT FROM m.account_id OR lake.events.tenant <> m.tenant)
"""
