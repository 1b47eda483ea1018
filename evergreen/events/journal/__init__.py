"""Acknowledged events before they are in the lake: append-only segments, each owned by one process.

A group of waiting requests is written and synced once (``writing``); the mover reads whole records
(``reading``). Without Django: ingest uses it.
"""

from evergreen.events.journal.internal import (
    SOURCE,
    SystemEvent,
    close_all,
    gathering,
    process_journal,
    write_system_events,
)
from evergreen.events.journal.reading import Part, cuts, damaged, has_ended, lag, read, segments, tidy
from evergreen.events.journal.records import REFUSED, SYSTEM, Entry, Record
from evergreen.events.journal.writing import (
    DiskReservedError,
    Journal,
    JournalError,
    OverloadedError,
    State,
    disk,
)

__all__ = [
    "REFUSED",
    "SOURCE",
    "SYSTEM",
    "DiskReservedError",
    "Entry",
    "Journal",
    "JournalError",
    "OverloadedError",
    "Part",
    "Record",
    "State",
    "SystemEvent",
    "close_all",
    "cuts",
    "damaged",
    "disk",
    "gathering",
    "has_ended",
    "lag",
    "process_journal",
    "read",
    "segments",
    "tidy",
    "write_system_events",
]
