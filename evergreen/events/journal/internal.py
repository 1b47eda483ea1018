"""Internal events (alert.opened, task.finished …), durable in the journal of the process they happened in."""

from __future__ import annotations

import atexit
import datetime as dt
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypedDict

import msgspec

from evergreen.base import env
from evergreen.events.journal.records import SYSTEM, Record
from evergreen.events.journal.writing import Journal

SOURCE = "evergreen"
_PER_RECORD = 1_000

_lock = threading.Lock()
_journals: dict[str, Journal] = {}
_gathered: list[SystemEvent] | None = None


class _Required(TypedDict):
    name: str
    message_id: str


class SystemEvent(_Required, total=False):
    """One internal event. Derive ``message_id`` from what it means: a repeated action then adds nothing.

    ``occurred_at`` is aware and defaults to now; ``known_at`` defaults to the time of writing (the demo,
    which moves the clock, gives its own and sets ``backfilled``).
    """

    account_id: int | None
    account_key: str | None
    tenant: str
    end_user: str | None
    occurred_at: dt.datetime
    known_at: dt.datetime
    count: int
    seconds: float | None
    feature: str | None
    properties: dict[str, Any]
    backfilled: bool


def process_journal(home: env.Home | None = None) -> Journal:
    """The one journal of this process and home."""
    home = home or env.home()
    with _lock:
        found = _journals.get(str(home.root))
        if found is None:
            found = _journals[str(home.root)] = Journal(home)
        return found


def write_system_events(events: list[SystemEvent], *, home: env.Home | None = None) -> None:
    """Store internal events durably; returns when they are on disk. Raises JournalError when they are not.

    Raises ValueError for an event without name or message id.
    """
    for event in events:
        if not event.get("name") or not event.get("message_id"):
            raise ValueError(f"An internal event needs a name and a message id; found {event!r}.")
        if event.get("occurred_at") is not None and event["occurred_at"].tzinfo is None:
            raise ValueError(f"occurred_at of {event['name']} has no time zone: give an aware time.")
    if _gathered is not None:
        _gathered.extend(events)
        return
    now = time.time_ns() // 1000
    records = [
        Record(SOURCE, SYSTEM, now, msgspec.json.encode(events[at : at + _PER_RECORD]))
        for at in range(0, len(events), _PER_RECORD)
    ]
    if records:
        process_journal(home).write_now(*records)


@contextmanager
def gathering() -> Iterator[list[SystemEvent]]:
    """Have this process's internal events gathered in a list instead of journalled.

    For whoever writes history with a moved clock (the demo) and stores them as known when they happened.
    """
    global _gathered
    found: list[SystemEvent] = []
    _gathered = found
    try:
        yield found
    finally:
        _gathered = None


def close_all() -> None:
    """End every segment of this process (at its end, and in tests)."""
    with _lock:
        journals = list(_journals.values())
        _journals.clear()
    for journal in journals:
        journal.close()


def _after_fork() -> None:
    """A forked child starts segments of its own."""
    global _lock
    _lock = threading.Lock()
    for journal in _journals.values():
        journal.forget()
    _journals.clear()


atexit.register(close_all)
os.register_at_fork(after_in_child=_after_fork)
