"""How long ``evergreen --help`` takes, beside a bare Python start."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.homes import line

RUNS = 9


def median(command: list[str]) -> float:
    """Median seconds of several runs of a command."""
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main() -> None:
    command = Path(sys.executable).with_name("evergreen")
    bare, ours = median([sys.executable, "-c", "pass"]), median([str(command), "--help"])
    line("python -c pass (s)", f"{bare:.3f}")
    line("evergreen --help (s)", f"{ours:.3f}", "under 0.5")
    line("evergreen --help ÷ python -c pass", f"{ours / bare:.1f}")


if __name__ == "__main__":
    main()
