"""The journal a process writes: one thread takes all that waits, writes it once, syncs once, answers all."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from evergreen.base import env
from evergreen.events.journal.reading import NEW, SUFFIX
from evergreen.events.journal.records import HEAD, Record, head, packed

log = logging.getLogger(__name__)

SEGMENT_BYTES = 64 << 20
WAITING_BYTES = 48 << 20
# While several send at once, a group waits this long for more: on a fast disk it would else hold one or two.
_LINGER_SECONDS = 0.0005
_NUMBER = iter(range(1, 1 << 62))


class JournalError(RuntimeError):
    """Nothing was stored; try again after ``retry_after`` seconds."""

    retry_after = 5


class DiskReservedError(JournalError):
    """The disk has less room than the reserve that the rest of the installation needs."""

    retry_after = 10


class OverloadedError(JournalError):
    """More waits to be written than the process may hold."""

    retry_after = 1


@dataclass(frozen=True, slots=True)
class State:
    """How the journal stands: the last failure (empty: none), free and reserved bytes of its disk."""

    failure: str
    free_bytes: int
    reserve_bytes: int

    @property
    def disk_ok(self) -> bool:
        return self.free_bytes >= self.reserve_bytes

    @property
    def writable(self) -> bool:
        return not self.failure


@dataclass(slots=True)
class _Waiting:
    payloads: Sequence[bytes]
    answer: asyncio.Future[None] | Future[None]
    loop: asyncio.AbstractEventLoop | None

    @property
    def size(self) -> int:
        return sum(HEAD.size + len(payload) for payload in self.payloads)


def disk(home: env.Home) -> State:
    """How the disk of the home's journal stands. The reserve is what pages, records and the lake need to go on: 6 % of a
    small disk, 256 MB of a large one. Raises OSError when the folder cannot be asked.
    """
    home.journal.mkdir(parents=True, exist_ok=True)
    stat = os.statvfs(home.journal)
    asked = env.number("EVERGREEN_DISK_RESERVE_MB", 0) << 20
    reserve = asked or min(256 << 20, stat.f_blocks * stat.f_frsize * 6 // 100)
    return State("", stat.f_bavail * stat.f_frsize, reserve)


class Journal:
    """Append-only segments that only this process writes; safe to use from any thread and event loop."""

    def __init__(self, home: env.Home, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._home = home
        self._segment_bytes = segment_bytes
        self._wake = threading.Condition()
        self._queue: list[_Waiting] = []
        self._queued_bytes = 0
        self._thread: threading.Thread | None = None
        self._closing = False
        self._fd: int | None = None
        self._size = 0
        self._failure = ""

    async def write(self, record: Record) -> None:
        """Return when the record is on stable storage; raises JournalError when it is not."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[None] = loop.create_future()
        self._put(_Waiting((packed(record),), answer, loop))
        await answer

    def write_now(self, *records: Record) -> None:
        """Block until the records are on stable storage; raises JournalError when they are not."""
        answer: Future[None] = Future()
        self._put(_Waiting([packed(record) for record in records], answer, None))
        answer.result()

    def state(self) -> State:
        """Whether requests would be stored now (asks the disk)."""
        try:
            return replace(disk(self._home), failure=self._failure)
        except OSError as error:
            return State(f"{self._home.journal}: {error.strerror}", 0, 1)

    def close(self) -> None:
        """Write what waits, end the segment and stop. Later writes are refused."""
        with self._wake:
            self._closing = True
            self._wake.notify()
            thread = self._thread
        if thread is not None:
            thread.join()
        self._end_segment()

    def forget(self) -> None:
        """Let go of the parent's segment after a fork, so that only the parent owns it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _put(self, waiting: _Waiting) -> None:
        with self._wake:
            if self._closing:
                raise JournalError("The journal is closed: the server is stopping.")
            if self._queued_bytes > WAITING_BYTES:
                raise OverloadedError(f"More than {WAITING_BYTES >> 20} MB wait to be written.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
                self._thread.start()
            self._queue.append(waiting)
            self._queued_bytes += waiting.size
            self._wake.notify()

    def _run(self) -> None:
        group: list[_Waiting] = []
        while True:
            several = len(group) > 1
            with self._wake:
                while not self._queue and not self._closing:
                    self._wake.wait()
                if several and not self._closing:
                    self._wake.wait_for(lambda: self._closing, _LINGER_SECONDS)
                group, self._queue = self._queue, []
                self._queued_bytes = 0
            if not group:
                return
            _answer(group, self._store(group))

    def _store(self, group: list[_Waiting]) -> JournalError | None:
        """Write a group and sync it. A segment whose write or sync failed is never trusted again."""
        try:
            self._check_room()
            fd = self._segment()
            # Checksums are made here, not where the requests are read: for a large payload Python lets go of its lock
            # meanwhile, and taking it again would cost the event loop more than the checksum does.
            payloads = (payload for waiting in group for payload in waiting.payloads)
            data = b"".join(part for payload in payloads for part in (head(payload), payload))
            _write(fd, data)
            os.fdatasync(fd)
        except JournalError as error:
            self._failure = str(error)
            return error
        except OSError as error:
            self._failure = f"The journal could not be written: {error.strerror or error}."
            log.error("%s Nothing of %d requests was acknowledged.", self._failure, len(group))
            self._abandon_segment()
            return JournalError(self._failure)
        self._failure = ""
        self._size += len(data)
        if self._size >= self._segment_bytes:
            self._end_segment()
        return None

    def _check_room(self) -> None:
        state = disk(self._home)
        if not state.disk_ok:
            free, reserve = state.free_bytes >> 20, state.reserve_bytes >> 20
            raise DiskReservedError(f"The disk has {free} MB free, below the reserve of {reserve} MB.")

    def _segment(self) -> int:
        """The open segment. A new one is locked before it has its name, which is synced before its first use."""
        if self._fd is not None:
            return self._fd
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(_NUMBER)}{SUFFIX}"
        made = self._home.journal / f"{name}{NEW}"
        fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            made.rename(self._home.journal / name)
            _sync_folder(self._home)
        except BaseException:
            os.close(fd)
            raise
        self._fd, self._size = fd, 0
        return fd

    def _end_segment(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _abandon_segment(self) -> None:
        """Cut off what was refused, as far as the disk still lets us, and never write behind it."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = None


def _write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _sync_folder(home: env.Home) -> None:
    folder = os.open(home.journal, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _answer(group: list[_Waiting], error: JournalError | None) -> None:
    """Wake everyone who waits for the group: one call into each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for waiting in group:
        if isinstance(waiting.answer, Future):
            _settle(waiting.answer, error)
        elif waiting.loop is not None:
            by_loop.setdefault(waiting.loop, []).append(waiting.answer)
    for loop, answers in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle_all, answers, error)


def _settle_all(answers: list[asyncio.Future[None]], error: JournalError | None) -> None:
    for answer in answers:
        _settle(answer, error)


def _settle(answer: asyncio.Future[None] | Future[None], error: JournalError | None) -> None:
    if answer.done():  # its caller has gone
        return
    if error is None:
        answer.set_result(None)
    else:
        answer.set_exception(error)
