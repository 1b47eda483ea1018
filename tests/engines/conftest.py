"""The engines under test, and marks for what one of them does not do.

``make test`` runs ClickHouse in process (chdb), ``python -m tests.postgres`` PostgreSQL, ``make torture GROUP=engines`` a
Spark cluster (EVERGREEN_SPARK_MASTER names its master). A test marked ``notimpl`` (we have not built it), ``notyet``
(the engine or Ibis lacks it) or ``never`` (it makes no sense there) for an engine must fail on it: a mark that is no
longer true fails the suite.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from evergreen.base.env import Home
from evergreen.events import journal
from evergreen.events.warehouses import named
from evergreen.events.warehouses.backends import Backend, DuckDB

if TYPE_CHECKING:
    from evergreen.events.warehouses.clickhouse import Client

MARKS = {
    "notimpl": "not built by us",
    "notyet": "lacking in the engine or in Ibis",
    "never": "makes no sense there",
}
# Address of an empty database on a server, instead of chdb; its events are dropped.
SERVER = os.environ.get("EVERGREEN_TEST_CLICKHOUSE", "")
SPARK = os.environ.get("EVERGREEN_SPARK_MASTER", "")

# chdb opens one folder a process, so all tests of a process share it.
_folders: list[str] = []


def clickhouse_folder() -> str:
    if not _folders:
        _folders.append(tempfile.mkdtemp(prefix="evergreen-chdb-"))
        atexit.register(shutil.rmtree, _folders[0], ignore_errors=True)
    return _folders[0]


def clickhouse_address() -> str:
    """The ClickHouse under test, as ``EVERGREEN_WAREHOUSE`` names one."""
    return SERVER or f"chdb://{clickhouse_folder()}"


@cache
def _client() -> Client:
    from evergreen.events.warehouses.clickhouse import Server, in_process

    return Server(SERVER) if SERVER else in_process(clickhouse_folder())


def _on_clickhouse() -> Iterator[Backend]:
    from evergreen.events.warehouses.clickhouse import ClickHouse

    yield ClickHouse(_client())


def _on_postgresql() -> Iterator[Backend]:
    import psycopg

    from evergreen.events.warehouses.postgresql import PostgreSQL

    with psycopg.connect(os.environ["EVERGREEN_DATABASE"], autocommit=True) as con:
        yield PostgreSQL(con)


def _on_spark() -> Iterator[Backend]:
    from pyspark.sql import SparkSession

    from evergreen.events.warehouses.spark import Spark

    builder = SparkSession.builder.master(SPARK).appName("evergreen")
    for name, value in {
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.ansi.enabled": "true",
    }.items():
        builder = builder.config(name, value)
    yield Spark(builder.getOrCreate())


_ENGINES: dict[str, Callable[[], Iterator[Backend]]] = {
    "clickhouse": _on_clickhouse,
    "postgresql": _on_postgresql,
    "spark": _on_spark,
}


def _asked() -> list[Any]:
    if SPARK:
        return ["spark"]
    postgresql = [pytest.param("postgresql", marks=pytest.mark.postgres)]
    return ["clickhouse", *(postgresql if os.environ.get("EVERGREEN_DATABASE") else [])]


@pytest.fixture(params=_asked())
def engine(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Each engine under test."""
    yield from _ENGINES[request.param]()


@pytest.fixture
def clickhouse(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home whose single events lie in ClickHouse, which is empty."""
    client = _client()
    for kind, name in (
        ("VIEW", "events"),
        *(("TABLE", one) for one in ("event_rows", "message_keys", "published", "settled")),
    ):
        client.command(f"DROP {kind} IF EXISTS {name} SYNC")
    monkeypatch.setenv("EVERGREEN_WAREHOUSE", clickhouse_address())
    yield home
    named._opened.clear()
    journal.close_all()


@pytest.fixture(params=["lake", "clickhouse"])
def held(request: pytest.FixtureRequest) -> Home:
    """A home with its events in the lake, and one with them in ClickHouse."""
    found: Home = request.getfixturevalue("home" if request.param == "lake" else request.param)
    return found


class _WithoutLake(DuckDB):
    """The embedded engine with tables of the test instead of a lake."""

    def table(self, name: str, *, database: str | None = None) -> Any:
        return super().table(name)


@pytest.fixture
def embedded() -> Iterator[Backend]:
    """The embedded engine, which the others have to agree with."""
    with duckdb.connect() as con:
        yield _WithoutLake(con)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        asked = getattr(item, "callspec", None)
        name = asked.params.get("engine") if asked else None
        for mark in (mark for kind in MARKS for mark in item.iter_markers(kind)):
            if name in mark.args[0]:
                reason = f"{MARKS[mark.name]}: {mark.kwargs['reason']}"
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
