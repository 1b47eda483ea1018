"""``evergreen serve``, ``web`` and ``worker``: the processes of an installation."""

from __future__ import annotations

import os
import signal
import threading
from typing import Annotated

import typer

from evergreen.launch.terminal import HomeOption, open_installation, say

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.", min=0, max=65535)]

# Beside a web process the worker steps back: whoever waits for an answer comes first, and storing, roll-ups and tidying
# take what is left (a tenth at least).
_NICENESS = 10


def serve(host: Host = "127.0.0.1", port: Port = 8000, home: HomeOption = None) -> None:
    """Serve pages, tracking API and worker on one port.

    Stops on SIGTERM within 30 s.
    """
    _serve(host, port, home, worker=True)


def web(host: Host = "127.0.0.1", port: Port = 8000, home: HomeOption = None) -> None:
    """Serve pages and tracking API without the worker.

    Events wait in the journal until a worker runs.
    """
    _serve(host, port, home, worker=False)


def worker(
    home: HomeOption = None,
    parent: Annotated[int, typer.Option(hidden=True, help="End with this process.")] = 0,
) -> None:
    """Store events, do jobs, run the nights."""
    from evergreen.launch.lifetimes import die_with

    if parent:
        die_with(parent)
        os.nice(_NICENESS)
    where = open_installation(home)
    from evergreen.flow.worker import Worker

    _warn_of_unknown_variables()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    Worker(where, stop).run()


def _serve(host: str, port: int, home: HomeOption, *, worker: bool) -> None:
    where = open_installation(home)
    from evergreen.launch.server import serve as serve_all

    _warn_of_unknown_variables()
    _warn_of_pending_steps()
    serve_all(where, host, port, worker=worker)


def _warn_of_unknown_variables() -> None:
    from evergreen.base import env

    for name in env.unknown_variables():
        say(f"The environment variable {name} means nothing here (a typing mistake?); see docs/settings.md.")


def _warn_of_pending_steps() -> None:
    from evergreen.flow.examination import pending_migrations

    if pending := pending_migrations():
        say(f"{pending} migrations have not been run: stop and run `evergreen init` first.")
