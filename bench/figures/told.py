"""What an engine tells of a figure: how long it took, and rows and sum to compare."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc


class Told(NamedTuple):
    """Seconds, rows, and the sum of the column ``n``."""

    name: str
    seconds: float
    rows: int
    total: int


def timed(name: str, work: Callable[[], pa.Table]) -> Told:
    """Time work that makes a table with a column ``n``."""
    began = time.perf_counter()
    table: Any = work()
    seconds = time.perf_counter() - began
    return Told(name, seconds, table.num_rows, int(pc.sum(table["n"]).as_py() or 0))
