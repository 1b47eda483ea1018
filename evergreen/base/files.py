"""Small files that are replaced whole, and names for them. Without Django: the tracking API writes its keys with it."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path


def replace(path: Path, content: bytes) -> None:
    """Write a file whole and durably: readers, also after a power cut, see the old or the new one. Nobody else on the
    machine reads it."""
    made = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def stem(name: str) -> str:
    """A part of a file's name for any name, another one for another: 订单 and 客户 differ though no letter of theirs stays."""
    said = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:40]
    return f"{said}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
