"""What a run says of itself: one line of JSON a test, as trust needs it read by a script."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the runs are; the defaults are the bars to pass, smaller ones try the harness itself."""

    seed: int
    kills: int = 200
    events: int = 1_000_000
    rolls: int = 50
    rounds: int = 20
    span: float = 10.0


@dataclass(slots=True)
class Report:
    """One test: how many cases it tried, and each failure in words."""

    id: str
    seed: int
    cases: int = 0
    failures: list[str] = field(default_factory=list)

    def expect(self, holds: object, otherwise: str) -> None:
        if not holds:
            self.failures.append(otherwise)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def reported(id: str, seed: int) -> Iterator[Report]:
    """Run a test and print its line; an error of the harness is a failure too, and ends only this test."""
    report = Report(id, seed)
    began = time.monotonic()
    say(f"{id}: begins (seed {seed})")
    try:
        yield report
    except Exception as error:
        report.failures.append(f"{type(error).__name__}: {error}")
    for failure in report.failures:
        say(f"{id}: {failure}")
    printed(report, time.monotonic() - began, commit())


def printed(report: Report, seconds: float, commit: str) -> None:
    """A test's line of JSON."""
    line = {
        "id": report.id,
        "cases": report.cases,
        "failures": len(report.failures),
        "seconds": round(seconds, 1),
        "seed": report.seed,
        "commit": commit,
    }
    print(json.dumps(line), flush=True)


def commit() -> str:
    """The commit under test, with a plus where files differ from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
