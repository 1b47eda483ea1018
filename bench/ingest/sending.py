"""The sender: one process, a few connections, bytes made before; it waits for each answer before it sends again."""

from __future__ import annotations

import selectors
import socket
import time
from dataclasses import dataclass, field

_ANSWER = b'{"success":true}'


@dataclass(slots=True)
class Load:
    """What a sender saw: answers a second and the seconds that each took; all answers, those of the warming up too."""

    rate: float
    waits: list[float]
    answers: int


@dataclass(slots=True)
class _Link:
    socket: socket.socket
    number: int
    rest: memoryview = field(default_factory=lambda: memoryview(b""))
    began: float = 0.0
    got: bytes = b""


def load(port: int, requests: list[bytes], *, connections: int, seconds: float, warm: float = 1.0) -> Load:
    """Send for some seconds behind a second of warming up. Raises AssertionError at an answer that is no 200."""
    chosen = selectors.DefaultSelector()
    links = [_Link(_connected(port), number * 7) for number in range(connections)]
    for link in links:
        chosen.register(link.socket, selectors.EVENT_WRITE, link)
        _next(link, requests)
    begins = time.perf_counter() + warm
    ends = begins + seconds
    waits: list[float] = []
    answers = 0
    while (now := time.perf_counter()) < ends:
        for key, _ in chosen.select(1.0):
            link = key.data
            if link.rest:
                _push(link)
                if not link.rest:
                    chosen.modify(link.socket, selectors.EVENT_READ, link)
                continue
            link.got += link.socket.recv(65_536)
            if not link.got.endswith(_ANSWER):
                assert link.got[:12] in b"HTTP/1.1 200", link.got[:300]
                continue
            answers += 1
            if now >= begins:
                waits.append(time.perf_counter() - link.began)
            _next(link, requests)
            _push(link)
            if link.rest:
                chosen.modify(link.socket, selectors.EVENT_WRITE, link)
    took = time.perf_counter() - begins
    for link in links:
        link.socket.close()
    return Load(len(waits) / took, waits, answers)


def _connected(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), 10)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 256 << 10)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setblocking(False)
    return made


def _next(link: _Link, requests: list[bytes]) -> None:
    link.rest = memoryview(requests[link.number % len(requests)])
    link.number += 1
    link.began, link.got = time.perf_counter(), b""


def _push(link: _Link) -> None:
    try:
        link.rest = link.rest[link.socket.send(link.rest) :]
    except BlockingIOError:
        return
