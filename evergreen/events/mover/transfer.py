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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evergreen.base import env, queries
from evergreen.events import arrivals, identity, journal, store
from evergreen.events.mover.arranging import Arranged, arrange
from evergreen.events.unpacking import Ahead, Refused, Unpacked, ahead, rejected_table, unpack_entries
from evergreen.events.unpacking.plain import PLACE_BITS

log = logging.getLogger(__name__)

# Brought into the lake at a time: a commit costs the same for one event and for a hundred thousand, as much as 50,000
# to 80,000 events do. Memory: about 1 kB an event.
STEP_EVENTS = 500_000
# After movers that were killed steps begin smaller, so that one that lives for seconds only still gets on.
_LEAST_EVENTS = 10_000
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
class _Part:
    """A stretch of a segment, unpacked up to ``end``; ``complete``: the segment has ended and nothing stands behind."""

    end: int
    complete: bool
    unpacked: Unpacked


@dataclass(frozen=True, slots=True)
class _Batch:
    """Stretches of one segment that follow each other, ready to be appended."""

    path: Path
    end: int
    events: pa.Table
    places: NDArray[np.int64]
    rejected: pa.Table

    @classmethod
    def of(cls, path: Path, parts: list[_Part], arranged: list[Arranged]) -> _Batch:
        refused: list[Refused] = []
        places, before = [], 0
        for part, one in zip(parts, arranged, strict=True):
            refused += part.unpacked.refused
            places.append(one.places + (before << PLACE_BITS))
            before += part.unpacked.entries
        events = pa.concat_tables([one.events for one in arranged])
        return cls(path, parts[-1].end, events, np.concatenate(places), rejected_table(refused, path.name))


@contextmanager
def moving(home: env.Home) -> Iterator[None]:
    """Hold the right to move this home's journal; raises MoverBusyError while another process holds it."""
    home.journal.mkdir(parents=True, exist_ok=True)
    fd = os.open(home.journal / "mover.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(fd)[0] or "unknown"
            raise MoverBusyError(
                f"The journal in {home.journal} is being moved by process {holder} (a worker or "
                "`evergreen serve`). Nothing is lost: it stores the events. Stop it to move them here."
            ) from None
        killed, deaths = _holder(fd)
        os.truncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()} {deaths + 1 if killed else 0}".encode(), 0)
        journal.tidy(home)
        yield
        os.truncate(fd, 0)
    finally:
        os.close(fd)


def _holder(fd: int) -> tuple[str, int]:
    """Who holds the lock, or held it when it was killed ('': it ended well), and how many in a row were killed before."""
    pid, _, deaths = os.pread(fd, 40, 0).decode("ascii", "replace").strip().partition(" ")
    return pid, int(deaths) if deaths.isdigit() else 0


def _first_step(home: env.Home) -> int:
    """How many events the first step of this mover takes: a quarter after each death of one before it."""
    try:
        fd = os.open(home.journal / "mover.lock", os.O_RDONLY)
    except FileNotFoundError:
        return STEP_EVENTS
    try:
        return max(_LEAST_EVENTS, STEP_EVENTS >> 2 * min(_holder(fd)[1], 8))
    finally:
        os.close(fd)


