"""Rows that could not be loaded and that the source will not tell again: tried anew with the next run.

A contact whose account comes a page too late is rejected, and a list of changes does not bring it twice. So what was
rejected of such lists waits here, and is loaded as soon as what it needs is there or the mapping is corrected.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evergreen.base import env, files


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
    files.replace(path, b"".join(lines))


def forget(connection: int) -> None:
    """Let nothing of the connection wait."""
    for path in _folder().glob(f"held-{connection}-*"):
        path.unlink(missing_ok=True)


def files_of_all() -> Iterable[Path]:
    """The files of every connection."""
    return _folder().glob("held-*.jsonl")


def _folder() -> Path:
    return env.home().files / "spools"


def _path(connection: int, stream: str) -> Path:
    return _folder() / f"held-{connection}-{files.stem(stream)}.jsonl"
