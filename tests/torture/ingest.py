"""Events under rolling restarts: nothing acknowledged is lost, nothing is stored twice (kills: ``kill_processes``)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from evergreen.base.env import Home
from evergreen.events import store
from tests.launch.installation import Installation, made
from tests.launch.sending import Event, Ledger, Sender, make_event
from tests.torture.reports import Report, Sizes, reported, say

NAME = "Survived"
SENDERS = 4
SETTLE_SECONDS = 180.0
STOP_SECONDS = 30.0
# Senders are paced so that they send all the while.
START_SECONDS = 5.0


def run(sizes: Sizes, folder: Path) -> list[Report]:
    return [rolled(sizes, folder / "rolls")]


def rolled(sizes: Sizes, home: Path) -> Report:
    """OPS-05: SIGTERM and start again, over and over: one retry at the client is all that anybody sees of it."""
    with reported("OPS-05", sizes.seed) as report:
        chance = random.Random(sizes.seed)
        installation = made(home)
        try:
            events = min(sizes.events, sizes.rolls * 2_000)
            seconds = sizes.rolls * (2.0 + START_SECONDS)
            senders, ledger = _sending(installation, sizes, seconds=seconds, events=events)
            for _ in range(sizes.rolls):
                time.sleep(chance.uniform(1.0, 3.0))
                began = time.monotonic()
                code = installation.stop(STOP_SECONDS * 2)
                took = time.monotonic() - began
                report.expect(code == 0, f"the server ended with code {code}")
                report.expect(took <= STOP_SECONDS, f"stopping took {took:.1f} s")
                report.cases += 1
                installation.serve()
            _end(senders)
            again = [sender.send_open_again() for sender in senders]
            say(f"OPS-05: {len(ledger.acked):,} acked, {sum(again)} calls sent once more")
            report.expect(
                not ledger.open - ledger.acked, f"{len(ledger.open - ledger.acked)} events failed twice"
            )
            _check(report, installation, ledger)
            stuck = [line for line in installation.log().splitlines() if "Traceback" in line]
            report.expect(not stuck, f"{len(stuck)} errors in the server's log")
        finally:
            installation.kill()
    return report


class Retrying(Sender):
    """A sender that can send once more what stayed open."""

    def send_open_again(self) -> int:
        """Send each request that stayed open once more; returns how many there were."""
        waiting = [request for request in self._requests if request[0]["messageId"] in self._ledger.open]
        self._connection = None
        for request in waiting:
            self._send(request)
        return len(waiting)


def _sending(
    installation: Installation, sizes: Sizes, *, seconds: float, events: int
) -> tuple[list[Retrying], Ledger]:
    """Start the server and four senders that have work for about so many seconds."""
    key = installation.new_key("shop")
    installation.serve()
    ledger = Ledger(installation.home / "ledger")
    todo = _requests(events, sizes.seed)
    senders = []
    for number in range(SENDERS):
        mine = todo[number::SENDERS]
        sender = Retrying(installation.port, key, mine, ledger, sizes.seed + number)
        sender.pace = seconds / max(len(mine), 1)
        sender.start()
        senders.append(sender)
    return senders, ledger


def _requests(events: int, seed: int) -> list[list[Event]]:
    """All events in a random order, most in batches of 200, one in fifty alone."""
    made_ = [make_event(NAME, number) for number in range(events)]
    alone, rest = made_[: events // 50], made_[events // 50 :]
    found = [[one] for one in alone] + [rest[at : at + 200] for at in range(0, len(rest), 200)]
    random.Random(seed).shuffle(found)
    return found


def _end(senders: list[Retrying]) -> None:
    for sender in senders:
        sender.pace = 0.0
    for sender in senders:
        sender.join(600)
        if sender.is_alive():
            raise AssertionError("A sender did not come to its end within 10 minutes.")


def _check(report: Report, installation: Installation, ledger: Ledger) -> None:
    """Every acked id once, every open one at most once, nothing else; and the sums of the batches agree."""
    stored: dict[str, int] = {}

    def all_there() -> bool:
        nonlocal stored
        stored = _stored(installation)
        return not ledger.acked - stored.keys()

    _eventually(all_there)
    lost, twice = ledger.acked - stored.keys(), [one for one, times in stored.items() if times > 1]
    strange = stored.keys() - ledger.acked - ledger.open
    report.expect(not lost, f"{len(lost)} acknowledged events are lost")
    report.expect(not twice, f"{len(twice)} events are stored more than once")
    report.expect(not strange, f"{len(strange)} stored events were never sent")
    counted = installation.counts().get(NAME, 0)
    report.expect(counted == len(stored), f"`events count` says {counted}, stored are {len(stored)}")
    sums = "SELECT sum(received) - sum(stored) - sum(duplicates) - sum(rejected), sum(conflicts) FROM lake.batches"
    found = store.reading(Home(installation.home)).execute(sums).fetchall()
    report.expect(found == [(0, 0)], f"received - stored - duplicates - rejected, conflicts: {found}")
    store.close()


def _stored(installation: Installation) -> dict[str, int]:
    sql = "SELECT message_id, count(*) FROM lake.events WHERE name = ? GROUP BY ALL"
    return dict(store.reading(Home(installation.home)).execute(sql, [NAME]).fetchall())


def _eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while not holds() and time.monotonic() < deadline:
        time.sleep(1.0)
