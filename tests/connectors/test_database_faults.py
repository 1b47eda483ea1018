"""IMP-01 for SQL databases: a real PostgreSQL that hangs up, changes, forgets; afterwards the mirror is its truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from evergreen.events.connections import actions, running
from evergreen.events.connections.spool import Spool
from tests.connectors import faults
from tests.connectors.faults import Fault, Stage
from tests.connectors.systems import Truth
from tests.connectors.test_database import Forwarder, config
from tests.connectors.test_database import server as server

pytestmark = pytest.mark.django_db

ROWS = 40
TABLES = """
- table: customers
  schema: shop
  record: accounts
  key: code
  changed: updated_at
  lag_minutes: 1
  mapping: {columns: {id: code, name: name}}
- table: people
  schema: shop
  record: contacts
  mapping: {columns: {id: id, account: customer, name: name}}
- table: tickets
  schema: shop
  record: tickets
  key: number
  changed: updated_at
  deleted: deleted_at
  mapping: {columns: {id: {template: "t{number}"}, account: customer, requester: requester, subject: subject, opened: opened}}
"""


class Shop:
    """Three tables: one compared by its keys, one read whole, one that tells what it deleted."""

    def __init__(self, uri: str) -> None:
        self._con = psycopg.connect(uri, autocommit=True)
        self.forwarder = Forwarder(uri)
        self.script: dict[int, str] = {}
        self.before_each: Callable[[int], None] = lambda number: None
        self.too_early = self.worst = 0
        self.now = 0.0
        self.changes = 0
        self.run("DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop")
        self.run("CREATE TABLE shop.customers (code text, name text, note text, updated_at timestamptz)")
        self.run("CREATE TABLE shop.people (id int, customer text, name text)")
        self.run("CREATE TABLE shop.tickets (number int, customer text, requester text, subject text, opened date, updated_at timestamptz, deleted_at timestamptz)")  # fmt: skip
        self.run(f"INSERT INTO shop.customers SELECT 'k' || n, '客户' || n, '', '2026-01-01'::timestamptz + n * interval '1 minute' FROM generate_series(1, {ROWS}) n")  # fmt: skip
        self.run("INSERT INTO shop.people SELECT n, 'k' || n, '张' || n FROM generate_series(1, 12) n")
        self.run("INSERT INTO shop.tickets SELECT n, 'k' || n, n::text, '问题' || n, '2026-02-01', '2026-02-01'::timestamptz + n * interval '1 minute', NULL FROM generate_series(1, 12) n")  # fmt: skip

    def run(self, sql: str) -> None:
        self._con.execute(sql.encode())

    def begin(self) -> None:
        """Nothing of it remembers what was asked before."""

    def close(self) -> None:
        self._con.close()
        self.forwarder.close()

    def truth(self) -> Truth:
        def told(sql: str) -> dict[str, str]:
            return {str(key): str(text) for key, text in self._con.execute(sql.encode()).fetchall()}

        return {
            "accounts": told("SELECT code, name FROM shop.customers"),
            "contacts": told("SELECT id, name FROM shop.people"),
            "tickets": told("SELECT 't' || number, subject FROM shop.tickets WHERE deleted_at IS NULL"),
        }

    def touch(self) -> None:
        self.changes += 1
        at = f"'2026-11-19'::timestamptz + interval '{self.changes} seconds'"
        self.run(f"UPDATE shop.customers SET name = '改了{self.changes}', updated_at = {at} WHERE code = 'k{self.changes + 2}'")  # fmt: skip

    def remove(self) -> None:
        """One row of each table; nothing else needs them."""
        self.run(f"DELETE FROM shop.customers WHERE code = 'k{ROWS}'")
        self.run("DELETE FROM shop.people WHERE id = 12")
        self.run(
            "UPDATE shop.tickets SET deleted_at = '2026-11-18', updated_at = '2026-11-18' WHERE number = 11"
        )

    def hang_up(self) -> None:
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")  # fmt: skip

    def turn(self, before: str, after: str) -> Callable[[Stage], None]:
        def bend(stage: Stage) -> None:
            stage.between.append(lambda: self.run(before))
            stage.at_end.append(lambda: self.run(after))

        return bend


def while_reading(does: Callable[[Shop], None], at: int = 2) -> Fault:
    """Something happens in the database while rows are written here."""

    def bend(stage: Stage) -> None:
        real, count = Spool.add, [0]

        def add(spool: Spool, rows: Any) -> None:
            count[0] += 1
            if count[0] == at:
                does(stage.source)  # type: ignore[arg-type]
            real(spool, rows)

        stage.patch(Spool, "add", add)

    return bend


def cut(*after: int) -> Fault:
    def bend(stage: Stage) -> None:
        shop: Any = stage.source
        shop.forwarder.cut_after = after[0]
        left: list[int | None] = [*after[1:], None]
        real = running._pause

        def paused(*given: Any) -> None:
            shop.forwarder.cut_after = left.pop(0) if left else None
            real(*given)

        stage.patch(running, "_pause", paused)
        stage.between.append(lambda: setattr(shop.forwarder, "cut_after", None))

    return bend


def turned(before: str, after: str) -> Fault:
    return lambda stage: stage.source.turn(before, after)(stage)  # type: ignore[attr-defined]


def once(sql: str) -> Fault:
    return lambda stage: stage.between.append(lambda: stage.source.run(sql))  # type: ignore[attr-defined]


STAMP = "updated_at = '2026-11-19 01:00'"
DATABASE_FAULTS: dict[str, Fault] = {
    "cut at the first bytes": cut(200),
    "cut in the middle": cut(2_500),
    "cut again and again": cut(1_500, 2_500, 3_500),
    "the server ends the session": while_reading(Shop.hang_up),
    "the server ends every second session": faults.both(while_reading(Shop.hang_up, 1), cut(3_000)),
    "rows change while they are read": while_reading(Shop.touch),
    "rows change again and again": faults.both(while_reading(Shop.touch, 1), while_reading(Shop.touch, 3)),
    "deleted while rows are read": while_reading(Shop.remove),
    "deleted upstream": lambda stage: stage.between.append(stage.source.remove),
    "a transaction that ended late": once("INSERT INTO shop.customers VALUES ('late', '迟到', '', '2026-01-01 00:00:30')"),
    "rows without a time of change": once("INSERT INTO shop.customers VALUES ('timeless', '无时间', '', NULL)"),
    "a key twice": once(f"INSERT INTO shop.customers VALUES ('k3', '客户3', '', '2026-01-01 00:03'); UPDATE shop.customers SET {STAMP}, name = '双' WHERE code = 'k3'"),
    "a field of 10 MB": turned(f"UPDATE shop.customers SET note = repeat('长', 3300000), {STAMP} WHERE code = 'k5'", "UPDATE shop.customers SET note = ''"),
    "a renamed column": turned("ALTER TABLE shop.people RENAME name TO full_name", "ALTER TABLE shop.people RENAME full_name TO name"),
    "a text becomes a number": once(f"UPDATE shop.customers SET name = '12345', {STAMP} WHERE code = 'k4'; ALTER TABLE shop.people ALTER id TYPE text USING id::text"),
    "a table is away for a while": turned("ALTER TABLE shop.people RENAME TO away", "ALTER TABLE shop.away RENAME TO people"),
    "the database's clock is ahead": once("UPDATE shop.customers SET name = '未来', updated_at = '2026-11-20 06:00' WHERE code = 'k6'"),
    "our clock is behind, then ahead": faults.both(faults.skewed(-2), faults.skewed(4)),
    "killed while reading": faults.killed(2),
    "killed between loading and noting": faults.killed(1, running, "_note"),
}  # fmt: skip


@pytest.fixture
def shop(server: str, home: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    from evergreen.events.sources.database import adapter

    monkeypatch.setattr(adapter, "_ROWS", 10)
    made = Shop(server)
    monkeypatch.setenv("EVERGREEN_OUTBOUND_ALLOW", f"127.0.0.1:{made.forwarder.port}")
    yield made
    made.close()


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, id=name, marks=[] if number else [pytest.mark.postgres])
        for number, (name, fault) in enumerate(DATABASE_FAULTS.items())
    ],
)
def test_after_a_fault_the_mirror_is_the_databases_truth(
    fault: Fault, shop: Shop, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = config(shop.forwarder, tables=TABLES)
    connection = actions.add_connection("database", "shop", given, by=None, now=now)
    stage = Stage(shop, connection, now, monkeypatch.setattr)  # type: ignore[arg-type]
    fault(stage)
    assert stage.live() == []
