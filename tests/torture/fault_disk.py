"""ING-05: a disk that fails at the n-th call, beneath the journal and on the way into the lake."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.launch.installation import ROOT, Installation, free_port, lives
from tests.torture import calls, fault_command, kill_checking
from tests.torture.fault_traffic import Askers
from tests.torture.kill_processes import begun, checked
from tests.torture.resuming import Part

SENDERS = 3
_LEDGER = 4_000_000
_ERRORS = (errno.EIO, errno.ENOSPC)
_RECOVERS_WITHIN = 5.0
_MOVES_WITHIN = 60.0
# The journal's calls, and those of the way into the lake.
_WEB_KINDS = ("write", "fdatasync", "fdatasync", "fsync", "rename")
_WORKER_KINDS = ("write", "fsync", "fdatasync", "syncfs", "rename", "unlink", "ftruncate")


class Faulty:
    """An installation's web process and worker, each with its own switch for faults."""

    def __init__(self, part: Part, installation: Installation) -> None:
        self._part, self._installation = part, installation
        self._library = calls.built(part.folder)
        installation.port = installation.port or free_port()
        home = installation.home
        self._commands = {
            "web": (home / "journal", ("web", "--port", str(installation.port))),
            "worker": (home, ("worker", "--parent", str(os.getpid()))),
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        folder, words = self._commands[name]
        folder.mkdir(exist_ok=True)
        # Their logs stand outside the home: what they tell is not to fail.
        with (self._part.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.torture.fault_command",
                    str(self._control(name)),
                    str(folder),
                    *words,
                ],
                cwd=ROOT,
                env=self._installation.environment | calls.preloaded(self._library),
                stdout=log,
                stderr=log,
                preexec_fn=functools.partial(_die_with, os.getpid()),
            )
        if name == "web":
            self._installation.wait_until_up()

    def started_again(self) -> int:
        """Start the worker again when it has ended, as ``serve`` does; 1 when it had."""
        if self._processes["worker"].poll() is None:
            return 0
        time.sleep(1.0)
        self.start("worker")
        return 1

    def arm(self, name: str, kind: str, ahead: int, error: int, times: int) -> int:
        """At which count of this kind the fault is over."""
        for _ in range(100):
            with contextlib.suppress(OSError):
                counted = fault_command.told(self._control(name), (kind, ahead, error, times))
                return counted[kind] + ahead + times - 1
            time.sleep(0.2)
        raise AssertionError(f"The {name} process does not listen.")

    def counted(self, name: str, kind: str) -> int:
        try:
            return fault_command.told(self._control(name))[kind]
        except OSError:  # it has ended, its faults with it
            return 1 << 60

    def segments(self) -> set[str]:
        """The journal files that the web process holds open."""
        found = set()
        for link in Path(f"/proc/{self._processes['web'].pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if (path := str(link.readlink())).endswith(".journal"):
                    found.add(path)
        return found

    def web_lives(self) -> bool:
        return self._processes["web"].poll() is None and lives(self._processes["web"].pid)

    def _control(self, name: str) -> Path:
        return Path(f"/tmp/evergreen-fault-{os.getpid()}-{name}")

    def end(self) -> None:
        for name, process in self._processes.items():
            process.kill()
            process.wait()
            self._control(name).unlink(missing_ok=True)


def _die_with(parent: int) -> None:
    from evergreen.launch.lifetimes import die_with

    die_with(parent)


def failing(part: Part) -> None:
    """ING-05: EIO and ENOSPC at the n-th call of the journal's writer and of the mover, and then it works again."""
    installation, ledger = begun(part, _LEDGER)
    faulty = Faulty(part, installation)
    try:
        faulty.start("web")
        faulty.start("worker")
        standing = ledger.standing()
        begin = int(np.flatnonzero(standing.sent)[-1]) + 1 if standing.sent.any() else 0
        askers = Askers(SENDERS, installation.port, part.marks["key"], part.report.seed, ledger, begin=begin)
        try:
            while part.report.cases < part.sizes.kills:
                chance = random.Random(f"{part.report.seed}:{part.report.cases}")
                is_web = part.report.cases % 2 == 0
                (_web_point if is_web else _worker_point)(part, faulty, askers, chance)
                part.expect(faulty.web_lives(), "the web process ended")
                part.case_done()
                if part.report.cases % 20 == 0:
                    part.say(f"{part.report.cases} points, answers {dict(askers.seen.statuses)}")
        finally:
            askers.end()
            note(part, askers)
        checked(part, installation, ledger, exactly=False)
        part.figures["worker ended by a fault"] = part.marks.get("restarts", 0)
    finally:
        faulty.end()
        ledger.close()


def _web_point(part: Part, faulty: Faulty, askers: Askers, chance: random.Random) -> None:
    kind, error = chance.choice(_WEB_KINDS), chance.choice(_ERRORS)
    ahead, times = chance.choice((1, 1, 2, 5, 12)), chance.choice((1, 1, 2, 20))
    if kind in {"fsync", "rename"}:  # a new segment's calls: there is one after a failed sync
        faulty.arm("web", "fdatasync", 1, error, 1)
        askers.taken_within(_RECOVERS_WITHIN)
        ahead, times = 1, min(times, 2)
    before = faulty.segments()
    over = faulty.arm("web", kind, ahead, error, times)
    if kind in {"fsync", "rename"}:
        time.sleep(0.2)
        over = min(over, faulty.counted("web", kind))
    deadline = time.monotonic() + 20
    while faulty.counted("web", kind) < over and time.monotonic() < deadline:
        time.sleep(0.02)
    point = f"{errno.errorcode[error]} at {kind} {ahead} ({times} times)"
    took = askers.taken_within(_RECOVERS_WITHIN)
    part.expect(took is not None, f"{point}: nothing was taken within {_RECOVERS_WITHIN:.0f} s after it")
    if kind in {"write", "fdatasync"}:
        part.expect(not before & faulty.segments(), f"{point}: the segment is written on")


def _worker_point(part: Part, faulty: Faulty, askers: Askers, chance: random.Random) -> None:
    kind, error = chance.choice(_WORKER_KINDS), chance.choice(_ERRORS)
    ahead, times = chance.choice((1, 2, 3, 5, 8, 13, 30)), chance.choice((1, 1, 3))
    over = faulty.arm("worker", kind, ahead, error, times)
    deadline = time.monotonic() + 3
    while faulty.counted("worker", kind) < over and time.monotonic() < deadline:
        time.sleep(0.05)
    part.marks["restarts"] = part.marks.get("restarts", 0) + faulty.started_again()
    took = askers.taken_within(_RECOVERS_WITHIN)
    part.expect(
        took is not None, f"{errno.errorcode[error]} at the worker's {kind}: nothing is taken any more"
    )
    if part.report.cases % 20 == 19:
        askers.pace(0.5)
        faulty.arm("worker", "ftruncate", 1 << 40, error, 1)  # no fault while it catches up
        deadline = time.monotonic() + _MOVES_WITHIN
        waiting = 1 << 30
        while waiting > 200_000 and time.monotonic() < deadline:
            part.marks["restarts"] += faulty.started_again()
            waiting = _waiting(faulty)
            time.sleep(0.5)
        part.expect(waiting <= 200_000, f"{waiting:,} bytes still wait a minute after the last fault")
        askers.pace(0.02)


def _waiting(faulty: Faulty) -> int:
    """Bytes that are not in the lake yet."""
    from evergreen.base.env import Home
    from evergreen.events import journal

    with kill_checking.lake_of(faulty._installation) as con:
        held = dict(con.execute("SELECT origin, max(until) FROM lake.batches GROUP BY origin").fetchall())
    return journal.lag(Home(faulty._installation.home), held)[1]


def note(part: Part, askers: Askers) -> None:
    """Keep what was seen, and what was wrong with it."""
    for status, times in askers.seen.statuses.items():
        part.marks[f"answers {status}"] = part.marks.get(f"answers {status}", 0) + times
        part.figures[f"answers {status}"] = part.marks[f"answers {status}"]
    for wrong in sorted(set(askers.seen.wrong)):
        part.expect(False, wrong)
