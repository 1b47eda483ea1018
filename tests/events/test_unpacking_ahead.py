"""A long journal unpacked by several processes: the same rows, whatever becomes of them."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.base.env import Home
from evergreen.events import journal, mover, store
from evergreen.events.journal import Journal
from evergreen.events.unpacking import ahead
from tests.events.test_mover import batch, event, group

Lake = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "STRETCH_BYTES", 20_000)
    monkeypatch.setattr(ahead, "_WORTH_BYTES", 60_000)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ahead._Child]]:
    """The processes that were started."""
    children: list[ahead._Child] = []
    make = ahead._Child.__init__

    def noted(self: ahead._Child) -> None:
        make(self)
        children.append(self)

    monkeypatch.setattr(ahead._Child, "__init__", noted)
    yield children
    for child in children:
        assert child._process.poll() is not None, "a process was left running"


def write_long(home: Home) -> tuple[Path, list[str]]:
    """A segment of some 60 stretches with good, odd, refused and repeated calls; its ids in the order first sent."""
    own, ids = Journal(home), []
    repeated = event()
    for number in range(300):
        sent = [
            event(person=f"u{number % 7}", context={"groupId": "A-well"} if number % 3 else None, properties={"n": n, "text": "月度" * 9})
            for n in range(20)
        ]  # fmt: skip
        sent[3]["timestamp"] = "1999-01-01T00:00:00Z"  # left to the dialect
        sent[5] = group(f"u{number % 7}", "A-slipping")
        ids += [one["messageId"] for one in sent]
        own.write_now(batch(*sent, {**repeated, "event": f"Again {number}"}, {"type": "track"}))
    own.close()
    (path,) = journal.segments(home)
    return path, [*ids, repeated["messageId"]]


def rows(lake: Lake) -> list[tuple[Any, ...]]:
    return lake("SELECT * EXCLUDE (account_id) FROM lake.events ORDER BY message_id")


@pytest.mark.postgres
def test_other_processes_unpack_to_the_same_rows(
    cast: SimpleNamespace, home: Home, now: dt.datetime, lake: Lake, asked: list[ahead._Child], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    _, ids = write_long(home)
    with mover.moving(home), store.session(home) as con:
        moved = mover.Mover(con, home).move(now)
    assert asked, "no other process was asked"
    assert (moved.received, moved.stored, moved.duplicates) == (300 * 22, len(ids), 299)
    assert (moved.conflicts, moved.rejected) == (299, 300)
    assert {row[-3] for row in rows(lake)} == set(ids)
    assert lake("SELECT name FROM lake.events WHERE name LIKE 'Again%'") == [("Again 0",)]
    assert lake("SELECT count(*), count(DISTINCT (position, item)) FROM lake.rejected_events") == [(300, 300)]
    assert not journal.segments(home)


def test_what_a_process_that_dies_was_asked_for_is_unpacked_here(
    cast: SimpleNamespace, home: Home, now: dt.datetime, lake: Lake, asked: list[ahead._Child], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    _, ids = write_long(home)
    ask = ahead._Child.ask
    deaths: list[int] = []

    def kill_first(self: ahead._Child, what: Any) -> Any:
        if len(deaths) < 2:
            deaths.append(self._process.pid)
            os.kill(self._process.pid, signal.SIGKILL)
        return ask(self, what)

    monkeypatch.setattr(ahead._Child, "ask", kill_first)
    with mover.moving(home), store.session(home) as con:
        moved = mover.Mover(con, home).move(now)
    assert len(deaths) == 2
    assert (moved.stored, moved.duplicates, moved.rejected) == (len(ids), 299, 300)
    assert {row[-3] for row in rows(lake)} == set(ids)


def test_a_damaged_stretch_gives_up_its_good_records(
    cast: SimpleNamespace, home: Home, now: dt.datetime, lake: Lake, asked: list[ahead._Child]
) -> None:
    path, ids = write_long(home)
    body = bytearray(path.read_bytes())
    broken = len(body) // 2
    body[broken] ^= 0xFF
    path.write_bytes(bytes(body))
    with mover.moving(home), store.session(home) as con:
        moved = mover.Mover(con, home).move(now)
    assert asked
    assert moved.stored == len(ids) - 20, "one record of twenty new calls is lost"
    assert moved.rejected == 299
    assert journal.damaged(home)


def test_a_process_that_unpacks_ends_with_the_one_it_works_for(tmp_path: Path) -> None:
    script = (
        "from evergreen.events.unpacking.ahead import _Child\n"
        "import os, signal\n"
        "child = _Child()\n"
        "print(child._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    pid = int(done.stdout)
    for _ in range(600):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            return
        signal.sigtimedwait([], 0.1)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("it outlived its parent by a minute")
