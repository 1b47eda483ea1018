"""ING-07: a fifth of everything sent again, at once and much later; sixteen senders with one id at one moment."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable

from tests.launch.installation import ROOT, Installation
from tests.launch.sending import basic
from tests.torture import calls, kill_checking
from tests.torture.kill_processes import SOURCE, begun, checked
from tests.torture.kill_traces import read_answer
from tests.torture.kill_traffic import Stream
from tests.torture.ledger import Ledger
from tests.torture.resuming import Part

RACES, RACERS = 2_000, 16
SHARE = 5  # one event in five is sent again
AFTER_SECONDS = 60.0
YEAR_AND_MORE = 400 * 86_400
_BATCH = 400


def repeated(part: Part) -> None:
    """All events once, a fifth of them again in five ways, then the races; the counts are the ledger's to the unit."""
    events = part.sizes.events
    races = RACES * part.sizes.events // 1_000_000
    extra = _clock(part)
    installation, ledger = begun(part, events + races)
    installation.extra |= extra
    sending = _Sending(part, installation, ledger)
    fifth = events // SHARE // 5
    ways: list[tuple[str, Callable[[], None]]] = [
        ("all events", lambda: sending.span(0, events, twice_until=fifth)),
        ("after a minute", lambda: sending.again_after(AFTER_SECONDS, fifth, 2 * fifth)),
        ("after a restart", lambda: sending.again_restarted(2 * fifth, 3 * fifth)),
        ("after compaction", lambda: sending.again_merged(3 * fifth, 4 * fifth)),
        ("after 400 days", lambda: sending.again_moved(4 * fifth, 5 * fifth)),
        ("races", lambda: sending.races(events, events + races)),
    ]
    try:
        installation.serve()
        for name, do in ways:
            if name not in part.marks.setdefault("done", []):
                part.say(name)
                do()
                part.marks["done"].append(name)
                part.save()
                part.check_time()
        # A request that was under way when an earlier call was stopped may have been counted or not.
        exactly = not ledger.standing().unanswered.any()
        checked(part, installation, ledger, exactly=exactly)
        if exactly:
            _page_agrees(part, installation, ledger)
        part.report.cases = events // SHARE + races
        part.figures["races"] = races
        part.figures["clock"] = (
            "moved 400 days" if extra else "not moved: there is no cc to build the library"
        )
    finally:
        sending.close()
        installation.kill()
        ledger.close()


def _clock(part: Part) -> dict[str, str]:
    """The environment under which the server's wall clock can be moved; nothing where the library cannot be built."""
    try:
        return calls.preloaded(calls.built(part.folder), part.folder / "clock")
    except calls.NoCompilerError as error:
        part.say(f"the clock is not moved: {error}")
        return {}


class _Sending:
    """Batches over a few connections, every answer read before the next request of its connection."""

    def __init__(self, part: Part, installation: Installation, ledger: Ledger) -> None:
        self._part, self._installation, self._ledger = part, installation, ledger
        self._stream = Stream(part.report.seed)
        self._head = f"Host: x\r\nAuthorization: {basic(part.marks['key'])}\r\n"
        self._links: list[socket.socket] = []

    def span(self, first: int, last: int, *, twice_until: int = 0) -> None:
        """Events ``first`` to ``last`` in batches; those up to ``twice_until`` are sent again at once."""
        # After a stop: what has its line in the ledger was answered.
        acks = self._ledger.standing().acks
        while first < last:
            count = min(_BATCH, last - first)
            if not twice_until or not acks[first]:
                self._request([(first, count)] * (2 if first < twice_until else 1))
            first += count
            if first % (_BATCH * 50) == 0:
                self._part.check_time()

    def again_after(self, seconds: float, first: int, last: int) -> None:
        self.close()
        time.sleep(seconds)
        self.span(first, last)

    def again_restarted(self, first: int, last: int) -> None:
        self.close()
        code = self._installation.stop()
        self._part.expect(code == 0, f"the server ended with {code}")
        self._installation.serve()
        self.span(first, last)

    def again_merged(self, first: int, last: int) -> None:
        """After everything is in the lake and its small files were merged by the product's own upkeep."""
        self.close()
        kill_checking.settled(self._installation)
        code = "from evergreen.base import clock, env; from evergreen.events import store, upkeep\n"
        code += "with store.session() as con: print('merged', upkeep.keep(con, now=clock.utc_now()).merged)"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=self._installation.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        self._part.marks["merged"] = self._part.marks.get("merged", 0) + int(done.stdout.split()[-1])
        self._part.save()
        self._part.expect(self._part.marks["merged"], "no file was merged")
        self.span(first, last)

    def again_moved(self, first: int, last: int) -> None:
        """After the server's wall clock went 400 days on, while it runs."""
        self._part.folder.joinpath("clock").write_text(str(YEAR_AND_MORE))
        time.sleep(1.0)
        self.span(first, last)

    def races(self, first: int, last: int) -> None:
        """Each id sent by sixteen connections at one moment."""
        for number in range(first, last):
            self._request([(number, 1)] * RACERS)
            if number % 200 == 0:
                self._part.check_time()

    def _request(self, ranges: list[tuple[int, int]]) -> None:
        """Requests over as many connections at one moment; every one must be answered 200."""
        while len(self._links) < len(ranges):
            self._links.append(socket.create_connection(("127.0.0.1", self._installation.port), 60))
        pairs = list(zip(self._links, ranges, strict=False))
        for link, (first, count) in pairs:
            path, body = self._stream.request(first, count)
            self._ledger.sending(first, count)
            head = f"POST {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
            link.sendall(head.encode() + body)
        for link, _ in pairs:
            read_answer(link)
        for first, count in set(ranges):
            self._ledger.acked(first, count, times=ranges.count((first, count)))

    def close(self) -> None:
        for link in self._links:
            link.close()
        self._links.clear()


_PAGE = """
import datetime as dt, json, django
django.setup()
from evergreen.events import source_traffic
print(json.dumps(source_traffic.sums({source!r}, dt.datetime(2000, 1, 1, tzinfo=dt.UTC))))
"""


def _page_agrees(part: Part, installation: Installation, ledger: Ledger) -> None:
    """What the source's page counts is the ledger's, to the unit."""
    done = subprocess.run(
        [sys.executable, "-c", _PAGE.format(source=SOURCE)],
        cwd=ROOT,
        env=installation.environment | {"DJANGO_SETTINGS_MODULE": "evergreen.launch.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    standing = ledger.standing()
    wanted = f"[{int(standing.acked.sum())}, {standing.repeats}, 0, 0]"
    part.expect(
        done.stdout.strip() == wanted, f"the source's page says {done.stdout.strip()}, wanted {wanted}"
    )
