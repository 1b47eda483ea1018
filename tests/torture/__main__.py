"""``python -m tests.torture --group NAME``: long fault runs, a line of JSON a test.

The sizes are the bars to pass; smaller ones try the harness: ``--kills 5 --events 20000 --rolls 3 --rounds 2``.
Groups that can be resumed (``ingest-…``, ``connectors``, ``metrics``, ``journeys-…``) keep their progress in ``--work`` and stop by themselves after ``--minutes``: the same command
goes on from there. Exit code 1 when a test found a failure, 3 when the time was over first.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.torture import (
    connectors,
    engines,
    experiments,
    faults,
    ingest,
    journeys,
    kills,
    loading,
    loads,
    metric_sets,
    nights,
    resuming,
)
from tests.torture.reports import ROOT, Report, Sizes

# A group that goes on where it was stopped: its tests by id.
RESUMABLE: dict[str, dict[str, resuming.Test]] = {
    "ingest-kill": kills.TESTS,
    "ingest-fault": faults.TESTS,
    "ingest-load": loads.TESTS,
    "connectors": connectors.TESTS,
    "metrics": metric_sets.TESTS,
    "journeys-kill": journeys.KILL,
    "journeys-chaos": journeys.CHAOS,
}
GROUPS: dict[str, Callable[[Sizes, Path], list[Report]]] = {
    "ingest": ingest.run,
    "night": nights.run,
    "import": loading.run,
    "engines": engines.run,
    "experiments": experiments.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--group", choices=[*GROUPS, *RESUMABLE, "all"], default="all")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="makes a run repeatable")
    for name, meaning in (
        ("kills", "SIGKILLs under load"),
        ("events", "events sent under load"),
        ("rolls", "rolling restarts"),
        ("rounds", "rounds of killed nights and imports"),
    ):
        default = Sizes.__dataclass_fields__[name].default
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{meaning} (default {default})")
    span = Sizes.__dataclass_fields__["span"].default
    parser.add_argument("--span", type=float, default=span, help=f"minutes of each load (default {span:g})")
    work = ROOT / ".evergreen" / "torture"
    parser.add_argument("--work", type=Path, default=work, help="folder of a resumable group's progress")
    parser.add_argument("--minutes", type=float, default=resuming.MINUTES, help="how long one call may take")
    parser.add_argument(
        "--only", action="append", default=[], metavar="ID", help="only this test of the group"
    )
    parser.add_argument("--fresh", action="store_true", help="forget the run under way and begin anew")
    asked = parser.parse_args(arguments)
    sizes = Sizes(asked.seed, asked.kills, asked.events, asked.rolls, asked.rounds, asked.span)
    if asked.group in RESUMABLE:
        return _resumable(asked, sizes)
    groups = (
        [name for name in GROUPS if name not in ("engines", "experiments")]
        if asked.group == "all"
        else [asked.group]
    )
    with tempfile.TemporaryDirectory(prefix="evergreen-torture-", ignore_cleanup_errors=True) as folder:
        reports = [report for name in groups for report in GROUPS[name](sizes, Path(folder))]
    return 1 if any(report.failures for report in reports) else 0


def _resumable(asked: argparse.Namespace, sizes: Sizes) -> int:
    reports, ended = resuming.run(
        RESUMABLE[asked.group],
        sizes,
        asked.work.resolve() / asked.group,
        minutes=asked.minutes,
        only=asked.only,
        fresh=asked.fresh,
    )
    if any(report.failures for report in reports):
        return 1
    return 0 if ended else 3


if __name__ == "__main__":
    sys.exit(main())
