"""A PostgreSQL server of the benchmark's own, Debian's newest or the one on the path, tuned for one heavy reader."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "postgres"
_SETTINGS = {
    "shared_buffers": "2GB",
    "work_mem": "256MB",
    "maintenance_work_mem": "1GB",
    "effective_cache_size": "8GB",
    "synchronous_commit": "off",
    "max_wal_size": "8GB",
    "random_page_cost": "1.1",
}


class NoServerError(RuntimeError):
    """There is no PostgreSQL to measure beside."""


@contextmanager
def running(folder: Path) -> Iterator[int]:
    """Run a server on the data in ``folder`` (made where there are none); its port. It has one user, postgres, trusted."""
    data = folder / "database"
    if not data.exists():
        folder.chmod(0o755)
        data.mkdir()
        if os.geteuid() == 0:
            shutil.chown(data, USER)
        _run("initdb", "-D", str(data), "-A", "trust", "-U", USER, "-E", "UTF8")
        with (data / "postgresql.conf").open("a") as told:
            told.writelines(f"{name} = {value}\n" for name, value in _SETTINGS.items())
    port = _free_port()
    options = f"-p {port} -k {data} -c listen_addresses=127.0.0.1"
    _run("pg_ctl", "-D", str(data), "-l", str(data / "log"), "-o", options, "-w", "-t", "120", "start")
    try:
        yield port
    finally:
        _run("pg_ctl", "-D", str(data), "-m", "fast", "-w", "-t", "300", "stop")


def processor_seconds(folder: Path) -> float:
    """What the processes that served connections took of the processor, of those that ended."""
    server = int((folder / "database" / "postmaster.pid").read_text().split()[0])
    # After the name in brackets; children's time stands in ticks in the fields 16 and 17 of the whole line.
    fields = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def told(port: int, sql: str) -> str:
    """What a query says, as CSV without a head."""
    copied = f"COPY ({sql}) TO STDOUT (FORMAT csv)"
    return subprocess.run(_psql(port, copied), check=True, stdout=subprocess.PIPE, text=True).stdout


def written(port: int, sql: str, path: Path) -> None:
    """The rows of a query as a CSV file without a head."""
    with path.open("wb") as file:
        subprocess.run(_psql(port, f"COPY ({sql}) TO STDOUT (FORMAT csv)"), check=True, stdout=file)


def done(port: int, sql: str) -> None:
    """Run a statement."""
    subprocess.run(_psql(port, sql), check=True, stdout=subprocess.DEVNULL)


def _psql(port: int, sql: str) -> list[str]:
    return [
        _tool("psql"),
        "-q",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-U",
        USER,
        "-v",
        "ON_ERROR_STOP=1",
        "-c",
        sql,
    ]


def _run(tool: str, *arguments: str) -> None:
    # PostgreSQL does not run as root.
    user = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
    subprocess.run([*user, _tool(tool), *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/")


def _tool(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    path = str(found[-1]) if found else shutil.which(name)
    if path is None:
        raise NoServerError(
            f"fightchurn runs on PostgreSQL; {name} was looked for under /usr/lib/postgresql and on the path and is not there. "
            "Nothing was measured; install PostgreSQL (apt-get install postgresql) and start again."
        )
    return path


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
