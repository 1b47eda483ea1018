"""Argument: events (default 10,000,000). Each engine reads the same file, three times, each in a fresh process."""

from __future__ import annotations

import datetime as dt
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb

from bench.figures import by_hand, made, ours, with_pandas
from bench.homes import line

ROUNDS = 3
ENGINES = {"ours": ours, "by hand": by_hand, "pandas": with_pandas}
# What pandas holds in memory.
_PANDAS_MOST = 10_000_000


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory(prefix="evergreen-bench-") as folder:
        path = Path(folder) / "events.parquet"
        # By a process of its own, whose memory would count as that of those that come after it.
        subprocess.run([sys.executable, "-m", "bench.figures", "--make", str(path), str(events)], check=True)
        told: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for _ in range(ROUNDS):
            for engine in ENGINES:
                if engine != "pandas" or events <= _PANDAS_MOST:
                    told[engine].append(_apart(engine, path))
    _tell(told, events)


def _apart(engine: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.figures", "--engine", engine, str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _run(engine: str, path: Path) -> None:
    figures = [one._asdict() for one in ENGINES[engine].run(path, _weeks(path))]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"figures": figures, "peak_mb": peak}))


def _weeks(path: Path) -> list[str]:
    """The Sundays that lie within the events."""
    with duckdb.connect() as con:
        found = con.execute(f"SELECT min(day), max(day) FROM read_parquet('{path}')").fetchone()
    assert found is not None
    first, last = found
    start = first + dt.timedelta(days=6 - first.weekday())
    return [(start + dt.timedelta(days=days)).isoformat() for days in range(0, (last - start).days + 1, 7)]


def _tell(told: dict[str, list[dict[str, Any]]], events: int) -> None:
    total, busy = {}, {}
    sums = {
        engine: {one["name"]: (one["rows"], one["total"]) for one in runs[0]["figures"]}
        for engine, runs in told.items()
    }
    for engine, runs in told.items():
        total[engine] = statistics.median(sum(one["seconds"] for one in run["figures"]) for run in runs)
        busy[engine] = statistics.median(sum(one["busy"] for one in run["figures"]) for run in runs)
        line(f"seven figures of {events:,} events, {engine} (s)", f"{total[engine]:.2f}")
        line("  of the processor (s)", f"{busy[engine]:.2f}")
        line("  peak memory (MB)", f"{max(run['peak_mb'] for run in runs):,.0f}")
        for place, one in enumerate(runs[0]["figures"]):
            seconds = statistics.median(run["figures"][place]["seconds"] for run in runs)
            line(f"  {one['name']} (s)", f"{seconds:.2f}")
        equal = all(sums[engine][name] == found for name, found in sums["by hand"].items())
        line("  rows and sums equal to the hand-written SQL", str(equal), "True")
        if not equal:
            print(
                {
                    name: (sums[engine][name], found)
                    for name, found in sums["by hand"].items()
                    if sums[engine][name] != found
                }
            )
    line("ours ÷ hand-written SQL", f"{total['ours'] / total['by hand']:.2f}", "at most 1.2")
    line("  of the processor (on a machine that does other work)", f"{busy['ours'] / busy['by hand']:.2f}")
    if "pandas" in total:
        line("pandas ÷ ours", f"{total['pandas'] / total['ours']:.1f}", "at least 2.5")
        line("  of the processor (ours uses two, pandas one)", f"{busy['pandas'] / busy['ours']:.1f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--engine"]:
        _run(sys.argv[2], Path(sys.argv[3]))
    elif sys.argv[1:2] == ["--make"]:
        made.make(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
