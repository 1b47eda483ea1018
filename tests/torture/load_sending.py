"""A sender that does not wait: requests leave when they are due, whatever became of those before them.

It runs in a process of its own, so that what it costs is not the server's, and hands back every request as a row:
whose it was, when it was due, how long its answer took, what the answer was, and whether the machine stood still meanwhile.
"""

from __future__ import annotations

import errno
import heapq
import multiprocessing
import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tests.launch.sending import basic
from tests.torture.kill_traffic import Stream
from tests.torture.ledger import Ledger
from tests.torture.standstill import Standstills, during

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

BROKEN, NO_ANSWER = 0, -1
_LONGEST_WAIT = 30.0
_READ = 1 << 16

ROW = np.dtype(
    [
        ("flow", "u2"),
        ("at", "f8"),
        ("wait", "f8"),
        ("status", "i2"),
        ("told_when", "?"),
        ("events", "u4"),
        ("still", "?"),
    ]
)
Rows = NDArray[np.void]


class Unsynced(Ledger):
    """The ledger of a sender that nobody kills: a line a request, without a sync each."""

    def acked(self, first: int, count: int = 1, *, times: int = 1) -> None:
        self._add(first, count, 2, times)


@dataclass(frozen=True, slots=True)
class Flow:
    """One source's requests: how many a second, how many events in each, which numbers of which ledger."""

    key: str
    seed: int
    rate: float
    events: int
    begin: int
    ledger: Path
    size: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent for some seconds; ``links`` is how many connections may be open at once.

    ``is_closed``: as fast as the answers come, instead of at the rates.
    """

    port: int
    flows: Sequence[Flow]
    seconds: float
    links: int = 2_000
    is_closed: bool = False


@dataclass(slots=True)
class _Link:
    socket: socket.socket
    flow: int = 0
    first: int = 0
    began: float = 0.0
    is_busy: bool = False
    rest: memoryview = field(default_factory=lambda: memoryview(b""))
    got: bytes = b""


@dataclass(frozen=True, slots=True)
class Sent:
    """The rows of a plan, the next free number of each flow, requests that found no link, and when it began."""

    rows: Rows
    ends: list[int]
    held_back: int
    began: float

    def of(self, *flows: int) -> Rows:
        return self.rows[np.isin(self.rows["flow"], flows)]


def centile(rows: Rows, number: float) -> float:
    """Milliseconds of the requests that were taken, but for those during which the machine stood still."""
    taken = rows[(rows["status"] == 200) & ~rows["still"]]["wait"]
    return float(np.percentile(taken, number) * 1000) if len(taken) else float("nan")


class Sending:
    """A plan under way in its process."""

    def __init__(self, plan: Plan) -> None:
        self._standstills = Standstills()
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(plan, theirs), daemon=True)
        self._process.start()
        self._plan = plan
        self._ours.recv()  # it has begun

    def result(self) -> Sent:
        """Wait for its end. Raises AssertionError when the sender failed."""
        if not self._ours.poll(self._plan.seconds + _LONGEST_WAIT + 60):
            self.stop()
            raise AssertionError("The sender did not come to its end.")
        found: Sent | str = self._ours.recv()
        self._process.join(30)
        if isinstance(found, str):
            raise AssertionError(f"The sender failed: {found}")
        due = found.began + found.rows["at"]
        found.rows["still"] = during(self._standstills.stop(), due, due + found.rows["wait"])
        return found

    def stop(self) -> None:
        self._process.kill()
        self._process.join()


def send(plan: Plan) -> Sent:
    return Sending(plan).result()


def _run(plan: Plan, told: Connection) -> None:
    try:
        sender = _Sender(plan)
        told.send(True)
        sender.run()
        told.send(Sent(np.array(sender.rows, ROW), sender.next, sender.held_back, sender.began))
    except Exception as error:
        told.send(f"{type(error).__name__}: {error}")


class _Sender:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._chosen = selectors.DefaultSelector()
        self._idle: list[_Link] = []
        self._links: set[int] = set()
        self._busy: dict[int, _Link] = {}
        self._streams = [Stream(flow.seed) for flow in plan.flows]
        self._ledgers = [Unsynced(flow.ledger, flow.size) for flow in plan.flows]
        self._heads = [
            f"Host: torture\r\nContent-Type: application/json\r\nAuthorization: {basic(flow.key)}\r\n"
            for flow in plan.flows
        ]
        self.next = [flow.begin for flow in plan.flows]
        self.rows: list[tuple[int, float, float, int, bool, int, bool]] = []
        self.began = 0.0
        self.held_back = 0
        self._is_blocked = False

    def run(self) -> None:
        self.began = time.perf_counter()
        ends = self.began + self._plan.seconds
        due = [(self.began + n / 1e4, n) for n, flow in enumerate(self._plan.flows) if flow.rate > 0]
        heapq.heapify(due)
        looked = self.began
        while (now := time.perf_counter()) < ends or self._busy:
            if now < ends:
                self._start(due, now)
            until = due[0][0] - now if due and not self._plan.is_closed and now < ends else 0.2
            for key, _ in self._chosen.select(max(0.0, min(until, 0.2))):
                self._turn(key.data)
            if now - looked > 0.5:
                looked = now
                self._give_up(now)
            if now > ends + _LONGEST_WAIT:
                break
        for ledger in self._ledgers:
            ledger.close()

    def _start(self, due: list[tuple[float, int]], now: float) -> None:
        """Send what is due. An answer is timed from when its request was due, unless no link was free for it: what waits for
        one waits in the sender, and those that waited too long are told apart (``held_back``).
        """
        was_blocked, self._is_blocked = self._is_blocked, False
        while due and (self._plan.is_closed or due[0][0] <= now):
            if not self._idle and len(self._links) >= self._plan.links:
                self._is_blocked = True
                if self._plan.is_closed:
                    return
                at, flow = due[0]
                if now - at > 1.0:  # more than a second behind: this request is never sent
                    heapq.heapreplace(due, (at + 1 / self._plan.flows[flow].rate, flow))
                    self.held_back += 1
                    continue
                return
            at, flow = due[0]
            heapq.heapreplace(due, (at + 1 / self._plan.flows[flow].rate, flow))
            self._send(flow, now if self._plan.is_closed or was_blocked else at)

    def _send(self, number: int, due: float) -> None:
        flow = self._plan.flows[number]
        first = self.next[number]
        self.next[number] += flow.events
        path, body = self._streams[number].request(first, flow.events)
        head = f"POST {path} HTTP/1.1\r\n{self._heads[number]}Content-Length: {len(body)}\r\n\r\n"
        link = self._idle.pop() if self._idle else self._opened()
        link.flow, link.first, link.began, link.is_busy = number, first, due, True
        link.rest, link.got = memoryview(head.encode() + body), b""
        self._ledgers[number].sending(first, flow.events)
        self._busy[link.socket.fileno()] = link
        self._push(link)

    def _opened(self) -> _Link:
        made = socket.socket()
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = made.connect_ex(("127.0.0.1", self._plan.port))
        if code not in {0, errno.EINPROGRESS}:
            raise OSError(code, "no connection")
        link = _Link(made)
        self._links.add(made.fileno())
        self._chosen.register(made, selectors.EVENT_WRITE, link)
        return link

    def _push(self, link: _Link) -> None:
        try:
            while link.rest:
                link.rest = link.rest[link.socket.send(link.rest) :]
        except (BlockingIOError, InterruptedError):
            self._chosen.modify(link.socket, selectors.EVENT_WRITE, link)
            return
        except OSError as error:
            if error.errno in {errno.ENOTCONN, errno.EAGAIN}:
                return
            self._end(link, BROKEN)
            return
        self._chosen.modify(link.socket, selectors.EVENT_READ, link)

    def _turn(self, link: _Link) -> None:
        if link.rest:
            self._push(link)
            return
        try:
            got = link.socket.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            got = b""
        if not got:
            self._end(link, BROKEN)
            return
        link.got += got
        head, blank, body = link.got.partition(b"\r\n\r\n")
        if not blank:
            return
        lines = head.lower()
        length = int(lines.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self._answered(link, int(head[9:12]), told_when=b"retry-after:" in lines)

    def _answered(self, link: _Link, status: int, *, told_when: bool) -> None:
        flow = self._plan.flows[link.flow]
        ledger = self._ledgers[link.flow]
        if status == 200:
            ledger.acked(link.first, flow.events)
        elif status in {429, 503}:
            ledger.refused(link.first, flow.events)
        self._row(link, status, told_when=told_when)
        del self._busy[link.socket.fileno()]
        link.is_busy = False
        self._idle.append(link)

    def _end(self, link: _Link, status: int) -> None:
        """The link broke, or is given up; an idle one that the server closed is only forgotten."""
        self._chosen.unregister(link.socket)
        self._links.discard(link.socket.fileno())
        if link.is_busy:
            del self._busy[link.socket.fileno()]
            self._row(link, status)
        else:
            self._idle.remove(link)
        link.socket.close()

    def _give_up(self, now: float) -> None:
        for link in [link for link in self._busy.values() if now - link.began > _LONGEST_WAIT]:
            self._end(link, NO_ANSWER)

    def _row(self, link: _Link, status: int, *, told_when: bool = False) -> None:
        wait = time.perf_counter() - link.began
        events = self._plan.flows[link.flow].events
        self.rows.append((link.flow, link.began - self.began, wait, status, told_when, events, False))
