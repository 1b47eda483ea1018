"""ING-17: PostgreSQL under records and catalog, restarted as after a crash, cut off, stopped dead, under four senders."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import numpy as np

from tests.launch.installation import Installation
from tests.torture.kill_processes import SENDERS, begun, checked
from tests.torture.kill_traffic import Crowd
from tests.torture.ledger import Ledger
from tests.torture.load_pages import Person
from tests.torture.postgresql import NoServerError, Server
from tests.torture.resuming import Part

RESTARTS_OF_KILLS = 60 / 200
# A restart every 5 to 40 s, mostly soon, so that sixty take ten minutes.
LEAST_PAUSE, MOST_PAUSE, _MORE = 5.0, 40.0, 4.0
_MEAN = 10.0
# Every so many restarts connections are cut off too, or the server stands still.
_CUT_OFF, _STAND_STILL = 3, 20
_STILL_SECONDS = 20.0
_STUCK_SECONDS = 10.0
_EVENTS_SHARE = 4


def disturbed(part: Part) -> None:
    """Restarts under load until all are done; as ING-01 at the end, no connection stuck and pages back on the way."""
    try:
        server = Server(*place_of(part))
    except NoServerError as error:
        part.figures["skipped"] = str(error)
        part.say(f"skipped: {error}")
        return
    part.marks |= {"folder": str(server.folder), "port": server.port}
    part.save()
    events = part.sizes.events // _EVENTS_SHARE
    # Room for a machine on which all of it takes several times as long.
    try:
        installation, ledger = begun(part, events * 8, {"EVERGREEN_DATABASE": server.url})
    except BaseException:
        server.remove()
        raise
    try:
        if not part.marks.get("hired"):
            Person.hire(installation)
            part.marks["hired"] = True
        installation.serve()
        _disturb(part, server, installation, ledger, events)
        checked(part, installation, ledger, exactly=False)
        part.figures |= {name: part.marks.get(name, 0) for name in ("restarts", "cut off", "stood still")}
        part.figures["slowest page after a restart"] = f"{part.marks.get('slowest', 0.0):.1f} s"
    finally:
        installation.kill()
        ledger.close()
        if part.seconds_left > 0:
            server.remove()
        else:
            server.stop()


def place_of(part: Part) -> tuple[Path | None, int]:
    """Where the server of an earlier call stands."""
    folder = part.marks.get("folder")
    if folder and Path(folder).exists():
        return Path(folder), part.marks["port"]
    part.marks.clear()
    return None, 0


def _disturb(part: Part, server: Server, installation: Installation, ledger: Ledger, events: int) -> None:
    restarts = max(1, round(part.sizes.kills * RESTARTS_OF_KILLS))
    chance = random.Random(f"{part.report.seed}:{part.report.cases}")
    sent = ledger.standing().sent
    begin = int(np.flatnonzero(sent)[-1]) + 1 if sent.any() else 0
    person = Person(installation)
    part.expect(person.sign_in() == 200, "signing in failed")
    crowd = Crowd(
        SENDERS,
        installation.port,
        part.marks["key"],
        ledger,
        part.report.seed,
        begin=begin,
        pace=events / (restarts * _MEAN),
    )
    try:
        while part.report.cases < restarts:
            time.sleep(min(MOST_PAUSE, LEAST_PAUSE + chance.expovariate(1 / _MORE)))
            number = part.report.cases + 1
            if number % _STAND_STILL == 0:
                _stand_still(server)
                _count(part, "stood still")
            elif number % _CUT_OFF == 0:
                server.cut_off()
                _count(part, "cut off")
            server.restart()
            _count(part, "restarts")
            _back(part, person, number)
            if stuck := server.stuck(_STUCK_SECONDS):
                part.expect(False, f"restart {number}: {stuck[0]}")
            part.case_done()
            if number % 10 == 0:
                part.say(f"{number} restarts, {crowd.acked:,} events acknowledged")
    finally:
        crowd.end()


def _count(part: Part, name: str) -> None:
    part.marks[name] = part.marks.get(name, 0) + 1


def _stand_still(server: Server) -> None:
    server.stand_still(signal.SIGSTOP)
    try:
        time.sleep(_STILL_SECONDS)
    finally:
        server.stand_still(signal.SIGCONT)


def _back(part: Part, person: Person, number: int) -> None:
    """A page that reads records and lake is answered within 10 s of the restart, whatever its connection was."""
    began = time.monotonic()
    while (status := person.read("/settings/sources/1/")) != 200:
        if time.monotonic() - began > _STUCK_SECONDS:
            part.expect(False, f"restart {number}: {_STUCK_SECONDS:.0f} s later a page is answered {status}")
            return
        time.sleep(0.2)
    part.marks["slowest"] = max(part.marks.get("slowest", 0.0), time.monotonic() - began)