class Mover:
    """Moves one home's journal on one writer's connection; the caller holds ``moving``."""

    def __init__(self, con: duckdb.DuckDBPyConnection, home: env.Home) -> None:
        self._con = con
        self._home = home
        self._held: dict[str, int] = {}
        self._most = _first_step(home)
        self._ahead = Ahead()

    def waits(self) -> bool:
        """Whether there is anything to do (looks at file sizes only)."""
        for path in journal.segments(self._home):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_size > self._position(path) or journal.has_ended(path):
                    return True
        return False

    def close(self) -> None:
        """End the processes that unpack ahead."""
        self._ahead.close()

    def move(self, now: dt.datetime) -> Moved:
        """Move everything that waits, also what comes in meanwhile."""
        total = Moved()
        try:
            while (moved := self.step(now)) is not None:
                total = total.plus(moved)
        finally:
            self.close()
        return total

    def step(self, now: dt.datetime) -> Moved | None:
        """Move what waits of every segment, at most about STEP_EVENTS, in one transaction; None when nothing could
        be read."""
        properties = identity.account_properties()
        gathered: dict[Path, list[_Part]] = {}
        reached: dict[Path, _Part] = {}
        events = 0
        segments = journal.segments(self._home)
        for at, path in enumerate(segments):
            while events < self._most and (path not in reached or reached[path].unpacked.entries):
                start = reached[path].end if path in reached else self._position(path)
                self._look([(path, start)], segments[at + 1 :], properties)
                part = reached[path] = self._read(path, start, properties)
                if part.unpacked.entries:
                    gathered.setdefault(path, []).append(part)
                    events += part.unpacked.rows
        # Other processes go on while this one stores what it has.
        going_on = [(path, part.end) for path, part in reached.items()]
        self._look(going_on, segments[len(reached) :], properties)
        if not self._ahead.is_busy:
            self._ahead.close()
        moved = self._append(self._batches(gathered), now) if gathered else None
        self._most = min(self._most * 4, STEP_EVENTS)
        for path, part in reached.items():
            if part.complete:
                self._remove(path)
        return moved

    def _look(self, first: list[tuple[Path, int]], then: list[Path], properties: Sequence[str]) -> None:
        """Have unpacked what comes next, here and in the segments behind."""
        waiting = [*first, *((path, self._position(path)) for path in then)]
        self._ahead.look([(path, start) for path, start in waiting if path.exists()], properties)

    def _position(self, path: Path) -> int:
        if path.name not in self._held:
            self._held[path.name] = arrivals.held(self._con, path.name)
        return self._held[path.name]

    def _read(self, path: Path, start: int, properties: Sequence[str]) -> _Part:
        if (taken := self._ahead.take(path, start, properties)) is not None:
            return _Part(taken[0], False, taken[1])
        part = journal.read(path, start, most=ahead.STRETCH_BYTES)
        for begin, end in part.gaps:
            log.error(
                "Bytes %d to %d of journal segment %s cannot be read; the records behind them are stored and "
                "the segment is kept as %s.damaged.",
                begin,
                end,
                path,
                path.name,
            )
            with contextlib.suppress(FileExistsError):
                os.link(path, path.with_name(f"{path.name}.damaged"))
        return _Part(part.end, part.complete, unpack_entries(part.entries, properties))

    def _batches(self, gathered: dict[Path, list[_Part]]) -> list[_Batch]:
        """All parts arranged together, as one batch a segment."""
        arranged = arrange([part.unpacked for parts in gathered.values() for part in parts])
        batches, at = [], 0
        for path, parts in gathered.items():
            batches.append(_Batch.of(path, parts, arranged[at : at + len(parts)]))
            at += len(parts)
        return batches

    def _append(self, batches: list[_Batch], now: dt.datetime) -> Moved:
        """One transaction for all parts; tried again while another writer is in the way."""
        zone = str(queries.setting("timezone"))
        for attempt in range(_ATTEMPTS):
            try:
                with arrivals.appending(self._home), store.transaction(self._con, self._home):
                    total = Moved()
                    for batch in batches:
                        if attempt and arrivals.held(self._con, batch.path.name) >= batch.end:
                            continue  # the commit that seemed to fail did happen
                        appended = arrivals.append(
                            self._con,
                            batch.events,
                            origin=batch.path.name,
                            until=batch.end,
                            places=batch.places,
                            zone=zone,
                            now=now,
                            rejected=batch.rejected,
                            home=self._home,
                        )
                        total = total.plus(appended)
                break
            except duckdb.Error as error:
                if attempt == _ATTEMPTS - 1 or not store.is_passing(error):
                    raise
                log.info("The lake was busy (%s); moving again.", str(error).splitlines()[0])
                time.sleep(0.05 * 2**attempt)
        self._held |= {batch.path.name: batch.end for batch in batches}
        return total

    def _remove(self, path: Path) -> None:
        """Drop a segment that is wholly held."""
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._held.pop(path.name, None)


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
