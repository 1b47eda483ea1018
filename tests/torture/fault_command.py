"""``python -m tests.torture.fault_command SOCKET FOLDER COMMAND …``: an ``evergreen`` command whose system calls beneath
a folder can be made to fail while it runs. A line of JSON on the socket arms a fault, every line is answered by counts.
"""

from __future__ import annotations

import json
import runpy
import socket
import sys
import threading
from pathlib import Path

from tests.torture.calls import Calls


def main() -> None:
    control, folder = Path(sys.argv[1]), Path(sys.argv[2])
    calls = Calls()
    calls.watch(folder)
    listening = socket.socket(socket.AF_UNIX)
    control.unlink(missing_ok=True)
    listening.bind(str(control))
    listening.listen()
    threading.Thread(target=_listen, args=(listening, calls), daemon=True).start()
    sys.argv = ["evergreen", *sys.argv[3:]]
    runpy.run_module("evergreen.launch.command", run_name="__main__", alter_sys=True)


def _listen(listening: socket.socket, calls: Calls) -> None:
    while True:
        link, _ = listening.accept()
        with link, link.makefile("rw") as lines:
            told = json.loads(lines.readline())
            if told:
                kind, ahead, error, times = told
                calls.arm(kind, calls.counted()[kind] + ahead, error=error, times=times)
            lines.write(json.dumps(calls.counted()) + "\n")


def told(control: Path, fault: tuple[str, int, int, int] | None = None) -> dict[str, int]:
    """Arm (kind, calls from now on, errno, times), or only ask; how many calls of each kind there have been."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(str(control))
        with link.makefile("rw") as lines:
            lines.write(json.dumps(fault) + "\n")
            lines.flush()
            found: dict[str, int] = json.loads(lines.readline())
            return found


if __name__ == "__main__":
    main()
