"""System calls of a process, counted beneath a folder and ended or refused at the n-th; and a wall clock that moves.

``built`` compiles ``calls.c`` with the machine's cc; start a process with ``preloaded(library)`` in its environment.
Inside it ``Calls`` arms the fault. A process whose environment names ``clock`` sees the wall clock moved by as many
seconds as that file says, from one tenth of a second to the next.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

SOURCE = Path(__file__).with_name("calls.c")
KINDS = ("write", "fsync", "fdatasync", "syncfs", "rename", "unlink", "ftruncate")
# Calls on sockets, wherever they lead.
NETWORK = "network"


class NoCompilerError(RuntimeError):
    """There is no cc: such a test is skipped, and says so."""


def built(folder: Path) -> Path:
    """The library, compiled into a folder."""
    if shutil.which("cc") is None:
        raise NoCompilerError("There is no C compiler (cc): `apt-get install gcc libc6-dev`, then run again.")
    library = folder / "calls.so"
    if not library.exists() or library.stat().st_mtime < SOURCE.stat().st_mtime:
        folder.mkdir(parents=True, exist_ok=True)
        made = library.with_suffix(f".{os.getpid()}")
        command = ["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(made), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True)
        made.replace(library)
    return library


def preloaded(library: Path, clock: Path | None = None) -> dict[str, str]:
    """Environment variables for a process under the library; ``clock``: the file that moves its wall clock."""
    found = {"LD_PRELOAD": str(library)}
    return found | ({"TORTURE_CLOCK": str(clock)} if clock else {})


class Calls:
    """The library from inside a process that was started under it."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        if not hasattr(self._library, "calls_arm"):
            raise RuntimeError("This process was not started under the library: use calls.preloaded.")
        self._library.calls_count.restype = ctypes.c_long

    def watch(self, folder: Path) -> None:
        """Count from here on, beneath this folder."""
        self._library.calls_watch(str(folder).encode())

    def arm(self, kind: str, at: int, *, error: int = 0, times: int = 1) -> None:
        """Kill this process at its n-th call of a kind (from 1), or let ``times`` calls fail with an errno."""
        self._library.calls_arm((*KINDS, NETWORK).index(kind), ctypes.c_long(at), error, ctypes.c_long(times))

    def counted(self, kinds: Sequence[str] = KINDS) -> dict[str, int]:
        """How many calls of each kind there were."""
        return {kind: int(self._library.calls_count((*KINDS, NETWORK).index(kind))) for kind in kinds}
