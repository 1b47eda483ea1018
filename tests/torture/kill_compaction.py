"""ING-18: runs of ``kill_races``, some at a time, as many as a call has time for; further calls go on counting."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.torture.reports import ROOT
from tests.torture.resuming import OutOfTimeError, Part

RUNS, STEPS = 2_000, 60
_AT_ONCE = 2
# Of a call's time; what a run of the whole group leaves is taken anyway.
_SHARE_SECONDS = 8 * 60.0


def raced(part: Part) -> None:
    """Batches of runs until 2,000 are done, or this call's share of time is over."""
    began = part.seconds_left
    while part.report.cases < RUNS:
        number = part.report.seed * 10_000 + part.report.cases
        command = [sys.executable, "-m", "tests.torture.kill_races", str(part.folder / "races"), str(number)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EVERGREEN_")}
        done = subprocess.run(
            [*command, str(_AT_ONCE), str(STEPS)],
            cwd=ROOT,
            env={**kept, "EVERGREEN_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"the races ended with {done.returncode}: {done.stderr[-500:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        for failure in found["failures"]:
            part.expect(False, failure)
        for name in ("steps", "reads"):
            part.figures[name] = part.figures.get(name, 0) + found[name]
        part.case_done(max(found["runs"], 1))
        if part.report.cases % 20 < _AT_ONCE:
            part.say(f"{part.report.cases} of {RUNS} runs, {part.figures['reads']:,} reads")
        if began - part.seconds_left > _SHARE_SECONDS:
            raise OutOfTimeError
