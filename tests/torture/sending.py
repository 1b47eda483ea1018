"""JRN-01: a worker that sends is killed at every call, on files and on sockets, between claim and last commit: by mail, WeCom, SMS and
webhook. Without keys of a provider nothing goes twice, and what is uncertain stands as unknown; with keys everything arrives once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.torture import calls
from tests.torture.reports import ROOT
from tests.torture.resuming import Part
from tests.torture.send_points import CHANNELS
from tests.touches import mail_server

# Of all four channels together.
LEAST_POINTS = 1_000
# The number of calls differs a little from run to run.
_BEYOND = 2


class Driver:
    """The process that does points."""

    def __init__(self, folder: Path, library: Path, port: int, log: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EVERGREEN_")}
        home = folder / "home"
        environment = {
            **kept, "DJANGO_SETTINGS_MODULE": "evergreen.launch.settings", "EVERGREEN_HOME": str(home), "EVERGREEN_OUTBOUND_ALLOW": "127.0.0.1",
            "EVERGREEN_THREADS": "1", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        self.log = (folder / "driver.log").open("ab")
        evergreen = [str(Path(sys.executable).with_name("evergreen")), "init", "--home", str(home)]
        subprocess.run(evergreen, env=environment, cwd=ROOT, check=True, stdout=self.log, stderr=self.log)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.torture.send_points", str(home), str(port), str(log)],
            cwd=ROOT,
            env={**environment, **calls.preloaded(library)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self._read()

    def point(self, channel: str, kind: str, at: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(json.dumps([channel, kind, at]), file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"The process that tries points ended: see {self.log.name}.")
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()
        self.log.close()


def killed(part: Part) -> None:
    """Every point of every channel; goes on where the call before was stopped."""
    try:
        library = calls.built(part.folder)
    except calls.NoCompilerError as error:
        part.figures["skipped"] = str(error)
        part.say(f"skipped: {error}")
        return
    log = part.folder / "mail.log"
    with mail_server.running(log) as port:
        driver = Driver(part.folder, library, port, log)
        try:
            _all_points(part, driver)
        finally:
            driver.end()


def _all_points(part: Part, driver: Driver) -> None:
    if "counted" not in part.marks:
        driver.point("wecom", "", 0)  # the access token is fetched once
        counted = {channel: driver.point(channel, "", 0)["counted"] for channel in CHANNELS}
        part.marks |= {"counted": counted, "done": 0, "died": 0, "unknown": 0}
    points = [
        (channel, kind, at)
        for channel in CHANNELS
        for kind, count in part.marks["counted"][channel].items()
        for at in range(1, count + 1 + (_BEYOND if count else 0))
    ]
    part.say(f"{len(points) - part.marks['done']} of {len(points)} points to do: {part.marks['counted']}")
    for number in range(part.marks["done"], len(points)):
        found = driver.point(*points[number])
        for said in found["wrong"]:
            part.expect(False, f"{points[number]}: {said}")
        part.marks["died"] += found["died"]
        part.marks["unknown"] += found["unknown"]
        part.marks["done"] = number + 1
        part.case_done()
    part.expect(part.marks["died"] >= LEAST_POINTS, f"only {part.marks['died']} points were reached")
    part.figures |= {
        "points": len(points),
        "killed": part.marks["died"],
        "left unknown": part.marks["unknown"],
    }
