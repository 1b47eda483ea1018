"""``python -m tests.torture --group ingest|night|import|all``: long fault runs, a line of JSON a test.

The sizes are the bars to pass; smaller ones try the harness: ``--kills 5 --events 20000 --rolls 3 --rounds 2``.
Exit code 1 when a test found a failure.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.torture import ingest, loading, nights
from tests.torture.reports import Report, Sizes

GROUPS: dict[str, Callable[[Sizes, Path], list[Report]]] = {
    "ingest": ingest.run,
    "night": nights.run,
    "import": loading.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--group", choices=[*GROUPS, "all"], default="all")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="makes a run repeatable")
    for name, meaning in (
        ("kills", "SIGKILLs under load"),
        ("events", "events sent under load"),
        ("rolls", "rolling restarts"),
        ("rounds", "rounds of killed nights and imports"),
    ):
        default = Sizes.__dataclass_fields__[name].default
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{meaning} (default {default})")
    asked = parser.parse_args(arguments)
    sizes = Sizes(asked.seed, asked.kills, asked.events, asked.rolls, asked.rounds)
    groups = list(GROUPS) if asked.group == "all" else [asked.group]
    with tempfile.TemporaryDirectory(prefix="evergreen-torture-", ignore_cleanup_errors=True) as folder:
        reports = [report for name in groups for report in GROUPS[name](sizes, Path(folder))]
    return 1 if any(report.failures for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
