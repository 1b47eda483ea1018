"""Journal to lake: how many events a second the mover stores, in an empty lake and among ids stored already."""

from __future__ import annotations

import json
import shutil
import statistics
import time
import uuid
from typing import TYPE_CHECKING, Any

from bench.ingest.bodies import batch

if TYPE_CHECKING:
    from evergreen.base.env import Home

MOVED_BODIES = 600


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


def move(where: Home) -> tuple[float, float]:
    """(events a second, median seconds of a step with one event) of the mover."""
    from evergreen.base.clock import utc_now
    from evergreen.events import journal, mover, store

    own = journal.process_journal(where)

    def write(kind: str, sent: Any) -> None:
        own.write_now(journal.Record("bench", f"segment/{kind}", time.time_ns() // 1000, sent))

    for _ in range(MOVED_BODIES):
        write("batch", batch())
    with mover.moving(where), store.session(where) as con:
        moving = mover.Mover(con, where)
        began = time.perf_counter()
        moved = moving.move(utc_now())
        rate = moved.stored / (time.perf_counter() - began)
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
    return rate, statistics.median(steps)
