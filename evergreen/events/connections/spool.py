"""Rows of one stream on their way from the source into the import, as a file of JSON Lines.

A page is added, then how far the source was read is written beside it; both are synced, so a killed run goes on behind
its last page. When all is there, of rows with the same key only the newest stays.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from evergreen.base import files
from evergreen.events.sources.adapter import GONE, LAST_WORD
from evergreen.events.sources.files.lines import LONGEST_LINE

_ENCODER = msgspec.json.Encoder(enc_hook=str, decimal_format="string")
_MARK = f'"{GONE}":'.encode()
_SYNC_BYTES = 4_194_304
_SYNC_SECONDS = 5.0
_LONGEST_CELL = 100_000


@dataclass(slots=True)
class Held:
    """What a spool holds: its bytes and rows, the columns seen, and how far the source was read with them."""

    size: int = 0
    rows: int = 0
    columns: set[str] = field(default_factory=set)
    state: dict[str, Any] = field(default_factory=dict)
    is_whole: bool = False


class Spool:
    """One stream of one run. Only its own process writes it (the job's claim sees to that)."""

    def __init__(self, folder: Path, run: int, stream: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"run-{run}-{files.stem(stream)}"
        self.path = folder / f"{stem}.jsonl"
        self._mark = folder / f"{stem}.mark"
        self.held = self._taken_up()
        self.gone: list[str] = []  # keys of what the source says is deleted; known once settled
        self.lives = 0
        self._synced, self._synced_at = self.held.size, time.monotonic()
        self._file = self._open()

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Add rows, flat: objects inside become columns with dots."""
        for row in rows:
            flat: dict[str, Any] = {}
            flatten(row, "", flat)
            self.held.columns.update(flat.keys() - {GONE})
            line = _ENCODER.encode(flat) + b"\n"
            if len(line) > LONGEST_LINE:
                line = _ENCODER.encode({name: _clipped(cell) for name, cell in flat.items()}) + b"\n"
            self._file.write(line)
            self.held.size += len(line)
            self.held.rows += 1

    def keep(self, state: dict[str, Any], *, is_whole: bool = False) -> None:
        """Note that what was added goes with this state of the source; on disk once enough came or some seconds went by, and at the end."""
        self.held.state, self.held.is_whole = state, is_whole
        is_long = time.monotonic() - self._synced_at >= _SYNC_SECONDS
        if is_whole or is_long or self.held.size - self._synced >= _SYNC_BYTES:
            self.sync()

    def sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        held = {
            "size": self.held.size,
            "rows": self.held.rows,
            "columns": sorted(self.held.columns),
            "state": self.held.state,
            "is_whole": self.held.is_whole,
        }
        files.replace(self._mark, _ENCODER.encode(held))
        self._synced, self._synced_at = self.held.size, time.monotonic()

    def restart(self) -> None:
        """Throw away what is there."""
        self._file.close()
        self._mark.unlink(missing_ok=True)
        self.held, self._synced = Held(), 0
        self._file = self._open()

    def settle(self, key: str, order: str, columns: Iterable[str]) -> Path:
        """The file to import: of rows with the same key the newest, every row with all ``columns``; without those
        that only say that they are deleted.
        """
        self._file.flush()
        self.gone, self.lives = [], 0
        target = self.settled
        wanted = dict.fromkeys(columns)
        with closing(sqlite3.connect("")) as db, target.open("wb") as file:
            newest = self._newest(db, key, order) if key else None
            for place, line in enumerate(self._lines()):
                if newest is not None and not newest(place):
                    continue
                if wanted or _MARK in line:
                    row = {**wanted, **json.loads(line)}
                    if said := row.pop(GONE, None):
                        self.gone.append(str(row.get(key)))
                        if said != LAST_WORD:
                            continue
                    line = _ENCODER.encode(row) + b"\n"
                file.write(line)
                self.lives += 1
        return target

    @property
    def settled(self) -> Path:
        return self.path.with_suffix(".settled.jsonl")

    def rows(self, numbers: Iterable[int], key: str) -> list[dict[str, Any]]:
        """Rows of the settled file by their numbers there, counted from 1."""
        wanted, gone = set(numbers), set(self.gone)
        if not wanted:
            return []
        with self.settled.open("rb") as file:
            found = [json.loads(line) for number, line in enumerate(file, start=1) if number in wanted]
        return [{**row, GONE: LAST_WORD} if str(row.get(key)) in gone else row for row in found]

    def keys(self, key: str) -> set[str]:
        """The keys of all rows that ``settle`` let live."""
        with self.settled.open("rb") as file:
            return {str(name) for line in file if (name := json.loads(line).get(key)) is not None}

    def close(self) -> None:
        self._file.close()

    def remove(self) -> None:
        self.close()
        for path in (self.path, self._mark, self.settled):
            path.unlink(missing_ok=True)

    def _newest(self, db: sqlite3.Connection, key: str, order: str) -> Callable[[int], bool]:
        """Whether the row at a place is the newest of its key. Rows without one all stay: the import judges them."""
        db.execute("CREATE TABLE stands (key TEXT PRIMARY KEY, place INTEGER)")
        clash = "NOTHING" if order == "descending" else "UPDATE SET place = excluded.place"
        keys = (
            (f"\0{place}" if (value := json.loads(line).get(key)) is None else str(value), place)
            for place, line in enumerate(self._lines())
        )
        db.executemany(f"INSERT INTO stands VALUES (?, ?) ON CONFLICT (key) DO {clash}", keys)
        db.execute("CREATE INDEX at_place ON stands (place)")

        def stands(place: int) -> bool:
            return db.execute("SELECT 1 FROM stands WHERE place = ?", (place,)).fetchone() is not None

        return stands

    def _lines(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            yield from file

    def _taken_up(self) -> Held:
        """What an earlier worker left, if mark and file fit."""
        try:
            left = msgspec.json.decode(self._mark.read_bytes())
            if self.path.stat().st_size < left["size"]:
                return Held()
        except (OSError, ValueError, KeyError):
            return Held()
        return Held(left["size"], left["rows"], set(left["columns"]), left["state"], left["is_whole"])

    def _open(self) -> IO[bytes]:
        # Rows hold personal data: nobody else on the machine reads them.
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(handle, self.held.size)
        os.lseek(handle, self.held.size, os.SEEK_SET)
        return os.fdopen(handle, "wb")


def _clipped(cell: Any) -> Any:
    """A cell of a row that is too long for the import: the beginning of a text, which still is longer than any field takes."""
    text = cell if isinstance(cell, str) else _ENCODER.encode(cell).decode()
    return cell if len(text) <= _LONGEST_CELL else text[:_LONGEST_CELL]


def flatten(value: dict[str, Any], prefix: str, into: dict[str, Any]) -> None:
    for name, cell in value.items():
        if isinstance(cell, dict):
            if cell:
                flatten(cell, f"{prefix}{name}.", into)
        else:
            into[f"{prefix}{name}"] = cell
