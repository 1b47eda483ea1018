"""A long journal is unpacked by several processes, ahead of the one that stores it.

Each is a child that reads a stretch of a segment, unpacks it and hands over columns; it ends with its parent, also when
that is killed, because its connection ends. Whatever a child cannot do its parent does itself.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import pyarrow as pa

from evergreen.events import journal
from evergreen.events.unpacking.parts import Refused, Single, Unpacked, read_stretch

log = logging.getLogger(__name__)

# Unpacked at a time, by one process: a few times as much memory.
STRETCH_BYTES = 8 << 20
# Stretches that wait to be stored, by process: enough to go on while a step is stored. As columns each takes 5 MB.
_AHEAD = 8
# A process takes as long to start as to unpack this.
_WORTH_BYTES = 24 << 20
_SECONDS = 120.0

_Ask = tuple[str, int, int, tuple[str, ...]]


class _Told(msgspec.Struct, array_like=True):
    """What goes beside the columns."""

    entries: int
    singles: list[Single]
    refused: list[Refused]


_told = msgspec.json.Decoder(_Told)
_asked = msgspec.json.Decoder(_Ask)
_write = msgspec.json.Encoder().encode


class Ahead:
    """Unpacks what will be asked for next. Used by one thread; to be closed."""

    def __init__(self, processes: int | None = None) -> None:
        self._processes = processes or os.cpu_count() or 1
        self._pool: ThreadPoolExecutor | None = None
        self._own = threading.local()
        self._children: list[_Child] = []
        self._coming: dict[tuple[Path, int, tuple[str, ...]], tuple[int, Future[Unpacked | None]]] = {}

    @property
    def is_busy(self) -> bool:
        """Whether anything was asked for that nobody took yet."""
        return bool(self._coming)

    def look(self, waiting: Sequence[tuple[Path, int]], account_properties: Sequence[str]) -> None:
        """Have unpacked what will be asked for next: segments in order, each from a position on.

        Does nothing while so little waits that starting processes would take longer.
        """
        if self._pool is None and sum(path.stat().st_size - start for path, start in waiting) < _WORTH_BYTES:
            return
        properties = tuple(account_properties)
        room = self._processes * _AHEAD - len(self._coming)
        for path, start in waiting:
            while (coming := self._coming.get((path, start, properties))) is not None:
                start = coming[0]
            for end in islice(journal.cuts(path, start, STRETCH_BYTES), max(0, room)):
                done = self._started().submit(self._ask, path, start, end, properties)
                self._coming[path, start, properties] = (end, done)
                start, room = end, room - 1
            if room <= 0:
                return

    def take(self, path: Path, start: int, account_properties: Sequence[str]) -> tuple[int, Unpacked] | None:
        """(end, what stands from ``start`` to it) if it was asked for and could be read."""
        coming = self._coming.pop((path, start, tuple(account_properties)), None)
        if coming is None:
            return None
        end, done = coming
        try:
            unpacked = done.result(_SECONDS)
        except (OSError, EOFError, TimeoutError, msgspec.MsgspecError, pa.ArrowException) as error:
            log.warning("A process that unpacks the journal failed (%r); it is unpacked here.", error)
            self.close()
            return None
        if unpacked is None:  # damaged: what comes behind will be cut differently
            self.close()
            return None
        return end, unpacked

    def close(self) -> None:
        """End the processes; what they were asked for is forgotten."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            for child in list(self._children):
                child.end()
            self._pool.shutdown()
        # A thread may have started one while the others ended.
        for child in self._children:
            child.end()
            child.close()
        self._pool, self._children, self._coming = None, [], {}
        self._own = threading.local()

    def _started(self) -> ThreadPoolExecutor:
        """A thread a child: it sends what is asked and takes the answer off the child's hands."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._processes, "unpacking")
        return self._pool

    def _ask(self, path: Path, start: int, end: int, properties: tuple[str, ...]) -> Unpacked | None:
        child = getattr(self._own, "child", None)
        if child is None:
            child = self._own.child = _Child()
            self._children.append(child)
        return child.ask((str(path), start, end, properties))


class _Child:
    """One process and the connection to it."""

    def __init__(self) -> None:
        ours, its = socket.socketpair()
        with its:
            command = [sys.executable, "-m", "evergreen.events.unpacking", str(its.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL)
        self._connection = Connection(ours.detach())

    def ask(self, what: _Ask) -> Unpacked | None:
        """Raises OSError or EOFError when the process is gone."""
        self._connection.send_bytes(_write(what))
        told = self._connection.recv_bytes()
        if not told:
            return None
        head = _told.decode(told)
        columns = pa.ipc.open_stream(self._connection.recv_bytes()).read_all()
        return Unpacked(head.entries, columns, head.singles, head.refused)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self._connection.close()


def serve(connection: Connection) -> None:
    """The child's side: answer until the parent is gone."""
    while True:
        try:
            path, start, end, properties = _asked.decode(connection.recv_bytes())
        except EOFError:
            return
        unpacked = read_stretch(Path(path), start, end, properties)
        if unpacked is None:
            connection.send_bytes(b"")
            continue
        connection.send_bytes(_write(_Told(unpacked.entries, unpacked.singles, unpacked.refused)))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, unpacked.plain.schema) as stream:
            stream.write_table(unpacked.plain.combine_chunks())
        connection.send_bytes(sink.getvalue())
