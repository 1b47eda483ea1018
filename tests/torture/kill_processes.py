"""ING-01: SIGKILL to a random process of a server under four senders, hundreds of times."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time

import numpy as np

from tests.launch.installation import Installation
from tests.torture import kill_checking
from tests.torture.kill_traffic import Crowd
from tests.torture.ledger import Ledger
from tests.torture.resuming import Part

SENDERS = 4
PAUSE = (2.0, 8.0, 2.5)  # a kill every 2 to 8 s, the shorter ones more often
_MEAN = 4.2
_START_SECONDS = 3.0
SOURCE = "shop"


def killed(part: Part) -> None:
    """Kills until all are done and all events acknowledged; then every acked event is stored once, as it was sent."""
    installation, ledger = begun(part, part.sizes.events * 4)
    try:
        installation.serve()
        chance = random.Random(f"{part.report.seed}:{part.report.cases}")
        standing = ledger.standing()
        acked = int(standing.acked.sum())
        begin = int(np.flatnonzero(standing.sent)[-1]) + 1 if standing.sent.any() else 0
        pace = part.sizes.events / (part.sizes.kills * (_MEAN + _START_SECONDS / 2))
        seed = part.report.seed
        crowd = Crowd(
            SENDERS, installation.port, part.marks["key"], ledger, seed, begin=begin, pace=pace * 1.3
        )
        try:
            while part.report.cases < part.sizes.kills:
                time.sleep(chance.triangular(*PAUSE))
                victim, took = _kill_one(installation, chance)
                part.marks[victim] = part.marks.get(victim, 0) + 1
                part.marks["slowest start"] = max(took, part.marks.get("slowest start", 0.0))
                part.case_done()
                if part.report.cases % 20 == 0:
                    part.say(f"{part.report.cases} kills, {acked + crowd.acked:,} events acknowledged")
            crowd.hurry()
            while int((standing := ledger.standing()).acked.sum()) < part.sizes.events:
                part.check_time()
                time.sleep(1.0)
        finally:
            crowd.end()
        checked(part, installation, ledger, exactly=False)
        part.figures["kills of the server"] = part.marks.get("server", 0)
        part.figures["of the worker"] = part.marks.get("worker", 0)
        part.figures["slowest start"] = f"{part.marks.get('slowest start', 0.0):.1f} s"
    finally:
        installation.kill()
        ledger.close()


def begun(part: Part, size: int, extra: dict[str, str] | None = None) -> tuple[Installation, Ledger]:
    """The test's installation with its key and ledger, made in the first call and found again in the next."""
    home = part.folder / "home"
    installation = Installation(home, extra or {}, dies_with_parent=True)
    if "key" not in part.marks:
        shutil.rmtree(home, ignore_errors=True)
        installation.run("init")
        part.marks["key"] = installation.new_key(SOURCE)
        part.save()
    return installation, Ledger(part.folder / "ledger", size)


def checked(part: Part, installation: Installation, ledger: Ledger, *, exactly: bool) -> None:
    """Let everything arrive in the lake and compare it with the ledger."""
    settling = kill_checking.settled(installation)
    with kill_checking.lake_of(installation) as con:
        seed = part.report.seed
        kill_checking.compare(part, con, ledger.standing(), seed, source=SOURCE, exactly=exactly)
    part.say(f"everything was in the lake {settling:.0f} s after the last request")


def _kill_one(installation: Installation, chance: random.Random) -> tuple[str, float]:
    """Kill one process; whose it was, and after how many seconds the server answered again."""
    assert installation.server is not None
    victim = chance.choice(installation.processes())
    os.kill(victim, signal.SIGKILL)
    if victim != installation.server.pid:
        return "worker", 0.0
    installation.server.wait()
    began = time.monotonic()
    installation.serve()
    return "server", time.monotonic() - began
