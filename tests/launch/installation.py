"""A real installation in a folder of its own, worked by the real command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from evergreen.base.env import Home
from evergreen.launch.lifetimes import die_with
from tests.once import once

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "evergreen.launch.command")
# Nothing is timed here: a worker at its low priority may have to wait long for a crowded processor.
_PATIENCE = 300.0


@dataclass
class Installation:
    """Runs commands on one home; ``serve`` starts the server, ``stop`` and ``kill`` end it."""

    home: Path
    extra: dict[str, str] = field(default_factory=dict)
    port: int = 0
    server: subprocess.Popen[bytes] | None = None
    # For runs that may be killed themselves: nothing of theirs is left serving.
    dies_with_parent: bool = False

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EVERGREEN_")}
        return {**kept, "EVERGREEN_HOME": str(self.home), "EVERGREEN_THREADS": "2", **self.extra}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(
        self, *arguments: str, check: bool = True, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            input=stdin,
        )
        if check and done.returncode:
            raise AssertionError(
                f"evergreen {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def lines(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command printed with --json."""
        return [json.loads(line) for line in self.run(*arguments, "--json").stdout.splitlines()]

    def faults(self, *checks: str) -> list[str]:
        """What doctor finds wrong, in these checks or in all."""
        lines = map(json.loads, self.run("doctor", "--json", check=False).stdout.splitlines())
        return [
            str(line)
            for line in lines
            if line["state"] == "wrong" and line["check"] in (checks or line["check"])
        ]

    def new_key(self, source: str) -> str:
        return str(self.lines("key", "create", "--source", source)[-1]["key"])

    def counts(self, by: str = "event") -> dict[str, int]:
        """What `events count` prints, read from the lake in this process: tests ask it over and over."""
        from evergreen.events import store

        sql = f"SELECT {'name' if by == 'event' else by}, count(*) FROM lake.events GROUP BY ALL"
        return dict(store.reading(Home(self.home)).execute(sql).fetchall())

    def serve(self, command: str = "serve", *, wait: bool = True) -> subprocess.Popen[bytes]:
        """Start the server on its port (a free one the first time) and wait until it answers."""
        if not self.port:
            self.port = free_port()
        with (self.home / "server.log").open("ab") as log:
            self.server = subprocess.Popen(
                [*COMMAND, command, "--port", str(self.port)],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                preexec_fn=partial(die_with, os.getpid()) if self.dies_with_parent else None,
            )
        if wait:
            self.wait_until_up()
        return self.server

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:  # noqa: S310
                    if answer.status == 200:
                        return
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
        raise AssertionError(f"The server did not come up:\n{self.log()}")

    def log(self) -> str:
        return (self.home / "server.log").read_text("utf-8", "replace")

    def processes(self) -> list[int]:
        """The server's pid and those of its children."""
        return [self.server.pid, *children(self.server.pid)] if self.server else []

    def stop(self, seconds: float = _PATIENCE) -> int:
        """SIGTERM, and wait; the exit code."""
        assert self.server is not None
        self.server.terminate()
        code = self.server.wait(seconds)
        self.server = None
        return code

    def kill(self) -> None:
        if self.server is not None:
            self.server.kill()
            self.server.wait()
            self.server = None


def children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:
            continue
    return found


def lives(pid: int) -> bool:
    """Whether a process still runs (one that ended and was not collected yet does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(seen: Any, wanted: Any, *, pause: float = 0.1) -> None:
    """Ask ``seen()`` until it equals ``wanted``; gives up only where nothing can be on its way any more."""
    deadline = time.monotonic() + _PATIENCE
    found = seen()
    while found != wanted and time.monotonic() < deadline:
        time.sleep(pause)
        found = seen()
    assert found == wanted, f"found {str(found)[:2000]}, wanted {str(wanted)[:500]}"


def made(home: Path, extra: Sequence[str] = ()) -> Installation:
    """An initialised installation in a new folder: a copy of the run's first one, initialised again for ``extra``."""
    shutil.copytree(once("installation", _initialise), home, dirs_exist_ok=True)
    installation = Installation(home)
    if extra:
        installation.run("init", *extra)
    return installation


def _initialise(home: Path) -> None:
    Installation(home).run("init")
