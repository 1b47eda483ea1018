"""What an engine tells of a figure: how long it took, and rows and sum to compare."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc


class Told(NamedTuple):
    """Seconds by the clock and of the processor, rows, and the sum of the column ``n``."""

    name: str
    seconds: float
    busy: float
    rows: int
    total: int


def timed(name: str, work: Callable[[], pa.Table]) -> Told:
    """Time work that makes a table with a column ``n``."""
    began, busy = time.perf_counter(), time.process_time()
    table: Any = work()
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    return Told(name, seconds, busy, table.num_rows, int(pc.sum(table["n"]).as_py() or 0))
