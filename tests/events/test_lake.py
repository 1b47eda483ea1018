"""What a transaction on the lake promises: whole or not at all, and on stable storage when it is there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from evergreen.base.env import Home
from evergreen.events import arrivals, store, upkeep

_MOMENT = dt.datetime(2026, 11, 20, 8)


def _events(*ids: str, source: str = "web", name: str = "Viewed") -> pa.Table:
    row = {
        "source": source, "kind": "track", "name": name, "tenant": "", "occurred_at": _MOMENT,
        "received_at": _MOMENT, "known_at": _MOMENT, "count": 1, "backfilled": False,
    }  # fmt: skip
    rows = [{**row, "message_id": one} for one in ids]
    return pa.Table.from_pylist(rows, schema=arrivals.EVENT_SCHEMA)


def _rejected() -> pa.Table:
    row = {
        "source": "web", "kind": "segment/batch", "received_at": _MOMENT, "reason": "no event", "body": "{}",
        "origin": "segment-1", "position": 0, "item": 0,
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=arrivals.REJECTED_SCHEMA)


def _append(con: duckdb.DuckDBPyConnection, now: dt.datetime) -> arrivals.Appended:
    return arrivals.append(
        con,
        _events("m1", "m2"),
        origin="segment-1",
        until=90,
        zone="Asia/Shanghai",
        now=now,
        rejected=_rejected(),
    )


def test_a_batch_enters_the_lake_whole_or_not_at_all(
    home: Home, lake: Callable[..., list[tuple[Any, ...]]], now: dt.datetime
) -> None:
    tables = ("events", "message_keys", "batches", "rejected_events", "arrivals")
    with (
        store.session(home) as con,
        pytest.raises(RuntimeError, match="power"),
        arrivals.appending(home),
        store.transaction(con, home),
    ):
        _append(con, now)
        raise RuntimeError("the power went")
    for table in tables:
        assert lake(f"SELECT count(*) FROM lake.{table}") == [(0,)], table
    with store.session(home) as con:
        with arrivals.appending(home), store.transaction(con, home):
            counted = _append(con, now)
        assert (counted.received, counted.stored, counted.rejected) == (3, 2, 1)
        assert arrivals.held(con, "segment-1") == 90


def test_a_message_id_adds_nothing_to_its_source_ever_again(
    home: Home, lake: Callable[..., list[tuple[Any, ...]]], now: dt.datetime
) -> None:
    def appended(events: pa.Table, origin: str) -> tuple[int, int, int]:
        with arrivals.appending(home), store.writing(home) as con:
            counted = arrivals.append(con, events, origin=origin, until=1, zone="Asia/Shanghai", now=now)
        return counted.stored, counted.duplicates, counted.conflicts

    assert appended(_events("m1", "m2", "m1"), "first") == (2, 1, 0)
    assert appended(_events("m2", "m3"), "a year later") == (1, 1, 0)
    assert appended(_events("m1", name="Bought"), "another event under an old id") == (0, 1, 1)
    assert appended(_events("m1", source="app"), "another source") == (1, 0, 0)
    stored = lake("SELECT source, message_id, name FROM lake.events ORDER BY ALL")
    assert stored == [("app", "m1", "Viewed"), *(("web", f"m{n}", "Viewed") for n in (1, 2, 3))]


class _Told:
    """A connection that tells what it is asked to execute."""

    def __init__(self, order: list[str]) -> None:
        self._order = order

    def execute(self, sql: str) -> None:
        self._order.append(sql)


def test_a_commit_comes_after_the_sync_of_the_files_it_names(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(store, "_sync", lambda home: order.append("sync"))
    with store.transaction(_Told(order), home):  # type: ignore[arg-type]
        order.append("write")
    assert order == ["BEGIN", "write", "sync", "COMMIT"]


def test_what_cannot_be_synced_is_not_committed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(home: Home) -> None:
        raise store.LakeError("The lake's files could not be synced")

    order: list[str] = []
    monkeypatch.setattr(store, "_sync", fails)
    with pytest.raises(store.LakeError), store.transaction(_Told(order), home):  # type: ignore[arg-type]
        pass
    assert order == ["BEGIN", "ROLLBACK"]


def test_an_installation_that_was_moved_or_restored_elsewhere_reads_and_writes_its_lake(
    home: Home, now: dt.datetime, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with arrivals.appending(home), store.writing(home) as con:
        _append(con, now)
    store.close()
    elsewhere = tmp_path_factory.mktemp("restored") / "home"
    home.root.rename(elsewhere)
    there = Home(elsewhere)
    with arrivals.appending(there), store.writing(there) as con:
        arrivals.append(
            con, _events("m3"), origin="segment-2", until=1, zone="Asia/Shanghai", now=now, home=there
        )
    read = store.reading(there)
    assert read.execute("SELECT count(*) FROM lake.events").fetchall() == [(3,)]
    files = read.execute("SELECT data_file FROM ducklake_list_files('lake', 'events')").fetchall()
    assert files and all(name.startswith(str(elsewhere)) for (name,) in files)
    (there.lake / "data" / "main" / "events" / "left-behind.parquet").write_bytes(b"PAR1")
    with store.session(there) as con:
        upkeep.keep(con, now=dt.datetime.now(dt.UTC) + dt.timedelta(days=3), home=there)
    assert not list(there.lake.rglob("left-behind.parquet"))
    assert store.reading(there).execute("SELECT count(*) FROM lake.events").fetchall() == [(3,)]
    elsewhere.rename(home.root)


@pytest.mark.django_db
def test_a_reader_is_made_anew_after_a_while_and_those_under_way_go_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection grows with every commit it sees, so a process that only reads must not hold one for ever."""
    before = store.reading(home)
    monkeypatch.setattr(store, "READER_SECONDS", -1.0)
    before.execute("CREATE TEMP TABLE of_this_connection AS SELECT 1")
    after = store.reading(home)
    mine = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'of_this_connection'"
    assert (store.scalar(before, mine), store.scalar(after, mine)) == (1, 0)
    for con in (before, after):
        assert store.scalar(con, "SELECT count(*) FROM lake.events") == 0


def test_a_transaction_inside_another_one_is_refused_instead_of_waiting_for_itself(home: Home) -> None:
    with store.session(home) as other, store.writing(home) as con:
        with (
            pytest.raises(store.LakeError, match="open in this thread already"),
            store.transaction(other, home),
        ):
            pass
        con.execute("INSERT INTO lake.rolled VALUES (DATE '2026-01-01', 1)")
    with store.writing(home) as con:
        assert store.scalar(con, "SELECT count(*) FROM lake.rolled") == 1
