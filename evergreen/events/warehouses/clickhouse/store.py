"""Single events in ClickHouse; the home's lake stays the book (decision 0023)."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa

from evergreen.base import env
from evergreen.events import facts, store
from evergreen.events.message_keys import Column, Found, Keys, find_in
from evergreen.events.warehouses.backends import Backend
from evergreen.events.warehouses.clickhouse import tables
from evergreen.events.warehouses.clickhouse.backend import ClickHouse, passing_name, passing_since
from evergreen.events.warehouses.clickhouse.clients import Client
from evergreen.events.warehouses.contract import Whose
from evergreen.events.warehouses.translating import quoted, translated

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir

_EVENTS = ibis.schema(
    {
        "source": "!string", "kind": "!string", "name": "!string", "account_id": "int64", "tenant": "!string",
        "account_key": "string", "end_user": "string", "occurred_at": "timestamp(6)", "original_at": "timestamp(6)",
        "sent_at": "timestamp(6)", "received_at": "timestamp(6)", "known_at": "timestamp(6)", "day": "date",
        "known_on": "date", "count": "int64", "seconds": "float64", "feature": "string", "properties": "string",
        "message_id": "!string", "flag": "string", "backfilled": "boolean", "batch": "uint64",
    }
)  # fmt: skip


class ClickHouseEvents:
    """``event_rows`` and ``message_keys`` of one database."""

    name = "clickhouse"

    def __init__(self, home: env.Home, client: Client) -> None:
        self._home, self._client = home, client
        for statement in tables.ALL:
            client.command(statement)

    def known(self, con: duckdb.DuckDBPyConnection, keys: Keys) -> Found:
        known = np.zeros(len(keys.hi), np.bool_)
        body = np.zeros(len(keys.hi), np.uint64)
        with self._scratch(pa.table({"hi": pa.array(keys.hi), "lo": pa.array(keys.lo)})) as asked:
            found = self._client.query(
                f"SELECT hi, lo, body FROM message_keys WHERE (hi, lo) IN (SELECT hi, lo FROM {asked})"
                f" AND ({tables.COUNTS} OR (batch, mark) IN ({self._unpublished(con)}))"
            )
        held = Keys.sorted(*(np.asarray(found[name].to_numpy(), np.uint64) for name in Keys._fields))
        find_in(held, keys.hi, keys.lo, np.argsort(keys.hi), known, body)
        return Found(known, body)

    def add(self, con: duckdb.DuckDBPyConnection, keys: Keys, events: pa.Table) -> tuple[int, str]:
        number = int(store.scalar(con, "SELECT max(number) FROM lake.batches") or 0) + 1
        mark = uuid.uuid4().hex
        of_batch: dict[str, Column | int] = {"batch": number, "mark": _as_number(mark)}
        rows = events
        halves: dict[str, Column | int] = {"hi": keys.hi, "lo": keys.lo}
        for name, column in {**halves, **of_batch}.items():
            rows = rows.append_column(name, pa.array(_column(column, len(keys.hi))))
        self._client.insert("event_rows", rows)
        self._client.insert(
            "message_keys",
            pa.table(
                {
                    name: pa.array(_column(column, len(keys.hi)))
                    for name, column in {**halves, "body": keys.body, **of_batch}.items()
                }
            ),
        )
        return number, mark

    def publish(self) -> None:
        newest = self._number(_NEWEST)
        rows = store.reading(self._home).execute(
            "SELECT number, mark FROM lake.batches WHERE number >= ? ORDER BY number", [newest]
        )
        found = rows.fetchall()
        if newest and (not found or found[0][0] != newest):
            raise store.LakeError(
                f"ClickHouse holds events up to batch {newest}, which the lake in {self._home.lake} does not know: it was "
                "restored from an older copy, or another installation uses this database. Both must be of one moment. "
                "Nothing was written, what comes in waits in the journal; restore ClickHouse to the lake's moment too, or "
                "name an empty database in EVERGREEN_WAREHOUSE."
            )
        if found := [row for row in found if row[0] > newest]:
            batches = [number for number, _ in found]
            marks = [_as_number(mark) for _, mark in found]
            self._client.insert(
                "published",
                pa.table({"batch": pa.array(batches, pa.uint64()), "mark": pa.array(marks, pa.uint64())}),
            )

    def backend(self, con: duckdb.DuckDBPyConnection) -> Backend:
        return ClickHouse(self._client, {"events": _EVENTS})

    def events(
        self, backend: Backend, retired: Mapping[dt.date, int], days: Collection[dt.date] | None = None
    ) -> ir.Table:
        events: Any = backend.table("events")
        if days is not None:
            events = events.filter(events.known_on.isin(list(days)))
        for day, through in retired.items():
            if days is None or day in days:
                events = events.filter((events.known_on != ibis.literal(day)) | (events.batch > through))
        return events

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        found = self._client.query(translated(query, values, "clickhouse"))
        return list(zip(*(_naive(column).to_pylist() for column in found.columns), strict=True))

    def days_held(self, con: duckdb.DuckDBPyConnection, before: dt.date) -> dict[dt.date, int]:
        rows = self.rows(
            "SELECT known_on, count(*) FROM lake.events WHERE known_on < ? GROUP BY known_on", [before]
        )
        return dict(rows)

    def retire(self, con: duckdb.DuckDBPyConnection, days: Collection[dt.date]) -> int | None:
        return int(store.scalar(con, "SELECT max(number) FROM lake.batches") or 0)

    def erase(self, whose: Whose) -> int:
        people = pa.table(
            {
                "source": pa.array([source for source, _ in whose.people], pa.string()),
                "key": pa.array([key for _, key in whose.people], pa.string()),
            }
        )
        with self._scratch(people) as table:
            person = f"(source, ifNull(end_user, '')) IN (SELECT source, key FROM {table}) AND end_user IS NOT NULL"
            if whose.account is not None:
                waiting = (
                    f"account_id IS NULL AND (ifNull(account_key, '') IN ({_listed(whose.keys)}) OR {person})"
                )
                gone = f"ifNull(account_id, -1) = {whose.account} OR ({waiting})"
            else:
                said = (
                    "if(JSONType(properties, 'contact') = 'String', JSONExtractString(properties, 'contact'),"
                    " JSONExtractRaw(properties, 'contact'))"
                )
                gone = (
                    f"{person} OR ((kind = 'system' OR name IN ({_listed(facts.NAMES)})) AND ifNull({said}, '') IN ({_listed(whose.contacts)})"
                    f" AND JSONHas(ifNull(properties, ''), 'contact'))"
                )
            count = self._number(f"SELECT count() AS n FROM event_rows WHERE {gone}")
            if count:
                self._client.command(f"ALTER TABLE event_rows DELETE WHERE {gone}")
        return count

    def match(self, con: duckdb.DuckDBPyConnection, matches: pa.Table) -> dict[dt.date, int]:
        with self._scratch(matches) as asked, self._moves() as moves:
            for same in (
                "e.account_key = m.account_key",
                "e.end_user = m.end_user AND e.account_key IS NULL",
            ):
                self._client.command(
                    f"INSERT INTO {moves} SELECT e.hi, e.lo, m.account_id, ifNull(m.tenant, '') FROM events AS e"
                    f" INNER JOIN {asked} AS m ON e.source = m.source AND {same.split(' AND ')[0]}"
                    f" WHERE {same.partition(' AND ')[2] or 'true'}"
                    " AND toUnixTimestamp64Micro(e.occurred_at) >= m.since"
                    " AND toUnixTimestamp64Micro(e.occurred_at) < m.before"
                    " AND (e.account_id IS NULL OR (m.settles AND e.kind != 'system'))"
                    " AND (NOT (e.account_id <=> m.account_id) OR e.tenant != ifNull(m.tenant, ''))"
                )
            return self._moved(moves)

    def merge(self, con: duckdb.DuckDBPyConnection, pairs: pa.Table) -> int:
        with self._scratch(pairs) as asked, self._moves() as moves:
            self._client.command(
                f"INSERT INTO {moves} SELECT e.hi, e.lo, p.into_id, e.tenant FROM events AS e"
                f" INNER JOIN {asked} AS p ON e.account_id = p.merged_id"
            )
            # The book names the halves of a key the other way round.
            gone = self._client.query(
                "SELECT e.account_id AS merged_id, e.lo AS hi, e.hi AS lo FROM events AS e"
                f" WHERE (e.hi, e.lo) IN (SELECT hi, lo FROM {moves})"
            )
            con.register("merged_there", gone)
            con.execute("INSERT INTO lake.merged_events SELECT merged_id, hi, lo FROM merged_there")
            con.unregister("merged_there")
            self._moved(moves)
        return int(gone.num_rows)

    def unmerge(self, con: duckdb.DuckDBPyConnection, merged_id: int, into_id: int) -> dict[dt.date, int]:
        noted = con.execute("SELECT hi, lo FROM lake.merged_events WHERE merged_id = ?", [merged_id])
        with self._scratch(noted.to_arrow_table()) as asked, self._moves() as moves:
            self._client.command(
                f"INSERT INTO {moves} SELECT e.hi, e.lo, {merged_id}, e.tenant FROM events AS e"
                f" WHERE e.account_id = {into_id} AND (e.lo, e.hi) IN (SELECT hi, lo FROM {asked})"
            )
            return self._moved(moves)

    def tidy(self, con: duckdb.DuckDBPyConnection) -> int:
        self.publish()
        orphaned = f"NOT ({tables.COUNTS})"  # nobody else hands over a batch just now
        rows = con.execute("SELECT known_on, max(batch) FROM lake.retired_days GROUP BY known_on").fetchall()
        retired = [f"(known_on = {quoted(day)} AND batch <= {through})" for day, through in rows if through]
        removed = 0
        for table, gone in (
            ("event_rows", " OR ".join([orphaned, *retired])),
            ("message_keys", orphaned),
        ):
            if count := self._number(f"SELECT count() AS n FROM {table} WHERE {gone}"):
                self._client.command(f"ALTER TABLE {table} DELETE WHERE {gone}")
                removed += count
        if retired:
            store.persistently(lambda: self._note_gone(con))
        self._settle(con)
        self._drop_left_behind()
        return removed

    def _note_gone(self, con: duckdb.DuckDBPyConnection) -> None:
        """Nobody need leave out any more what retired days held."""
        with store.transaction(con, self._home):
            con.execute("UPDATE lake.retired_days SET batch = NULL WHERE batch IS NOT NULL")

    def _settle(self, con: duckdb.DuckDBPyConnection) -> None:
        """Let go of the names of batches, now that no others are there; not of the last day's, for what a killed writer
        had sent may still come."""
        before = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(seconds=_LEFT_BEHIND_SECONDS)
        through = int(
            store.scalar(con, "SELECT max(number) FROM lake.batches WHERE moved_at < ?", before) or 0
        )
        if through > self._number("SELECT max(through) AS n FROM settled"):
            self._client.insert("settled", pa.table({"through": pa.array([through], pa.uint64())}))
            self._client.command(f"ALTER TABLE published DELETE WHERE batch <= {through}")

    def _drop_left_behind(self) -> None:
        """Drop what a process that was killed had put or kept."""
        tables_here = self._client.query("SELECT name FROM system.tables WHERE database = currentDatabase()")
        for name in tables_here["name"].to_pylist():
            since = passing_since(name)
            if since is not None and since < time.time() - _LEFT_BEHIND_SECONDS:
                self._client.command(f"DROP TABLE IF EXISTS {name}")

    def _unpublished(self, con: duckdb.DuckDBPyConnection) -> str:
        """Batches of the caller's own transaction, and those that were committed and not published yet, as SQL."""
        newest = self._number(_NEWEST)
        rows = con.execute("SELECT number, mark FROM lake.batches WHERE number > ?", [newest]).fetchall()
        listed = [f"({number}, {_as_number(mark)})" for number, mark in rows]
        return ", ".join(listed) or "(0, 0)"

    def _number(self, query: str) -> int:
        return int(self._client.query(query)["n"][0].as_py() or 0)

    @contextmanager
    def _scratch(self, rows: pa.Table) -> Iterator[str]:
        """A table of these rows that lasts as long as the block."""
        backend = ClickHouse(self._client)
        backend.put("asked", rows)
        try:
            yield backend.table("asked").get_name()
        finally:
            backend.forget("asked")

    @contextmanager
    def _moves(self) -> Iterator[str]:
        """A table of message keys with the account and tenant that their events shall have."""
        # With its database: a mutation runs without one.
        database = self._client.query("SELECT currentDatabase() AS name")["name"][0].as_py()
        name = f"{database}.{passing_name('moves')}"
        self._client.command(
            f"CREATE TABLE {name} (hi UInt64, lo UInt64, account_id Nullable(Int64), tenant String)"
            " ENGINE = Join(ANY, LEFT, hi, lo) SETTINGS join_use_nulls = 1"
        )
        try:
            yield name
        finally:
            self._client.command(f"DROP TABLE {name}")

    def _moved(self, moves: str) -> dict[dt.date, int]:
        """Do what a table of moves says; how many events of which known days."""
        among = f"(hi, lo) IN (SELECT hi, lo FROM {moves})"
        found = self._client.query(
            f"SELECT known_on, count() AS n FROM events WHERE {among} GROUP BY known_on"
        ).to_pydict()
        if found["n"]:
            self._client.command(
                f"ALTER TABLE event_rows UPDATE account_id = joinGet('{moves}', 'account_id', hi, lo),"
                f" tenant = ifNull(joinGet('{moves}', 'tenant', hi, lo), '') WHERE {among}"
            )
        return dict(zip(found["known_on"], found["n"], strict=True))


_NEWEST = "SELECT max(batch) AS n FROM (SELECT batch FROM published UNION ALL SELECT through FROM settled)"
# Longer than any portion of a night takes.
_LEFT_BEHIND_SECONDS = 24 * 3600


def _as_number(mark: str) -> int:
    return int(mark[:16], 16)


def _column(value: Column | int, rows: int) -> Column:
    return np.full(rows, value, np.uint64) if isinstance(value, int) else value


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(quoted(text) for text in texts) or "NULL"


def _naive(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Moments are UTC without a zone, as the lake has them."""
    return column.cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) else column
