"""What a server holds while it works: memory, open files, and how far the lake is behind the journal."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evergreen.base.env import Home
from evergreen.events import journal
from tests.launch.installation import Installation
from tests.torture import kill_checking

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Look:
    """One look: seconds since the first, then by process (server, worker) MB of memory and open files."""

    at: float
    megabytes: tuple[float, ...]
    files: tuple[int, ...]
    lag_seconds: float


def megabytes(pid: int) -> float:
    """Resident memory."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6
    except (OSError, IndexError):
        return float("nan")


def open_files(pid: int) -> int:
    """Open files but for sockets, which come and go with who calls."""
    found = 0
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            try:
                found += not str(link.readlink()).startswith("socket:")
            except OSError:
                continue
    except OSError:
        return 0
    return found


class Watch(threading.Thread):
    """Looks every few seconds until told to stop."""

    def __init__(self, installation: Installation, *, every: float = 5.0, with_lag: bool = False) -> None:
        super().__init__(daemon=True)
        self._installation, self._every, self._with_lag = installation, every, with_lag
        self._stopping = threading.Event()
        self.looks: list[Look] = []

    def run(self) -> None:
        began = time.monotonic()
        while not self._stopping.wait(self._every):
            pids = self._installation.processes()
            lag = self._lag() if self._with_lag else 0.0
            self.looks.append(
                Look(
                    time.monotonic() - began,
                    tuple(map(megabytes, pids)),
                    tuple(map(open_files, pids)),
                    lag,
                )
            )

    def stop(self) -> list[Look]:
        self._stopping.set()
        self.join(60)
        return self.looks

    def _lag(self) -> float:
        """Seconds since the oldest record that waits was written; 0 when none does."""
        home = Home(self._installation.home)
        with kill_checking.lake_of(self._installation) as con:
            held = dict(con.execute("SELECT origin, max(until) FROM lake.batches GROUP BY origin").fetchall())
        oldest = time.time()
        for path in journal.segments(home):
            try:
                part = journal.read(path, held.get(path.name, 0), most=1 << 16)
            except FileNotFoundError:
                continue
            if part.entries:
                oldest = min(oldest, part.entries[0].record.received_at / 1e6)
        return time.time() - oldest


def slope(looks: Sequence[Look], process: int, since: float) -> float:
    """MB in ten minutes by which a process grew from a moment on: the line through the looks."""
    later = [look for look in looks if look.at >= since and len(look.megabytes) > process]
    if len(later) < 5:
        return float("nan")
    at = np.array([look.at for look in later])
    held = np.array([look.megabytes[process] for look in later])
    return float(np.polyfit(at, held, 1)[0] * 600)
