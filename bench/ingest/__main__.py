"""Events acknowledged, stored and seen: all on this machine, in one run.

Batches of 100 and single calls go to Evergreen's ingest, to a bare server that only decodes and appends, and to a plain
Django view that does the same; the servers take turns, each on one core, the sender on another. Rates are also told by
the second of processor time that the server used, which a busy machine changes less. Then an event's way to the
account's timeline at 1,000 events a second, and the mover, in an empty lake and among many message ids that are stored
already (argument: how many, default 20,000,000; ``python -m bench.ingest 100000000 stored``: the mover alone).
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from bench.homes import line, scratch_home
from bench.ingest import bodies, moving, sending, serving, visible

CONNECTIONS = 32
ROUNDS = 3
SECONDS = 4.0
BODIES, SINGLES = 200, 2_000
Rates = dict[tuple[str, str], float]


def main() -> None:
    ids = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000_000
    if sys.argv[2:] != ["stored"]:
        with tempfile.TemporaryDirectory(prefix="evergreen-bench-") as folder:
            acknowledged(Path(folder))
        waits = visible.waits()
        line("event acknowledged to seen in the timeline, median (s)", f"{statistics.median(waits):.1f}")
        line(f"  longest of {len(waits)}, at 1,000 events/s", f"{max(waits):.1f}", "at most 5")
    stored(ids)


def acknowledged(folder: Path) -> None:
    """Batches and single calls against each server in turn; medians of the rounds."""
    from evergreen.base.env import Home
    from evergreen.events.ingest.keys import Published, key_hash, write_keys

    write_keys(Home(folder).keys, Published({key_hash(bodies.KEY): "bench"}, ("account_id",)))
    made = [bodies.batch() for _ in range(BODIES)]
    requests = {
        "batch": [bodies.request("/v1/batch", one) for one in made],
        "single": [bodies.request("/v1/track", bodies.single(number)) for number in range(SINGLES)],
    }
    wall: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    used: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    waits: defaultdict[str, list[float]] = defaultdict(list)
    loops = []
    for _ in range(ROUNDS):
        loops.append(serving.loop(folder, made, SECONDS) * bodies.BATCH)
        for name in serving.SERVERS:
            for kind, sent in requests.items():
                with serving.served(name, folder) as server:
                    before = server.cpu_seconds()
                    load = sending.load(server.port, sent, connections=CONNECTIONS, seconds=SECONDS)
                    took = server.cpu_seconds() - before
                events = bodies.BATCH if kind == "batch" else 1
                wall[name, kind].append(load.rate * events)
                used[name, kind].append(load.answers * events / took)
                if name == "evergreen":
                    waits[kind] += load.waits
    for path in folder.rglob("*.journal"):
        path.unlink()
    _tell({key: statistics.median(found) for key, found in wall.items()}, "")
    _tell({key: statistics.median(found) for key, found in used.items()}, " per second of processor")
    line("decode and append alone, no server, events/s", f"{statistics.median(loops):,.0f}")
    for kind, found in waits.items():
        centiles = statistics.quantiles(found, n=100)
        line(
            f"{kind}: acknowledgement p50 / p99 (ms), {CONNECTIONS} senders",
            f"{centiles[49] * 1000:.0f} / {centiles[98] * 1000:.0f}",
        )
    line("load average", " ".join(f"{one:.1f}" for one in os.getloadavg()))


def _tell(rates: Rates, by: str) -> None:
    batch, single = rates["evergreen", "batch"], rates["evergreen", "single"]
    line(f"events/s acknowledged in batches of 100{by}", f"{batch:,.0f}")
    line("  ÷ bare decode and durable append", f"{batch / rates['bare', 'batch']:.2f}", "at least 0.5")
    line("  ÷ a plain Django view", f"{batch / rates['django', 'batch']:.1f}", "at least 3")
    line("  ÷ the same without sync (cost of durability)", f"{batch / rates['unsynced', 'batch']:.2f}")
    line(
        f"single calls/s acknowledged, {CONNECTIONS} senders{by}",
        f"{single:,.0f}",
        "at least 1,500" * (not by),
    )
    line("  ÷ bare decode and durable append", f"{single / rates['bare', 'single']:.2f}")
    line("  ÷ a plain Django view", f"{single / rates['django', 'single']:.1f}")


def stored(ids: int) -> None:
    """The mover's rates."""
    from evergreen.base.env import home

    with scratch_home():
        where = home()
        with moving.watched() as own:
            empty = moving.move(where)
        indexing = moving.stock(where, ids)
        with moving.watched() as own_among:
            among = moving.move(where)
    line("events/s from the journal into the lake, of 1,000,000", f"{empty.rate:,.0f}", "at least 200,000")
    line("  per second of processor", f"{empty.rate_used:,.0f}")
    line("one event from the journal into the lake (s, median)", f"{empty.one:.2f}", "countable within 5")
    line(f"index of {ids:,} message ids made anew (s)", f"{indexing:.1f}")
    line("  events/s stored among them", f"{among.rate:,.0f}", "at least 200,000")
    line("  per second of processor", f"{among.rate_used:,.0f}")
    line("  ÷ in an empty lake", f"{among.rate / empty.rate:.2f}")
    line("  ÷ in an empty lake, per second of processor", f"{among.rate_used / empty.rate_used:.2f}")
    line("  one event among them ÷ in an empty lake", f"{among.one / empty.one:.2f}")
    line("  memory of the mover's own, in an empty lake / among them (MB)", f"{own[0]:,} / {own_among[0]:,}")
    line("load average", " ".join(f"{one:.1f}" for one in os.getloadavg()))


if __name__ == "__main__":
    main()
