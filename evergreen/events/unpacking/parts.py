"""A stretch of a segment, unpacked: the plain calls in columns, what has to be read alone one by one. Pure."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec
import pyarrow as pa

from evergreen.events import journal
from evergreen.events.ingest.shapes import Event, Rejection
from evergreen.events.journal import Entry
from evergreen.events.unpacking import plain
from evergreen.events.unpacking.dialects import unpack


class Single(msgspec.Struct, frozen=True, array_like=True):
    """An event read alone, and its ``place`` among those of its stretch."""

    place: int
    source: str
    event: Event


class Refused(msgspec.Struct, frozen=True, array_like=True):
    """A rejection with its request: source, kind, microseconds since 1970, position in the segment."""

    source: str
    kind: str
    received_at: int
    position: int
    rejection: Rejection


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Everything that entries hold, before it is known whose it is.

    ``plain`` has the columns of ``plain.SCHEMA``. ``places`` (in it and in the singles) grow in the order in which
    the events came; those of a stretch are below ``entries << PLACE_BITS``.
    """

    entries: int
    plain: pa.Table
    singles: list[Single]
    refused: list[Refused]

    @property
    def rows(self) -> int:
        """Events and rejections."""
        return int(self.plain.num_rows) + len(self.singles) + len(self.refused)


def unpack_entries(entries: Sequence[Entry], account_properties: Sequence[str]) -> Unpacked:
    """Unpack entries that follow each other."""
    with _uncollected():
        taken = plain.read([entry.record for entry in entries], account_properties)
        singles: list[Single] = []
        refused: list[Refused] = []
        for at, entry in enumerate(entries):
            left = taken.left.get(at)
            if left == []:
                continue
            record = entry.record
            found = unpack(record, account_properties, left)
            for item, one in zip(count() if left is None else left, found, strict=False):
                if isinstance(one, Event):
                    singles.append(Single(plain.place(at, item), record.source, one))
                else:
                    refused.append(Refused(record.source, record.kind, record.received_at, entry.start, one))
        return Unpacked(len(entries), taken.table, singles, refused)


def read_stretch(path: Path, start: int, end: int, account_properties: Sequence[str]) -> Unpacked | None:
    """What stands in a segment from ``start`` to ``end``; None when the records there do not end at ``end``."""
    part = journal.read(path, start, most=end - start)
    if part.end != end or part.gaps:
        return None
    return unpack_entries(part.entries, account_properties)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for circles among the hundred thousand objects of a batch, which have none: it took half of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
