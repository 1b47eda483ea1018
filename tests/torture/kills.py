"""The group ``ingest-kill``: processes, system calls, the database and the clock against what was acknowledged."""

from __future__ import annotations

from tests.torture import (
    kill_calls,
    kill_compaction,
    kill_database,
    kill_processes,
    kill_repeats,
    kill_traces,
)
from tests.torture.resuming import Test

TESTS: dict[str, Test] = {
    "ING-01": kill_processes.killed,
    "ING-03": kill_traces.ordered,
    "ING-04": kill_calls.killed,
    "ING-07": kill_repeats.repeated,
    "ING-17": kill_database.disturbed,
    "ING-18": kill_compaction.raced,
}
