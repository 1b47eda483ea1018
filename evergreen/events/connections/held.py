"""Rows that could not be loaded and that the source will not tell again: tried anew with the next run.

A contact whose account comes a page too late is rejected, and a list of changes does not bring it twice. So what was
rejected of such lists waits here, and is loaded as soon as what it needs is there or the mapping is corrected.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evergreen.base import env


def waiting(connection: int, stream: str) -> list[dict[str, Any]]:
    """The rows that wait, oldest first."""
    try:
        with _path(connection, stream).open("rb") as file:
            return [json.loads(line) for line in file]
    except OSError:
        return []


def keep(connection: int, stream: str, rows: Iterable[dict[str, Any]]) -> None:
    """Let these rows wait instead of those that did before."""
    path = _path(connection, stream)
    lines = [json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows]
    if not lines:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_suffix(".new")
    # Rows hold personal data: nobody else on the machine reads them.
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)


def forget(connection: int) -> None:
    """Let nothing of the connection wait."""
    for path in _folder().glob(f"held-{connection}-*"):
        path.unlink(missing_ok=True)


def _folder() -> Path:
    return env.home().files / "spools"


def _path(connection: int, stream: str) -> Path:
    return _folder() / f"held-{connection}-{re.sub(r'[^A-Za-z0-9_-]+', '_', stream)[:60]}.jsonl"
