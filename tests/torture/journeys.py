"""The groups ``journeys-kill`` and ``journeys-chaos``: playbooks under killed and stopped workers and a database that goes away,
against the reference model (JRN-03, JRN-05).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from tests.torture import racing, sending
from tests.torture.kill_database import place_of
from tests.torture.postgresql import NoServerError, Server
from tests.torture.reports import ROOT
from tests.torture.resuming import OutOfTimeError, Part, Test
from tests.touches import mail_server

WORKERS = 3
MOMENTS = 240
# The bar is ten thousand runs; fewer events try the harness itself.
RUNS_OF_EVENTS = 10_000 / 1_000_000
# Seconds between two kills or stops of a worker, and between two restarts of the database; a stop is longer than a lease.
KILLS, RESTARTS, STOPS = (2.0, 20.0), (5.0, 40.0), (5.0, 15.0)


# What a worker says that woke after its lease: of runs, of a message before and after it was handed over.
_FENCED = (
    b"were taken up by another worker",
    b"is no longer held: it is left to whoever holds it",
    b"was answered after its lease",
)


class Crew:
    """The world and its workers, as processes of one home."""

    def __init__(self, folder: Path, environment: Mapping[str, str], seed: int, runs: int) -> None:
        self.folder, self.chance = folder, random.Random(seed)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EVERGREEN_")}
        self._environment = {
            **kept,
            "DJANGO_SETTINGS_MODULE": "evergreen.launch.settings",
            "EVERGREEN_HOME": str(folder / "home"),
            **environment,
        }
        self.log: IO[bytes] = (folder / "workers.log").open("ab")
        subprocess.run(
            [str(Path(sys.executable).with_name("evergreen")), "init", "--home", str(folder / "home")],
            env=self._environment,
            cwd=ROOT,
            check=True,
            stdout=self.log,
            stderr=self.log,
        )
        self.world = self._start(
            "journey_world", str(seed), str(runs), str(MOMENTS), told=folder / "world.log"
        )
        self.workers = [self._start("journey_worker") for _ in range(WORKERS)]
        self.stopped: dict[int, float] = {}

    def _start(self, module: str, *arguments: str, told: Path | None = None) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"tests.torture.{module}", str(self.folder), *arguments]
        out = told.open("ab") if told else self.log
        return subprocess.Popen(command, env=self._environment, cwd=ROOT, stdout=out, stderr=self.log)

    def disturb(self) -> str:
        """Kill a worker, which another replaces, or stop one beyond its lease. Returns which."""
        place = self.chance.randrange(WORKERS)
        worker = self.workers[place]
        if self.chance.random() < 0.5 and worker.pid not in self.stopped:
            os.kill(worker.pid, signal.SIGSTOP)
            self.stopped[worker.pid] = time.monotonic() + self.chance.uniform(*STOPS)
            return "stops"
        self._kill(worker)
        self.workers[place] = self._start("journey_worker")
        return "kills"

    def go_on(self) -> None:
        """Let workers go on whose time is over."""
        for pid, until in list(self.stopped.items()):
            if time.monotonic() >= until:
                os.kill(pid, signal.SIGCONT)
                del self.stopped[pid]

    def _kill(self, worker: subprocess.Popen[bytes]) -> None:
        self.stopped.pop(worker.pid, None)
        worker.kill()
        worker.wait()

    def end(self) -> None:
        for one in (*self.workers, self.world):
            self._kill(one)
        self.log.close()

    @property
    def fenced(self) -> int:
        """How often a worker woke too late and wrote nothing."""
        told = (self.folder / "workers.log").read_bytes()
        return sum(told.count(said) for said in _FENCED)


def on_sqlite(part: Part) -> None:
    """JRN-03: three workers killed and stopped every 2-20 s, records in SQLite."""
    _live(part, {}, None)


def on_postgresql(part: Part) -> None:
    """JRN-05: the same on PostgreSQL, which is restarted every 5-40 s as after a crash."""
    try:
        server = Server(*place_of(part))
    except NoServerError as error:
        part.figures["skipped"] = str(error)
        part.say(f"skipped: {error}")
        return
    part.marks |= {"folder": str(server.folder), "port": server.port}
    part.save()
    ended = False
    try:
        _live(part, {"EVERGREEN_DATABASE": server.url}, server)
        ended = True
    finally:
        if ended or part.seconds_left > 0:
            server.remove()
        else:
            server.stop()


def _live(part: Part, environment: Mapping[str, str], server: Server | None) -> None:
    runs = max(1_000, int(part.sizes.events * RUNS_OF_EVENTS))
    with mail_server.running(part.folder / "mail.log") as port:
        mail = {"EVERGREEN_MAIL_PORT": str(port), "EVERGREEN_OUTBOUND_ALLOW": "127.0.0.1"}
        _lead(part, Crew(part.folder, {**environment, **mail}, part.sizes.seed, runs), server)


def _lead(part: Part, crew: Crew, server: Server | None) -> None:
    chance, now = random.Random(part.sizes.seed), time.monotonic()
    next_kill, next_restart = now + chance.uniform(*KILLS), now + chance.uniform(*RESTARTS)
    try:
        while crew.world.poll() is None:
            time.sleep(0.1)
            now = time.monotonic()
            crew.go_on()
            if now >= next_kill:
                what = crew.disturb()
                part.marks[what] = part.marks.get(what, 0) + 1
                next_kill = now + chance.uniform(*KILLS)
            if server is not None and now >= next_restart:
                server.restart()
                part.marks["restarts"] = part.marks.get("restarts", 0) + 1
                next_restart = time.monotonic() + chance.uniform(*RESTARTS)
            if part.seconds_left <= 0:
                raise OutOfTimeError
        _judge(part, crew)
    finally:
        crew.end()


def _judge(part: Part, crew: Crew) -> None:
    lines = (part.folder / "world.log").read_text("utf-8").splitlines()
    told: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    if "differences" not in told:
        part.expect(False, f"the world ended with {crew.world.returncode}: see {part.folder / 'workers.log'}")
        return
    part.report.cases = told["runs"]
    part.expect(told["differences"] == 0, f"{told['differences']} differences: {told['first']}")
    part.figures |= {
        "runs": told["runs"],
        "steps": told["steps"],
        "effects": told["effects"],
        "mails": told["mails"],
        **{name: part.marks.get(name, 0) for name in ("kills", "stops", "restarts")},
        "late writes fenced off": crew.fenced,
        "differences": told["differences"],
    }
    shutil.rmtree(part.folder / "home", ignore_errors=True)


KILL: dict[str, Test] = {
    "JRN-01": sending.killed,
    "JRN-03": on_sqlite,
    "JRN-09": racing.caps,
    "JRN-10": racing.leaving,
}
CHAOS: dict[str, Test] = {"JRN-05": on_postgresql}
