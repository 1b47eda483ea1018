"""How the night's time and memory grow with the history: when one machine is no longer enough (docs/warehouses.md).

Arguments: sizes in events (default 1,000,000 and 10,000,000; add 100000000 on a quiet machine with 30 GB of disk).
10,000 accounts, 28 days and one more, the figures of every metric. Each size has a process and a home of its own.
"""

from __future__ import annotations

import datetime as dt
import math
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.homes import line, scratch_home
from bench.night import DAY, apart, build, night

ACCOUNTS = 10_000
LARGEST_EXPONENT = 1.0
LARGEST_MEMORY_GB = 4.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one size: seconds of all 28 days at once and of the day after them, peak memory, and the lake on the disk."""

    events: int
    full: dict[str, float]
    next_day: dict[str, float]
    peak_gb: float
    disk_gb: float


def nights(events: int, root: Path) -> Measured:
    """Both nights over a home that is there, in this process."""
    import django

    django.setup()
    from evergreen.events import store

    with store.session() as con:
        full = night(con, DAY)
        next_day = night(con, DAY + dt.timedelta(days=1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    disk = sum(path.stat().st_size for path in (root / "lake").rglob("*") if path.is_file()) / 1e9
    return Measured(events, full, next_day, peak, disk)


def measured(events: int) -> Measured:
    with scratch_home() as root:
        apart(build, events, ACCOUNTS)
        found: Measured = apart(nights, events, root)
    return found


def exponent(smaller: Measured, larger: Measured, part: str) -> float:
    """The power of the number of events that the seconds grow with."""
    seconds = [sum(getattr(one, part).values()) for one in (smaller, larger)]
    return math.log(seconds[1] / seconds[0]) / math.log(larger.events / smaller.events)


def main() -> None:
    sizes = sorted(map(int, sys.argv[1:])) or [1_000_000, 10_000_000]
    before: Measured | None = None
    for size in sizes:
        began = time.perf_counter()
        one = apart(measured, size)
        print(
            f"-- {size:,} events of {ACCOUNTS:,} accounts (made and reckoned in {time.perf_counter() - began:.0f} s)"
        )
        line("all 28 days at once (s)", f"{sum(one.full.values()):.2f}")
        for name, seconds in one.full.items():
            line(f"  {name} (s)", f"{seconds:.2f}")
        line("the day after them (s)", f"{sum(one.next_day.values()):.2f}")
        for name, seconds in one.next_day.items():
            line(f"  {name} (s)", f"{seconds:.2f}")
        line("peak memory (GB)", f"{one.peak_gb:.2f}", f"at most {LARGEST_MEMORY_GB:g}")
        line("the lake on the disk (GB)", f"{one.disk_gb:.2f}")
        if before is not None:
            line(
                "growth of all days: events to the power of",
                f"{exponent(before, one, 'full'):.2f}",
                f"at most {LARGEST_EXPONENT}",
            )
            line(
                "growth of the day after",
                f"{exponent(before, one, 'next_day'):.2f}",
                f"at most {LARGEST_EXPONENT}",
            )
        before = one


if __name__ == "__main__":
    main()
