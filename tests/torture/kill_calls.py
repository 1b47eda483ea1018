"""ING-04: SIGKILL at every write, sync, rename, unlink and truncation between a request and the catalog's commit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from tests.torture import calls
from tests.torture.kill_stages import STAGES
from tests.torture.reports import ROOT
from tests.torture.resuming import Part

LEAST_POINTS = 500
_DRIVERS = 2
START_SECONDS = 10.0
# The number of calls differs a little from run to run; so many more are tried beyond the counted ones.
_BEYOND = 2


class Point(NamedTuple):
    """Where to die: the stage, the kind of call, which of them (from 1)."""

    stage: str
    kind: str
    at: int


class Driver:
    """A process that does points, one after another, on a home of its own."""

    def __init__(self, folder: Path, seed: int, library: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EVERGREEN_")}
        environment = {**kept, **calls.preloaded(library), "EVERGREEN_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._log = folder.with_suffix(".log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.kill_stages", str(folder), str(seed)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._read()

    def point(self, point: Point) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(json.dumps(point), file=self._process.stdin, flush=True)
        return self._read()

    def counted(self, stage: str) -> dict[str, int]:
        """How many calls of each kind a stage makes when it is not disturbed."""
        found: dict[str, int] = self.point(Point(stage, "", 0))["counted"]
        return found

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"The process that tries points ended: see {self._log.name}.")
        found: dict[str, Any] = json.loads(line)
        return found


def all_points(counted: dict[str, dict[str, int]]) -> Iterator[Point]:
    for stage in STAGES:
        for kind, count in counted[stage].items():
            for at in range(1, count + 1 + (_BEYOND if count else 0)):
                yield Point(stage, kind, at)


def killed(part: Part) -> None:
    """Every point of every stage; a start again after each that loses, doubles and leaves nothing."""
    try:
        library = calls.built(part.folder)
    except calls.NoCompilerError as error:
        part.figures["skipped"] = str(error)
        part.say(f"skipped: {error}")
        return
    drivers: list[Driver] = []
    try:
        for number in range(_DRIVERS):
            drivers.append(Driver(part.folder / f"driver-{number}", part.report.seed, library))
        if "counted" not in part.marks:
            part.marks |= {"counted": {stage: drivers[0].counted(stage) for stage in STAGES}, "done": []}
            part.marks |= {"died": 0, "slowest": 0.0}
        points = list(all_points(part.marks["counted"]))
        waiting: SimpleQueue[int] = SimpleQueue()
        for number in sorted(set(range(len(points))) - set(part.marks["done"])):
            waiting.put(number)
        part.say(f"{waiting.qsize()} of {len(points)} points to do: {part.marks['counted']}")
        _work_off(part, points, waiting, drivers)
    finally:
        for driver in drivers:
            driver.end()
    part.expect(part.marks["died"] >= LEAST_POINTS, f"only {part.marks['died']} points were reached")
    part.figures |= {
        "points": len(points),
        "killed": part.marks["died"],
        "slowest start": f"{part.marks['slowest']:.1f} s",
    }


def _work_off(part: Part, points: list[Point], waiting: SimpleQueue[int], drivers: list[Driver]) -> None:
    """Let each driver take point after point; results are kept by this thread alone."""
    results: SimpleQueue[tuple[int, dict[str, Any]]] = SimpleQueue()
    open_, to_do = True, waiting.qsize()

    def drive(driver: Driver) -> None:
        while open_:
            try:
                number = waiting.get_nowait()
            except Empty:
                return
            try:
                results.put((number, _tried(driver, points[number])))
            except Exception as error:
                results.put((number, {"died": False, "broken": f"{type(error).__name__}: {error}"}))
                return

    with ThreadPoolExecutor(len(drivers)) as threads:
        for driver in drivers:
            threads.submit(drive, driver)
        try:
            for _ in range(to_do):
                number, found = results.get()
                if "broken" in found:
                    raise AssertionError(f"{points[number]}: {found['broken']}")
                _keep(part, number, points[number], found)
        finally:
            open_ = False


def _tried(driver: Driver, point: Point) -> dict[str, Any]:
    """A point; once more when its start took too long, for the machine may have been busy with something else."""
    found = driver.point(point)
    if found.get("seconds", 0.0) > START_SECONDS:
        again = driver.point(point)
        return {**again, "failures": found["failures"] + again["failures"]}
    return found


def _keep(part: Part, number: int, point: Point, found: dict[str, Any]) -> None:
    for failure in found["failures"]:
        part.expect(False, f"killed at {point.kind} {point.at} of {point.stage}: {failure}")
    seconds = found.get("seconds", 0.0)
    part.expect(seconds <= START_SECONDS, f"{point}: the start took {seconds:.1f} s")
    part.marks["done"].append(number)
    part.marks["died"] += found["died"]
    part.marks["slowest"] = max(part.marks["slowest"], seconds)
    for name in ("lost", "duplicated"):
        part.figures[name] = part.figures.get(name, 0) + found.get("figures", {}).get(name, 0)
    if len(part.marks["done"]) % 50 == 0:
        part.say(f"{len(part.marks['done'])} points, {part.marks['died']} reached")
    part.case_done()
