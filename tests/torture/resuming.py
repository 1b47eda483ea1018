"""Runs that go on where they were stopped: each test keeps its progress in a folder of its own, synced.

A group is a table of tests; a test is a function of a ``Part``. It does its cases one after another, calls
``part.case_done()`` after each, remembers what it needs in ``part.marks`` (JSON), and may be stopped at any
moment: by the call's time (``OutOfTimeError``), a signal, a kill. The next call gives it the same part again.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tests.torture.reports import Report, Sizes, commit, printed, say

# A call ends itself before the hour at which whoever started it would.
MINUTES = 48.0


# By a signal, in this process.
_asked_to_stop = threading.Event()


class OutOfTimeError(Exception):
    """This call's time is over; what was done is kept and the next call goes on from there."""


@dataclass(slots=True)
class Part:
    """One test through however many calls.

    ``folder`` is its own and kept between calls; ``marks`` is what it wants to remember (JSON); ``figures`` is what
    people read of it at the end (acked, stored, lost …). ``seconds`` counts all calls.
    """

    report: Report
    sizes: Sizes
    folder: Path
    deadline: float
    marks: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    done: bool = False
    _began: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    def check_time(self, needed: float = 0.0) -> None:
        """Raises OutOfTimeError when this call has less than ``needed`` seconds left."""
        if self.seconds_left <= needed:
            raise OutOfTimeError

    def case_done(self, cases: int = 1) -> None:
        """Count cases, keep them on disk, and stop here when the call's time is over."""
        self.report.cases += cases
        self.save()
        self.check_time()

    def expect(self, holds: object, otherwise: str) -> None:
        self.report.expect(holds, otherwise)

    def say(self, text: str) -> None:
        say(f"{self.report.id}: {text}")

    def save(self) -> None:
        now = time.monotonic()
        self.seconds, self._began = self.seconds + now - self._began, now
        kept = {
            "cases": self.report.cases,
            "failures": self.report.failures,
            "marks": self.marks,
            "figures": self.figures,
            "seconds": self.seconds,
            "done": self.done,
            "commit": commit() if self.done else "",
        }
        _write(self.folder / "progress.json", kept)


Test = Callable[[Part], None]


def run(
    tests: Mapping[str, Test],
    sizes: Sizes,
    folder: Path,
    *,
    minutes: float = MINUTES,
    only: Collection[str] = (),
    fresh: bool = False,
) -> tuple[list[Report], bool]:
    """Do what is left of a group's tests in ``folder``; returns the reports so far and whether all have ended.

    A group that had ended begins anew. Prints each test's line when it ends (again, when it ended in an earlier
    call) and the figures of all at the end.
    """
    deadline = time.monotonic() + minutes * 60
    chosen = {id: test for id, test in tests.items() if not only or id in only}
    sizes = _begun(folder, sizes, chosen, fresh=fresh)
    parts, ended = [], True
    with _stopped_by_signal():
        for id, test in chosen.items():
            part = _part(id, sizes, folder / id, deadline)
            parts.append(part)
            ended &= _run_one(part, test)
    _tell(parts)
    if not ended:
        say(f"The time of this call is over. The same command goes on from here: progress is in {folder}.")
    return [part.report for part in parts], ended


def _run_one(part: Part, test: Test) -> bool:
    id = part.report.id
    if not part.done:
        say(f"{id}: {'goes on' if part.report.cases else 'begins'} (seed {part.report.seed})")
        try:
            part.check_time()
            test(part)
            part.done = True
        except OutOfTimeError:
            pass
        except (KeyboardInterrupt, SystemExit):
            part.save()
            say(f"{id}: stopped; the same command goes on from here.")
            raise
        except Exception as error:  # an error of the harness is a failure too, and ends only this test
            if _asked_to_stop.is_set():
                # A query that a signal interrupts says so in an error of its own: nothing failed.
                part.save()
                say(f"{id}: stopped; the same command goes on from here.")
                raise SystemExit(128 + signal.SIGTERM) from error
            part.report.failures.append(f"{type(error).__name__}: {error}")
            part.done = True
        part.save()
    if part.done:
        for failure in part.report.failures:
            say(f"{id}: {failure}")
        printed(part.report, part.seconds, _kept(part.folder).get("commit", ""))
    return part.done


def _begun(folder: Path, sizes: Sizes, chosen: Mapping[str, Test], *, fresh: bool) -> Sizes:
    """The sizes of the run under way, or of a new one where none is or all its tests have ended."""
    before = _read(folder / "run.json")
    if before and not fresh and not all(_kept(folder / id).get("done") for id in chosen):
        found = Sizes(**before)
        if found != sizes:
            say(f"A run with {before} is under way in {folder} and goes on; --fresh begins anew.")
        return found
    for id in chosen if before and not fresh else [path.name for path in folder.glob("*")]:
        shutil.rmtree(folder / id, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "run.json", asdict(sizes))
    return sizes


def _part(id: str, sizes: Sizes, folder: Path, deadline: float) -> Part:
    folder.mkdir(parents=True, exist_ok=True)
    kept = _kept(folder)
    report = Report(id, sizes.seed, kept.get("cases", 0), kept.get("failures", []))
    return Part(
        report,
        sizes,
        folder,
        deadline,
        kept.get("marks", {}),
        kept.get("figures", {}),
        kept.get("seconds", 0.0),
        kept.get("done", False),
    )


def _tell(parts: list[Part]) -> None:
    """The figures of all tests, for people."""
    say("")
    for part in parts:
        state = "" if part.done else " (not ended yet)"
        wrong = len(part.report.failures)
        figures = ", ".join(f"{name} {_shown(value)}" for name, value in part.figures.items())
        say(
            f"{part.report.id}{state}: {part.report.cases:,} cases, {wrong} failures in {part.seconds:,.0f} s"
            f"{': ' + figures if figures else ''}"
        )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:,}" if isinstance(value, int) else str(value)


@contextmanager
def _stopped_by_signal() -> Iterator[None]:
    """SIGTERM and Ctrl-C end a run: servers are stopped, progress is kept."""

    def stop(number: int, frame: FrameType | None) -> None:
        _asked_to_stop.set()
        raise SystemExit(128 + number)

    _asked_to_stop.clear()
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _kept(folder: Path) -> dict[str, Any]:
    return _read(folder / "progress.json")


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    """Replace a file whole and durably."""
    made = path.with_suffix(".new")
    with made.open("w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)


__all__ = ["MINUTES", "OutOfTimeError", "Part", "Test", "run"]
