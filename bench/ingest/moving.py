"""Journal to lake: how many events a second the mover stores, in an empty lake and among ids stored already."""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.ingest.bodies import batch

if TYPE_CHECKING:
    from evergreen.base.env import Home

MOVED_BODIES = 10_000


class Moved(NamedTuple):
    """Events stored a second, and a second of processor time of all processes; median seconds of a step with one event."""

    rate: float
    rate_used: float
    one: float


def clear(where: Home) -> None:
    """Drop what the load left in the journal."""
    for path in where.journal.glob("*.journal"):
        path.unlink()


def stock(where: Home, ids: int) -> float:
    """Have the lake hold so many message ids already; returns the seconds to index them anew."""
    from evergreen.base.clock import utc_now
    from evergreen.events import arrivals, message_keys, store

    with arrivals.appending(where), store.session(where) as con:
        number = int(store.scalar(con, "SELECT max(number) FROM lake.batches") or 0) + 1
        with store.transaction(con, where):
            con.execute(
                "INSERT INTO lake.message_keys SELECT hash(i), hash(i, 1), hash(i, 2), ? FROM range(?) t(i)",
                [number, ids],
            )
            con.execute(
                "INSERT INTO lake.batches VALUES ('stock', 1, ?, ?, 0, 0, 0, ?, ?, 'stock')",
                [ids, ids, utc_now().replace(tzinfo=None), number],
            )
        shutil.rmtree(where.lake / "keys", ignore_errors=True)
        message_keys.forget(where)
        began = time.perf_counter()
        message_keys.of(where).refresh(con)
        return time.perf_counter() - began


def used() -> float:
    """Seconds of processor time of this process and those it started that have ended."""
    found = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in found)


@contextmanager
def watched() -> Iterator[list[int]]:
    """The most memory of its own (MB) that this process had in the block. Mapped files, which the system takes back when
    it needs room, do not count."""
    peak, ends = [0], threading.Event()

    def watch() -> None:
        while not ends.wait(0.02):
            status = Path("/proc/self/status").read_text()
            peak[0] = max(peak[0], int(status.split("RssAnon:")[1].split()[0]) // 1024)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peak
    finally:
        ends.set()
        watching.join()


def move(where: Home) -> Moved:
    """Have a million events stored, then single ones."""
    from evergreen.base.clock import utc_now
    from evergreen.events import journal, mover, store

    own = journal.process_journal(where)

    def write(kind: str, sent: Any) -> None:
        own.write_now(journal.Record("bench", f"segment/{kind}", time.time_ns() // 1000, sent))

    for _ in range(MOVED_BODIES):
        write("batch", batch())
    with mover.moving(where), store.session(where) as con:
        moving = mover.Mover(con, where)
        before, began = used(), time.perf_counter()
        stored = moving.move(utc_now()).stored
        rate, rate_used = stored / (time.perf_counter() - began), stored / (used() - before)
        steps = []
        for _ in range(9):
            write(
                "track",
                json.dumps({"event": "One", "userId": "u", "messageId": f"one {uuid.uuid4()}"}).encode(),
            )
            began = time.perf_counter()
            moving.step(utc_now())
            steps.append(time.perf_counter() - began)
    journal.close_all()
    return Moved(rate, rate_used, statistics.median(steps))
