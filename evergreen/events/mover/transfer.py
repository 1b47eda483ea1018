"""The way from the journal into the lake: exactly once, whatever is killed when.

Events, the position in their segment and the rejected ones enter the lake in one transaction. A segment is
removed only when its owner has ended it and the lake durably holds all of it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from evergreen.base import env, queries
from evergreen.events import arrivals, journal, store
from evergreen.events.journal import Part
from evergreen.events.mover.arranging import arrange
from evergreen.events.mover.unpacking import rejected_table

log = logging.getLogger(__name__)

# Unpacked at a time: a few times as much memory.
PART_BYTES = 8 << 20
# Brought into the lake at a time: a commit costs the same for one event and for a hundred thousand.
STEP_EVENTS = 250_000
_ATTEMPTS = 6


class MoverBusyError(RuntimeError):
    """Another process moves the journal of this home."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What one step brought into the lake: received = stored + duplicates + rejected, to the unit."""

    received: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0

    def plus(self, other: Moved | arrivals.Appended) -> Moved:
        return Moved(
            self.received + other.received,
            self.stored + other.stored,
            self.duplicates + other.duplicates,
            self.conflicts + other.conflicts,
            self.rejected + other.rejected,
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    """One part of one segment, ready to be appended."""

    path: Path
    part: Part
    events: pa.Table
    rejected: pa.Table


def _together(batches: list[_Batch]) -> _Batch:
    """Parts of one segment that follow each other as one."""
    last = batches[-1]
    events = pa.concat_tables([batch.events for batch in batches])
    return _Batch(last.path, last.part, events, pa.concat_tables([batch.rejected for batch in batches]))


@contextmanager
def moving(home: env.Home) -> Iterator[None]:
    """Hold the right to move this home's journal; raises MoverBusyError while another process holds it."""
    home.journal.mkdir(parents=True, exist_ok=True)
    fd = os.open(home.journal / "mover.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(fd, 20).decode("ascii", "replace").strip() or "unknown"
            raise MoverBusyError(
                f"The journal in {home.journal} is being moved by process {holder} (a worker or "
                "`evergreen serve`). Nothing is lost: it stores the events. Stop it to move them here."
            ) from None
        os.truncate(fd, 0)
        os.write(fd, str(os.getpid()).encode())
        journal.tidy(home)
        yield
    finally:
        os.close(fd)


class Mover:
    """Moves one home's journal on one writer's connection; the caller holds ``moving``."""

    def __init__(self, con: duckdb.DuckDBPyConnection, home: env.Home) -> None:
        self._con = con
        self._home = home
        self._held: dict[str, int] = {}

    def waits(self) -> bool:
        """Whether there is anything to do (looks at file sizes only)."""
        for path in journal.segments(self._home):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_size > self._position(path) or journal.has_ended(path):
                    return True
        return False

    def move(self, now: dt.datetime) -> Moved:
        """Move everything that waits."""
        total = Moved()
        while (moved := self.step(now)) is not None:
            total = total.plus(moved)
        return total

    def step(self, now: dt.datetime) -> Moved | None:
        """Move what waits of every segment, at most about STEP_EVENTS, in one transaction; None when nothing could be
        read."""
        gathered: dict[Path, list[_Batch]] = {}
        reached: dict[Path, Part] = {}
        events = 0
        while events < STEP_EVENTS:
            parts = [
                (path, self._read(path, reached[path].end if path in reached else self._position(path)))
                for path in journal.segments(self._home)
                if path not in reached or reached[path].entries
            ]
            reached |= dict(parts)
            filled = [(path, part) for path, part in parts if part.entries]
            if not filled:
                break
            for batch in self._batches(filled):
                gathered.setdefault(batch.path, []).append(batch)
                events += batch.events.num_rows + batch.rejected.num_rows
        moved = self._append([_together(batches) for batches in gathered.values()], now) if gathered else None
        for path, part in reached.items():
            if part.complete:
                self._remove(path)
        return moved

    def _position(self, path: Path) -> int:
        if path.name not in self._held:
            self._held[path.name] = arrivals.held(self._con, path.name)
        return self._held[path.name]

    def _read(self, path: Path, start: int) -> Part:
        part = journal.read(path, start, most=PART_BYTES)
        for start, end in part.gaps:
            log.error(
                "Bytes %d to %d of journal segment %s cannot be read; the records behind them are stored and "
                "the segment is kept as %s.damaged.",
                start,
                end,
                path,
                path.name,
            )
            with contextlib.suppress(FileExistsError):
                os.link(path, path.with_name(f"{path.name}.damaged"))
        return part

    def _batches(self, parts: list[tuple[Path, Part]]) -> list[_Batch]:
        """Unpack the parts together and cut them apart again."""
        entries = [entry for _, part in parts for entry in part.entries]
        arranged = arrange(entries)
        batches, begin = [], 0
        for path, part in parts:
            end = begin + len(part.entries)
            first, last = np.searchsorted(arranged.entry, [begin, end]).tolist()
            rejected = [(entries[at], one) for at, one in arranged.rejected if begin <= at < end]
            events = arranged.events.slice(first, last - first)
            batches.append(_Batch(path, part, events, rejected_table(rejected, path.name)))
            begin = end
        return batches

    def _append(self, batches: list[_Batch], now: dt.datetime) -> Moved:
        """One transaction for all parts; tried again while another writer is in the way."""
        zone = str(queries.setting("timezone"))
        for attempt in range(_ATTEMPTS):
            try:
                with arrivals.appending(self._home), store.transaction(self._con, self._home):
                    total = Moved()
                    for batch in batches:
                        if attempt and arrivals.held(self._con, batch.path.name) >= batch.part.end:
                            continue  # the commit that seemed to fail did happen
                        appended = arrivals.append(
                            self._con,
                            batch.events,
                            origin=batch.path.name,
                            until=batch.part.end,
                            zone=zone,
                            now=now,
                            rejected=batch.rejected,
                            home=self._home,
                        )
                        total = total.plus(appended)
                break
            except duckdb.Error as error:
                if attempt == _ATTEMPTS - 1 or not _passes(error):
                    raise
                log.info("The lake was busy (%s); moving again.", str(error).splitlines()[0])
                time.sleep(0.05 * 2**attempt)
        self._held |= {batch.path.name: batch.part.end for batch in batches}
        return total

    def _remove(self, path: Path) -> None:
        """Drop a segment that is wholly held."""
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._held.pop(path.name, None)


def _passes(error: duckdb.Error) -> bool:
    """Whether an error of the lake goes away by waiting: another process was committing."""
    text = str(error).lower()
    return "conflict" in text or "locked" in text or "busy" in text


def move(*, now: dt.datetime, home: env.Home | None = None, patience: float = 60.0) -> int:
    """See to it that all that is in the journal now gets into the lake; returns how many events were stored.

    Where a worker moves the journal already this waits for it, at most ``patience`` seconds, and returns 0;
    raises MoverBusyError when it took longer.
    """
    home = home or env.home()
    try:
        with moving(home), store.session(home) as con:
            return Mover(con, home).move(now).stored
    except MoverBusyError:
        _wait_for_mover(home, patience)
        return 0


def _wait_for_mover(home: env.Home, patience: float) -> None:
    """Wait until what stands in the journal now is held by the lake or its segment is gone."""
    wanted = {path: path.stat().st_size for path in journal.segments(home) if path.exists()}
    deadline = time.monotonic() + patience
    while wanted:
        con = store.reading(home)
        wanted = {
            path: size
            for path, size in wanted.items()
            if path.exists() and arrivals.held(con, path.name) < size
        }
        if wanted and time.monotonic() > deadline:
            raise MoverBusyError(
                f"{len(wanted)} journal segments in {home.journal} were not stored within {patience:.0f} s "
                "by the process that moves the journal. Nothing is lost; look at its log, then ask again."
            )
        if wanted:
            time.sleep(0.1)
