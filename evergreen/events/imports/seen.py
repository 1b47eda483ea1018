"""What a file has said so far, on disk when it grows: a file of any size is checked for repeated ids
exactly.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence


class Seen:
    """Keys by namespace, each with what was said of it at first. A temporary database that spills to disk."""

    def __init__(self) -> None:
        # An empty name is a private database: in memory while it is small, deleted when it is closed.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=MEMORY")
        self._db.execute("PRAGMA cache_size=-65536")
        self._db.execute(
            "CREATE TABLE said (space TEXT, key TEXT, what TEXT, times INTEGER, PRIMARY KEY (space, key))"
            " WITHOUT ROWID"
        )
        self._db.execute("BEGIN")

    def first(self, space: str, key: str, what: str = "") -> str | None:
        """None when the key is new (``what`` is kept for it), else what was said of it at first."""
        row = self._db.execute("SELECT what FROM said WHERE space = ? AND key = ?", (space, key)).fetchone()
        if row is not None:
            return str(row[0])
        self._db.execute("INSERT INTO said VALUES (?, ?, ?, 1)", (space, key, what))
        return None

    def told(self, space: str, key: str) -> str | None:
        """What was said of a key at first; None when it was not seen."""
        row = self._db.execute("SELECT what FROM said WHERE space = ? AND key = ?", (space, key)).fetchone()
        return None if row is None else str(row[0])

    def times(self, space: str, key: str) -> int:
        """How often the key was seen before this time."""
        row = self._db.execute(
            "INSERT INTO said VALUES (?, ?, '', 1)"
            " ON CONFLICT (space, key) DO UPDATE SET times = times + 1 RETURNING times",
            (space, key),
        ).fetchone()
        return int(row[0]) - 1

    def times_of_each(self, space: str, keys: Sequence[str]) -> list[int]:
        """``times`` of many keys in their order; fast while all of them are new."""
        if len(set(keys)) == len(keys):
            self._db.execute("SAVEPOINT many")
            before = self._db.total_changes
            self._db.executemany(
                "INSERT OR IGNORE INTO said VALUES (?, ?, '', 1)", ((space, key) for key in keys)
            )
            all_new = self._db.total_changes - before == len(keys)
            self._db.execute("RELEASE many" if all_new else "ROLLBACK TO many")
            if all_new:
                return [0] * len(keys)
        return [self.times(space, key) for key in keys]

    def close(self) -> None:
        self._db.close()
