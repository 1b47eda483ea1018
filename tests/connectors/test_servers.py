"""Databases that want encryption, each a server of its own: a PostgreSQL and a MySQL with certificates of their own making."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from evergreen.customers.models import Account
from evergreen.events.connections import actions, running
from evergreen.events.connections.models import Connection
from tests.launch.installation import free_port
from tests.torture.postgresql import NoServerError, Server

pytestmark = pytest.mark.django_db

TABLES = """
- table: customers
  record: accounts
  key: code
  changed: updated_at
  mapping: {columns: {id: code, name: name}}
"""
ROWS = 60


def certificate(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) that nobody vouches for."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    wanted = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run(["openssl", "req", *wanted, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


@pytest.fixture(scope="module")
def postgresql() -> Iterator[int]:
    """The port of a PostgreSQL that lets in nobody without TLS and a password."""
    try:
        server = Server()
    except NoServerError as error:
        pytest.skip(str(error))
    try:
        cert, key = certificate(server.folder)
        owner = server.folder.owner()
        for path in (cert, key):
            shutil.chown(path, owner)
            path.chmod(0o600)
        with psycopg.connect(server.url, autocommit=True) as con:
            try:
                for name, value in (("ssl_cert_file", cert), ("ssl_key_file", key), ("ssl", "on")):
                    con.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
            except psycopg.Error:
                pytest.skip("this PostgreSQL was built without TLS: apt-get install postgresql")
            con.execute("CREATE ROLE reader LOGIN PASSWORD 'canary'")
            con.execute("CREATE TABLE customers (code text, name text, updated_at timestamptz)")
            con.execute(f"INSERT INTO customers SELECT 'k' || n, '客户' || n, '2026-01-01'::timestamptz + n * interval '1 minute' FROM generate_series(1, {ROWS}) n".encode())  # fmt: skip
            con.execute("GRANT SELECT, DELETE ON customers TO reader")
            hba = con.execute("SHOW hba_file").fetchone()
            assert hba is not None
            Path(hba[0]).write_text("local all all trust\nhost all evergreen 127.0.0.1/32 trust\nhostssl all reader 127.0.0.1/32 scram-sha-256\n")  # fmt: skip
            con.execute("SELECT pg_reload_conf()")
        time.sleep(0.5)
        yield server.port
    finally:
        server.remove()


@pytest.fixture(scope="module")
def mysql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a MariaDB that lets in nobody without TLS."""
    if shutil.which("mariadbd") is None or shutil.which("mariadb-install-db") is None:
        pytest.skip("needs a MariaDB server: apt-get install mariadb-server")
    folder = tmp_path_factory.mktemp("my")
    cert, key = certificate(folder)
    common = [f"--user={getpass.getuser()}", f"--datadir={folder / 'data'}"]
    made = ["mariadb-install-db", "--no-defaults", *common, "--auth-root-authentication-method=normal"]
    subprocess.run(made, check=True, capture_output=True)
    port, socket = free_port(), folder / "s"
    encrypted = [f"--ssl-cert={cert}", f"--ssl-key={key}", "--require-secure-transport=ON"]
    asked = [
        "mariadbd",
        "--no-defaults",
        *common,
        f"--socket={socket}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
    ]
    with subprocess.Popen([*asked, *encrypted], stderr=subprocess.DEVNULL) as server:
        try:
            rows = f"INSERT INTO customers SELECT CONCAT('k', seq), CONCAT('客户', seq), '2026-01-01' + INTERVAL seq MINUTE FROM seq_1_to_{ROWS}"
            sql = f"CREATE DATABASE erp CHARACTER SET utf8mb4; USE erp; CREATE TABLE customers (code varchar(20), name varchar(100), updated_at datetime(6)); {rows}; CREATE USER reader@localhost IDENTIFIED BY 'canary'; GRANT SELECT, DELETE ON erp.* TO reader@localhost"
            for turn in range(100):
                done = subprocess.run(["mariadb", "--no-defaults", f"--socket={socket}", "-uroot", "--default-character-set=utf8mb4", "-e", sql], capture_output=True, text=True, check=False)  # fmt: skip
                if not done.returncode:
                    break
                assert turn < 99, done.stderr
                time.sleep(0.2)
            yield port
        finally:
            server.terminate()


@pytest.mark.parametrize("dialect", ["postgresql", "mysql"])
def test_an_encrypted_database_is_read_and_only_read(
    dialect: str,
    request: pytest.FixtureRequest,
    home: Any,
    run_it: Any,
    now: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = request.getfixturevalue(dialect)
    monkeypatch.setenv("EVERGREEN_OUTBOUND_ALLOW", f"127.0.0.1:{port}")
    found = connect(dialect, port, now)
    assert "customers" in running.tried(found)
    run = run_it(found)
    assert (run.state, run.error, run.total("created"), run.total("rejected")) == ("done", "", ROWS, 0)
    assert Account.objects.get(external_id="k7").name == "客户7"
    assert run_it(found).total("updated") == 0
    engine = running.adapter_of(found)._engine()  # type: ignore[attr-defined]
    with engine.connect() as con:
        if dialect == "postgresql":
            assert (
                con.execute(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).scalar() is True
            )
        else:
            assert con.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1]
        with pytest.raises(SQLAlchemyError, match=r"(?i)read.only"):
            con.execute(text("DELETE FROM customers"))
    # MySQL's client encrypts where it can, also when it need not.
    wrong = [{"password": "wrong"}, *([{"encryption": "off"}] if dialect == "postgresql" else [])]
    for changed in wrong:
        refused = run_it(connect(dialect, port, now, **changed))
        assert refused.state == "failed", refused.error
        assert "canary" not in refused.error and "127.0.0.1" in refused.error


def connect(dialect: str, port: int, now: Any, **changed: Any) -> Connection:
    given = {
        "dialect": dialect, "host": "127.0.0.1", "port": port, "database": "erp" if dialect == "mysql" else "evergreen",
        "user": "reader", "password": "canary", "tables": TABLES, "encryption": "require", **changed,
    }  # fmt: skip
    name = f"{dialect} {' '.join(changed)}"
    connection = actions.add_connection("database", name, given, by=None, now=now)
    connection.feeds = {}
    connection.save(update_fields=["feeds"])
    return connection
