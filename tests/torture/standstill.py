"""When the machine itself stood still: a shared host now and then gives its time to others for seconds.

A process of the highest priority on each processor sleeps ten milliseconds at a time. When it wakes a tenth of a second late,
nothing of lower priority can have run there either, whatever it is: what was asked meanwhile says nothing of the server.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from multiprocessing.sharedctypes import Synchronized
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_NAP = 0.01
_LATE = 0.1
# What piled up meanwhile takes as long again to be worked off, at most.
_AFTER_SECONDS = 5.0

Gap = tuple[float, float]


class Standstills:
    """Watches from when it is made until ``stop``; sees nothing where the system grants no such priority."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._is_over: Synchronized[int] = context.Value("b", 0, lock=False)
        self._watches = []
        for processor in sorted(os.sched_getaffinity(0)):
            ours, theirs = context.Pipe()
            watch = context.Process(target=_watch, args=(processor, self._is_over, theirs), daemon=True)
            watch.start()
            self._watches.append((watch, ours))
        for _, ours in self._watches:
            ours.recv()  # it watches

    def stop(self) -> list[Gap]:
        """The (begin, end) of every standstill, of any processor, on the clock of ``time.perf_counter``."""
        self._is_over.value = 1
        found: list[Gap] = []
        for watch, ours in self._watches:
            found += ours.recv()
            watch.join(10)
        return sorted(found)


def during(gaps: list[Gap], begin: Any, end: Any) -> Any:
    """Which spans (arrays of moments) reach into a standstill, or begin while what it left behind is worked off."""
    found = np.zeros(len(begin), np.bool_)
    for since, until in gaps:
        found |= (begin < until + min(until - since, _AFTER_SECONDS)) & (end > since)
    return found


def _watch(processor: int, is_over: Any, told: Connection) -> None:
    gaps: list[Gap] = []
    try:
        os.sched_setaffinity(0, {processor})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(os.sched_get_priority_max(os.SCHED_FIFO)))
    except OSError:
        told.send(False)
        told.send(gaps)
        return
    told.send(True)
    before = time.perf_counter()
    while not is_over.value:
        time.sleep(_NAP)
        now = time.perf_counter()
        if now - before > _NAP + _LATE:
            gaps.append((before, now))
        before = now
    told.send(gaps)
