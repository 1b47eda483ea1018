"""ING-18: runs of ``kill_races``, some at a time on each processor, as many as a call has time for; further calls go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.torture.reports import ROOT
from tests.torture.resuming import Part

RUNS, STEPS = 2_000, 60
_AT_ONCE = 5


def raced(part: Part) -> None:
    """Batches of runs, one on each processor, until 2,000 are done or the call's time is over."""
    while part.report.cases < RUNS:
        drawn = part.marks.get("batches", 0)
        batches = range(drawn, drawn + (os.cpu_count() or 1))
        under_way = [_begun(part.folder / f"races{place}", part, at) for place, at in enumerate(batches)]
        try:
            done = [(process.communicate(), process.returncode) for process in under_way]
        finally:
            for process in under_way:
                process.kill()
        # Counted only once it is said how all of them ended.
        part.marks["batches"] = batches.stop
        runs = 0
        for (said, wrong), code in done:
            if code:
                raise AssertionError(f"the races ended with {code}: {wrong[-500:]}")
            found = json.loads(said.splitlines()[-1])
            for failure in found["failures"]:
                part.expect(False, failure)
            for name in ("steps", "steps seen", "reads"):
                part.figures[name] = part.figures.get(name, 0) + found[name]
            runs += found["runs"]
        part.say(f"{part.report.cases + runs} of {RUNS} runs, {part.figures['reads']:,} reads")
        part.case_done(runs)


def _begun(folder: Path, part: Part, batch: int) -> subprocess.Popen[str]:
    number = part.report.seed * 10_000 + batch
    command = [sys.executable, "-m", "tests.torture.kill_races", str(folder), str(number)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVERGREEN_")}
    return subprocess.Popen(
        [*command, str(_AT_ONCE), str(STEPS)],
        cwd=ROOT,
        env={**kept, "EVERGREEN_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
