"""Serving: pages and ingest in this process on one port, the worker as a child that lives and dies with it.

Granian runs inside the process, so a kill of its pid leaves nothing that holds the port; the worker asks the
kernel to be killed with its parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time

from granian.constants import Interfaces
from granian.server.embed import Server

from evergreen.base import env
from evergreen.events import journal
from evergreen.launch import asgi

log = logging.getLogger(__name__)

STOP_SECONDS = 25.0
_WORKER_SECONDS = 18.0
_BACKLOG = 1024
# Connections at once, busy or not: one more is not answered at all, so there is room for many who only wait.
_CONNECTIONS = 8192
_RESTART_SECONDS = 1.0


class PortTakenError(RuntimeError):
    """Something else listens there already."""


def serve(home: env.Home, host: str, port: int, *, worker: bool) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are finished, acknowledged events are on disk."""
    port = free_port(host, port)
    asyncio.run(_serve(home, host, port, worker=worker))


def free_port(host: str, port: int) -> int:
    """The port, or a free one for 0. Raises PortTakenError when something listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTakenError(
                f"Cannot serve on {host}:{port}: {error.strerror}. Stop what listens there, or choose "
                "another place with --host and --port (0 takes any free port)."
            ) from None
        return int(probe.getsockname()[1])


async def _serve(home: env.Home, host: str, port: int, *, worker: bool) -> None:
    _allow_many_files()
    application = asgi.make(home)
    server = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        websockets=False,
        log_enabled=False,
        backlog=_BACKLOG,
        backpressure=_CONNECTIONS,
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, server, stopping)
    told = asyncio.create_task(_tell(home, host, port))
    child = asyncio.create_task(_keep_worker(home, stopping)) if worker else None
    try:
        await server.serve()
    finally:
        stopping.set()
        told.cancel()
        if child is not None:
            await child
        await asyncio.to_thread(journal.close_all)
        log.info("Stopped. Requests answered: %s.", dict(application.ingest.counts) or "no events")


def _allow_many_files() -> None:
    """As many open files as the machine lets us: the usual 1,024 are fewer than our connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _CONNECTIONS if hard == resource.RLIM_INFINITY else min(2 * _CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _stop(server: Server, stopping: asyncio.Event) -> None:
    stopping.set()
    server.stop()  # type: ignore[no-untyped-call]
    # A page that hangs must not keep the process beyond its time.
    watchdog = threading.Timer(STOP_SECONDS, os._exit, args=(1,))
    watchdog.daemon = True
    watchdog.start()


async def _tell(home: env.Home, host: str, port: int) -> None:
    """Say where it serves once something answers there."""
    shown = f"[{host}]" if ":" in host else host
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            break
        await asyncio.sleep(0.05)
    print(
        f"Evergreen serves {home.root} on http://{shown}:{port}/ (stop: Ctrl-C)", file=sys.stderr, flush=True
    )


async def _keep_worker(home: env.Home, stopping: asyncio.Event) -> None:
    """Start the worker again whenever it ends, until we stop; then let it finish what it has under way."""
    pause = _RESTART_SECONDS
    while not stopping.is_set():
        began = time.monotonic()
        command = (sys.executable, "-m", "evergreen.launch.command", "worker")
        child = await asyncio.create_subprocess_exec(
            *command, "--home", str(home.root), "--parent", str(os.getpid()), stdout=sys.stderr
        )
        ended = asyncio.create_task(child.wait())
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not ended.done():
            await _end(child, ended)
            return
        if stopping.is_set():
            return
        pause = _RESTART_SECONDS if time.monotonic() - began > 30 else min(pause * 2, 30.0)
        log.error("The worker ended with code %s; it starts again in %.0f s.", child.returncode, pause)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)


async def _end(child: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(ended), _WORKER_SECONDS)
        return
    log.error(
        "The worker did not stop within %.0f s and is killed; its job is taken up again.", _WORKER_SECONDS
    )
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    await ended
