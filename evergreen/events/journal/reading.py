"""Segments on disk, read in order: whole records with their positions, up to a torn tail."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from evergreen.base import env
from evergreen.events.journal.records import HEAD, MARK, Entry, entries, entry, wanted

SUFFIX = ".journal"
DAMAGED = ".damaged"
NEW = ".new"
_PART = 4 << 20
_UNNAMED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Part:
    """What was read from a segment: whole records, the position after the last of them, damaged stretches.

    ``complete`` says that the segment has ended and that nothing readable stands behind ``end``.
    """

    entries: list[Entry]
    end: int
    complete: bool
    gaps: list[tuple[int, int]] = field(default_factory=list)


def segments(home: env.Home) -> list[Path]:
    """Every segment of the home, oldest first."""
    return sorted(home.journal.glob(f"*{SUFFIX}"))


def tidy(home: env.Home) -> None:
    """Remove segments that their makers never came to name."""
    for path in home.journal.glob(f"*{SUFFIX}{NEW}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _UNNAMED_SECONDS and has_ended(path):
                path.unlink()


def damaged(home: env.Home) -> list[Path]:
    """Segments kept aside because a stretch in their middle could not be read."""
    return sorted(home.journal.glob(f"*{DAMAGED}"))


def has_ended(path: Path) -> bool:
    """Whether the process that owned the segment has closed it or is gone (its lock is free)."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(fd)


def read(path: Path, start: int, *, most: int = _PART) -> Part:
    """Whole records of a segment from ``start`` on, about ``most`` bytes of them.

    While the owner still writes, reading stops at the first record that is not whole. Once it has ended, an
    unreadable stretch is passed over when a whole record follows it (and told as a gap), else it is the torn
    tail.
    """
    ended = has_ended(path)
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        data = _slice(file, start, min(start + most, size))
        found = list(entries(data, start))
        need = wanted(data, 0)
        if not found and len(data) < need <= size - start:
            data = _slice(file, start, start + need)
            found = list(entries(data, start))
        end = found[-1].end if found else start
        if end == size:
            return Part(found, end, complete=ended)
        if found or not ended:
            return Part(found, end, complete=False)
        return _after_damage(_slice(file, start, size), start)


def cuts(path: Path, start: int, most: int) -> Iterator[int]:
    """Where a segment can be cut into stretches of about ``most`` bytes of whole records, from ``start`` to its end.

    Only lengths are looked at; behind what cannot be a record there is no cut.
    """
    at = begun = start
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        while at < size:
            file.seek(at)
            length = wanted(file.read(HEAD.size), 0)
            if length <= HEAD.size or at + length > size:
                return
            at += length
            if at - begun >= most or at == size:
                yield at
                begun = at


def _slice(file: BinaryIO, start: int, stop: int) -> bytes:
    file.seek(start)
    return file.read(max(0, stop - start))


def _after_damage(rest: bytes, start: int) -> Part:
    """Go on behind a stretch that begins at ``start`` and holds no whole record, when one follows it."""
    at = rest.find(MARK, 1)
    while at >= 0:
        following = entry(rest, at, start)
        if following is not None:
            return Part([following], following.end, complete=False, gaps=[(start, following.start)])
        at = rest.find(MARK, at + 1)
    return Part([], start, complete=True)


def lag(home: env.Home, held: dict[str, int]) -> tuple[int, int]:
    """(segments, bytes) that wait to be moved, given up to where each segment is held."""
    waiting, size = 0, 0
    for path in segments(home):
        with contextlib.suppress(FileNotFoundError):
            behind = path.stat().st_size - held.get(path.name, 0)
            if behind > 0:
                waiting, size = waiting + 1, size + behind
    return waiting, size
