"""The index of message keys says what the lake says, whatever is rolled back, killed, lost, merged or restored."""

from __future__ import annotations

import datetime as dt
import random
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from evergreen.base import env
from evergreen.base.env import Home
from evergreen.events import arrivals, message_keys, store
from evergreen.events.message_keys import Keys, MessageKeys

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_keys, "_TAIL_KEYS", 40)
    monkeypatch.setattr(message_keys, "_PIECE_KEYS", 16)


def rows(ids: list[str], name: str = "a") -> pa.Table:
    moment = dt.datetime(2026, 11, 19)
    same = {"source": "web", "kind": "track", "name": name, "tenant": "", "count": 1, "backfilled": False}
    times = dict.fromkeys(("occurred_at", "received_at", "known_at"), moment)
    return pa.Table.from_pylist([{**same, **times, "message_id": one} for one in ids])


def append(con: duckdb.DuckDBPyConnection, home: Home, ids: list[str], name: str = "a") -> arrivals.Appended:
    return arrivals.append(
        con, rows(ids, name), origin="o", until=1, zone="Asia/Shanghai", now=NOW, home=home
    )


def restart(home: Home) -> None:
    """Forget what this process knows, as a new process would."""
    message_keys._indexes.clear()


def files(home: Home) -> list[Path]:
    return sorted((home.lake / "keys").glob("*"))


class Undone(Exception):  # noqa: N818 - rolls a transaction back
    pass


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.postgres), 1, 2, 3])
def test_every_id_is_stored_once_through_rollbacks_restarts_and_lost_files(home: Home, seed: int) -> None:
    chance = random.Random(seed)
    known: dict[str, str] = {}
    with store.session(home) as con:
        for _ in range(30):
            ids = [f"m{chance.randrange(400)}" for _ in range(chance.randrange(2, 30))]
            name = chance.choice("ab")
            fresh = list(dict.fromkeys(one for one in ids if one not in known))
            conflicts = sum(known.get(one, name) != name for one in ids)
            fails = chance.random() < 0.25
            try:
                with arrivals.appending(home), store.transaction(con, home):
                    half = len(ids) // 2
                    first, second = append(con, home, ids[:half], name), append(con, home, ids[half:], name)
                    assert first.stored + second.stored == len(fresh)
                    assert first.conflicts + second.conflicts == conflicts
                    if fails:
                        raise Undone
            except Undone:
                pass
            else:
                known |= dict.fromkeys(fresh, name)
            event = chance.random()
            if event < 0.1:
                restart(home)
            elif event < 0.15:
                restart(home)
                chance.choice(files(home) or [home.lake / "none"]).unlink(missing_ok=True)
        stored = con.execute("SELECT message_id, name FROM lake.events").fetchall()
    assert len(stored) == len(known)
    assert dict(stored) == known


@pytest.mark.postgres
def test_another_process_is_caught_up_with(home: Home) -> None:
    ours, theirs = MessageKeys(home), MessageKeys(home)
    chance = np.random.default_rng(7)
    stored: list[Keys] = []
    with store.session(home) as con:
        for turn in range(30):
            index = (ours, theirs)[turn % 3 == 0]
            keys = Keys(*(chance.integers(0, 1 << 63, 17, np.uint64) for _ in range(3)))
            with arrivals.appending(home), store.transaction(con, home):
                index.refresh(con)
                for before in stored:
                    assert index.find(before.hi, before.lo).known.all()
                assert not index.find(keys.hi, keys.lo).known.any()
                number, mark = index.add(con, *keys)
                con.register("made", pa.table([pa.array(column) for column in keys], list(Keys._fields)))
                con.execute("INSERT INTO lake.message_keys SELECT hi, lo, body, ? FROM made", [number])
                con.execute(
                    "INSERT INTO lake.batches VALUES ('o', 1, 0, 0, 0, 0, 0, ?, ?, ?)",
                    [NOW.replace(tzinfo=None), number, mark],
                )
            stored.append(keys)
        ours.refresh(con)
        for before in stored:
            assert (ours.find(before.hi, before.lo).body == before.body).all()
    assert len(files(home)) < 6


@pytest.mark.skipif(bool(env.database_url()), reason="the lake's catalog is a file only beside SQLite")
def test_a_lake_restored_from_before_is_believed_more_than_the_files_beside_it(
    home: Home, tmp_path: Path
) -> None:
    with arrivals.appending(home), store.writing(home) as con:
        append(con, home, [f"m{n}" for n in range(50)])
    backup = tmp_path / "backup"
    store.close()
    shutil.copytree(home.lake, backup, symlinks=True)
    for at in (50, 100):
        with arrivals.appending(home), store.writing(home) as con:
            append(con, home, [f"m{n}" for n in range(at, at + 50)])
    late = files(home)
    assert late
    shutil.rmtree(home.lake)
    shutil.copytree(backup, home.lake, symlinks=True)
    (home.lake / "keys").mkdir(exist_ok=True)
    for path in late:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(24 * 50))
    restart(home)
    with arrivals.appending(home), store.writing(home) as con:
        counted = append(con, home, [f"m{n}" for n in range(120)])
    assert (counted.stored, counted.duplicates) == (70, 50)


@pytest.mark.postgres
def test_keys_that_share_one_half_are_told_apart(home: Home) -> None:
    index = MessageKeys(home)
    hi = np.full(6, 9, np.uint64)
    lo, body = np.arange(6, dtype=np.uint64), np.arange(10, 16, dtype=np.uint64)
    with store.session(home) as con:
        index.refresh(con)
        index.add(con, hi, lo, body)
        found = index.find(np.full(3, 9, np.uint64), np.array([5, 77, 0], np.uint64))
    assert found.known.tolist() == [True, False, True]
    assert found.body[[0, 2]].tolist() == [15, 10]


@pytest.mark.postgres
def test_a_dry_run_counts_what_it_tried_before_and_leaves_nothing(home: Home) -> None:
    with arrivals.appending(home), store.writing(home) as con:
        append(con, home, ["m1"])
    with store.session(home) as con:
        first = arrivals.trial(con, rows(["m1", "m2", "m2", "m3"]), home=home)
        second = arrivals.trial(con, rows(["m2", "m4"], "b"), home=home)
    assert (first.stored, first.duplicates, first.conflicts) == (2, 2, 0)
    assert (second.stored, second.duplicates, second.conflicts) == (1, 1, 1)
    with arrivals.appending(home), store.writing(home) as con:
        assert append(con, home, ["m2", "m3", "m4"]).stored == 3
