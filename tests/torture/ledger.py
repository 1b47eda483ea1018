"""The sender's own ledger: what it sent, and what it knows of each event, synced as it learns it.

Events are known by their numbers 0 … size - 1, and a request is a range of them, so that a million of them are
compared in a moment. An event is *acked* when a 2xx for it was read and the line here is synced; *open* when a
request for it got no answer (it may be stored or not); *refused* when the answer said that nothing was stored.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_LINE = np.dtype([("first", "<u8"), ("count", "<u4"), ("what", "<u4")])
_SENT, _ACKED, _REFUSED = 1, 2, 3

Counts = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Standing:
    """How often each event was sent, acknowledged, refused; arrays by event number."""

    sent: Counts
    acks: Counts
    refusals: Counts

    @property
    def acked(self) -> Mask:
        """Acknowledged at least once: stored exactly once."""
        return self.acks > 0

    @property
    def unanswered(self) -> Counts:
        """How many requests with it got no answer: each may have been stored, or counted as a duplicate, or neither."""
        return self.sent - self.acks - self.refusals

    @property
    def open(self) -> Mask:
        """Never acknowledged, but perhaps stored: 0 or 1 times."""
        return ~self.acked & (self.unanswered > 0)

    @property
    def repeats(self) -> int:
        """Acknowledgements beyond the first: at least so many duplicates the product has counted."""
        return int(np.maximum(self.acks - 1, 0).sum())

    @property
    def most_repeats(self) -> int:
        """And at most so many, if every request without an answer had been taken."""
        return int(np.maximum(self.acks + self.unanswered - 1, 0).sum())


class Ledger:
    """One file that only grows; threads may share it, and the next process goes on in it."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size = path, size
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()
        # A line that a kill cut in two was never said to be there.
        os.ftruncate(self._fd, os.fstat(self._fd).st_size // _LINE.itemsize * _LINE.itemsize)

    def sending(self, first: int, count: int = 1, *, times: int = 1) -> None:
        """Call before a request leaves (``times``: by so many senders at once). A kill of the sender keeps the line."""
        self._add(first, count, _SENT, times)

    def acked(self, first: int, count: int = 1, *, times: int = 1) -> None:
        """Call when the 2xx was read; returns when the line is on stable storage."""
        self._add(first, count, _ACKED, times)
        os.fdatasync(self._fd)

    def refused(self, first: int, count: int = 1, *, times: int = 1) -> None:
        """Call when the answer said that nothing was stored (429, 503), or the request never left."""
        self._add(first, count, _REFUSED, times)

    def _add(self, first: int, count: int, what: int, times: int) -> None:
        if not 0 <= first <= first + count <= self.size:
            raise ValueError(f"Events {first} to {first + count} are not among {self.size}.")
        line = np.array([(first, count, what)] * times, _LINE).tobytes()
        with self._lock:
            os.write(self._fd, line)

    def standing(self) -> Standing:
        """What is known of every event, from the file."""
        lines = np.fromfile(self.path, _LINE)
        return Standing(*(self._summed(lines[lines["what"] == what]) for what in (_SENT, _ACKED, _REFUSED)))

    def _summed(self, lines: NDArray[np.void]) -> Counts:
        """How many ranges cover each number."""
        steps = np.zeros(self.size + 1, np.int64)
        first = lines["first"].astype(np.int64)
        np.add.at(steps, first, 1)
        np.add.at(steps, first + lines["count"].astype(np.int64), -1)
        return np.cumsum(steps)[:-1]

    def close(self) -> None:
        os.close(self._fd)
