"""The servers that are compared, each a fresh process on one core: Evergreen's ingest, a bare one, Django's.

All three decode the same bytes, append them to a file and answer after one fdatasync for all that wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

App = Callable[[Any, Any, Any], Awaitable[None]]
SUCCESS = b'{"success":true}'
_SERVER_CORE, _SENDER_CORE = 0, 1


class _Event(msgspec.Struct):
    messageId: str  # noqa: N815
    type: str
    event: str
    userId: str  # noqa: N815
    timestamp: str
    properties: dict[str, Any]
    context: dict[str, Any]


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw]
    sentAt: str  # noqa: N815


read_batch = msgspec.json.Decoder(_Batch).decode
read_single = msgspec.json.Decoder(_Event).decode


class Appender:
    """The plainest group commit: a thread that takes all that waits, writes it, syncs once, answers all."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._wake = threading.Condition()
        self._waiting: list[tuple[bytes, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        threading.Thread(target=self._run, daemon=True).start()

    async def append(self, body: bytes) -> None:
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        with self._wake:
            self._waiting.append((body, loop, answer))
            self._wake.notify()
        await answer

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting:
                    self._wake.wait()
                group, self._waiting = self._waiting, []
            os.write(self._fd, b"".join(body for body, _, _ in group))
            os.fdatasync(self._fd)
            answers = [answer for _, _, answer in group]
            group[0][1].call_soon_threadsafe(_settle, answers)


def _settle(answers: list[asyncio.Future[None]]) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_result(None)


def evergreen(folder: Path) -> App:
    """The product's own."""
    from evergreen.base.env import Home
    from evergreen.events.ingest import Ingest

    return Ingest(Home(folder))


def unsynced(folder: Path) -> App:
    """The product's own, its syncs left out."""
    os.fdatasync = lambda _: None  # type: ignore[assignment]
    return evergreen(folder)


def bare(folder: Path) -> App:
    """Nothing but decode and durable append behind the same HTTP server."""
    appender = Appender(folder / "bare")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        (read_batch if scope["path"] == "/v1/batch" else read_single)(body)
        await appender.append(body)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"16")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": SUCCESS})

    return app


def django(folder: Path) -> App:
    """A plain async view, without middleware."""
    from django.conf import settings
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    appender = Appender(folder / "django")

    async def view(request: HttpRequest) -> HttpResponse:
        body = request.body
        (read_batch if request.path == "/v1/batch" else read_single)(body)
        await appender.append(body)
        return HttpResponse(SUCCESS, content_type="application/json")

    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="bench", ROOT_URLCONF=__name__, MIDDLEWARE=[])
    globals()["urlpatterns"] = [path("v1/batch", view), path("v1/track", view)]
    from django import setup
    from django.core.asgi import get_asgi_application

    setup()
    return get_asgi_application()


SERVERS = {"evergreen": evergreen, "unsynced": unsynced, "bare": bare, "django": django}


class Served:
    """A running server: its port, and what it has used of a processor."""

    def __init__(self, port: int, pid: int) -> None:
        self.port, self._pid = port, pid

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def served(name: str, folder: Path) -> Iterator[Served]:
    """Run a server on a core of its own; this process, the sender, takes another."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(name, folder, theirs), daemon=True)
    cores = os.sched_getaffinity(0)
    process.start()
    try:
        port = int(ours.recv())
        if len(cores) > 1:
            os.sched_setaffinity(0, {sorted(cores)[_SENDER_CORE]})
        yield Served(port, process.pid or 0)
    finally:
        os.sched_setaffinity(0, cores)
        process.terminate()
        process.join(10)


def _serve(name: str, folder: Path, told: Connection) -> None:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    from evergreen.launch.server import free_port

    cores = os.sched_getaffinity(0)
    if len(cores) > 1:
        os.sched_setaffinity(0, {sorted(cores)[_SERVER_CORE]})
    port = free_port("127.0.0.1", 0)

    async def run() -> None:
        server = Server(
            SERVERS[name](folder),
            address="127.0.0.1",
            port=port,
            interface=Interfaces.ASGI,
            websockets=False,
            log_enabled=False,
            backlog=1024,
            backpressure=1024,
        )
        asyncio.get_running_loop().call_later(0.5, told.send, port)
        await server.serve()

    asyncio.run(run())


def loop(folder: Path, bodies: list[bytes], seconds: float) -> float:
    """Bodies a second by decode and append alone, no HTTP: 32 bodies share one fdatasync."""
    fd = os.open(folder / "loop", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    began = time.perf_counter()
    done = 0
    while (took := time.perf_counter() - began) < seconds:
        group = [bodies[(done + at) % len(bodies)] for at in range(32)]
        for body in group:
            read_batch(body)
        os.write(fd, b"".join(group))
        os.fdatasync(fd)
        done += len(group)
    os.close(fd)
    return done / took
