"""How many events a second are acknowledged and stored, and what durability costs: all on this machine, in one run.

A sender process posts ready-made batches of 100 over 32 connections; the server is the real ingest under granian, once
as it is and once with its syncs left out. Then the mover stores what was acknowledged, in an empty lake and among many
message ids that are stored already (argument: how many, default 20,000,000).
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import shutil
import statistics
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

from bench.homes import line, scratch_home

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

    from evergreen.base.env import Home

KEY = "bench-key"
CONNECTIONS, BATCH, SECONDS, BODIES = 32, 100, 5.0, 300
MOVED_BODIES = 600


def main() -> None:
    from evergreen.base.env import home
    from evergreen.events.ingest.keys import Published, key_hash, write_keys

    ids = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000_000
    with scratch_home():
        where = home()
        write_keys(where.keys, Published({key_hash(KEY): "bench"}, ("account_id",)))
        bodies = [body() for _ in range(BODIES)]
        decoding = decode_only(bodies)
        unsynced, _ = load(bodies, synced=False)
        synced, waits = load(bodies, synced=True)
        clear(where)
        stored, commit = move(where)
        indexing = stock(where, ids)
        stored_among, commit_among = move(where)
    line("events/s decoded, one process, no server", f"{decoding:,.0f}")
    line("events/s acknowledged without sync", f"{unsynced:,.0f}")
    line("events/s acknowledged, each on disk before its 200", f"{synced:,.0f}")
    line("cost of durability (acknowledged ÷ without sync)", f"{synced / unsynced:.2f}")
    line("acknowledgement p50 / p99 (ms), 32 connections", f"{waits[0]:.0f} / {waits[1]:.0f}")
    line("events/s stored by the mover", f"{stored:,.0f}")
    line("one event from the journal into the lake (s, median)", f"{commit:.2f}", "countable within 5")
    line(f"index of {ids:,} message ids made anew (s)", f"{indexing:.1f}")
    line("  events/s stored among them ÷ in an empty lake", f"{stored_among / stored:.2f}")
    line("  one event among them ÷ in an empty lake", f"{commit_among / commit:.2f}")


def body() -> bytes:
    """A batch as a product's server sends it, about 40 kB."""
    events = [
        {
            "type": "track",
            "event": f"Report {number % 7} viewed",
            "userId": f"user {number % 997}",
            "messageId": str(uuid.uuid4()),
            "timestamp": "2026-11-20T10:00:00.000Z",
            "properties": {"feature": "reports", "rows": number, "title": "月度对账报表" * 4},
            "context": {"library": {"name": "bench", "version": "1"}, "groupId": f"A-{number % 50}"},
        }
        for number in range(BATCH)
    ]
    return json.dumps({"batch": events, "sentAt": "2026-11-20T10:00:00.000Z"}).encode()


def decode_only(bodies: list[bytes]) -> float:
    from evergreen.events.ingest import segment

    began = time.perf_counter()
    for one in bodies:
        segment.open_request("batch", one)
    return len(bodies) * BATCH / (time.perf_counter() - began)


def load(bodies: list[bytes], *, synced: bool) -> tuple[float, tuple[float, float]]:
    """(events a second, (p50, p99) in ms) of a fresh server process."""
    from evergreen.launch.server import free_port

    context = multiprocessing.get_context("spawn")
    port = free_port("127.0.0.1", 0)
    ready = context.Event()
    server = context.Process(target=serve, args=(port, synced, ready), daemon=True)
    server.start()
    ready.wait(30)
    try:
        return asyncio.run(send(bodies, port))
    finally:
        server.terminate()
        server.join(10)


def serve(port: int, synced: bool, ready: Event) -> None:
    """The ingest alone, in a process of its own."""
    if not synced:
        os.fdatasync = lambda _: None  # type: ignore[assignment]
    from granian.constants import Interfaces
    from granian.server.embed import Server

    from evergreen.base.env import home
    from evergreen.events.ingest import Ingest

    async def run() -> None:
        server = Server(
            Ingest(home()),
            address="127.0.0.1",
            port=port,
            interface=Interfaces.ASGI,
            websockets=False,
            log_enabled=False,
            backlog=1024,
        )
        asyncio.get_running_loop().call_later(0.5, ready.set)
        await server.serve()

    asyncio.run(run())


async def send(bodies: list[bytes], port: int) -> tuple[float, tuple[float, float]]:
    """Post for some seconds over all connections."""
    import base64

    authorization = base64.b64encode(f"{KEY}:".encode())
    waits: list[float] = []
    until = time.perf_counter() + SECONDS

    async def post(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number = first
        while (began := time.perf_counter()) < until:
            sent = bodies[number % len(bodies)]
            head = b"POST /v1/batch HTTP/1.1\r\nHost: bench\r\nAuthorization: Basic %b\r\nContent-Length: %d\r\n\r\n"
            writer.write(head % (authorization, len(sent)) + sent)
            answer = await reader.readuntil(b'{"success":true}')
            assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
            waits.append(time.perf_counter() - began)
            number += 1
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(post(n * 7) for n in range(CONNECTIONS)))
    rate = len(waits) * BATCH / (time.perf_counter() - began)
    centiles = statistics.quantiles(waits, n=100)
    return rate, (centiles[49] * 1000, centiles[98] * 1000)


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
        write("batch", body())
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


if __name__ == "__main__":
    main()
