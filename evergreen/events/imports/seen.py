"""What a file has said so far, on disk when it grows: a file of any size is checked for repeated ids
exactly.
"""

from __future__ import annotations

import sqlite3
import tempfile

import duckdb
import pyarrow as pa

_TIMES = """
SELECT coalesce(n, 0) + row_number() OVER (PARTITION BY key ORDER BY place) - 1 AS times
FROM asked LEFT JOIN (SELECT key, count(*) AS n FROM seen SEMI JOIN asked USING (key) GROUP BY key) USING (key)
ORDER BY place
"""


class Seen:
    """Keys by namespace, each with what was said of it at first. A temporary database that spills to disk."""

    def __init__(self) -> None:
        # An empty name is a private database: in memory while it is small, deleted when it is closed.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=MEMORY")
        self._db.execute("PRAGMA cache_size=-65536")
        self._db.execute(
            "CREATE TABLE said (space TEXT, key TEXT, what TEXT, PRIMARY KEY (space, key)) WITHOUT ROWID"
        )
        self._db.execute("BEGIN")
        self._counted: duckdb.DuckDBPyConnection | None = None
        self._spilled: tempfile.TemporaryDirectory[str] | None = None

    def first(self, space: str, key: str, what: str = "") -> str | None:
        """None when the key is new (``what`` is kept for it), else what was said of it at first."""
        row = self._db.execute("SELECT what FROM said WHERE space = ? AND key = ?", (space, key)).fetchone()
        if row is not None:
            return str(row[0])
        self._db.execute("INSERT INTO said VALUES (?, ?, ?)", (space, key, what))
        return None

    def told(self, space: str, key: str) -> str | None:
        """What was said of a key at first; None when it was not seen."""
        row = self._db.execute("SELECT what FROM said WHERE space = ? AND key = ?", (space, key)).fetchone()
        return None if row is None else str(row[0])

    def times_of_each(self, keys: pa.Array) -> pa.Array:
        """How often each of the keys (texts) was seen before, in this call and in those before it, in their order."""
        if self._counted is None:
            self._counted = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "512MB"})
            self._counted.execute(f"SET temp_directory = '{self._folder().replace(chr(39), chr(39) * 2)}'")
            self._counted.execute("CREATE TABLE seen (key VARCHAR)")
        self._counted.register("asked", pa.table({"place": pa.array(range(len(keys))), "key": keys}))
        times = self._counted.execute(_TIMES).to_arrow_table()["times"].combine_chunks()
        self._counted.execute("INSERT INTO seen SELECT key FROM asked")
        self._counted.unregister("asked")
        return times

    def _folder(self) -> str:
        self._spilled = tempfile.TemporaryDirectory(prefix="evergreen-seen-", ignore_cleanup_errors=True)
        return self._spilled.name

    def close(self) -> None:
        self._db.close()
        if self._counted is not None:
            self._counted.close()
        if self._spilled is not None:
            self._spilled.cleanup()
