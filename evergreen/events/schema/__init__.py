"""The lake's schema as numbered steps, run by ``evergreen init`` together with Django's migrations."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def steps() -> list[tuple[int, str]]:
    """(number, SQL) of every step, in order. A step's file is named ``NNNN_what_it_does.sql``."""
    found = [entry for entry in files(__name__).iterdir() if entry.name.endswith(".sql")]
    return [(int(entry.name[:4]), entry.read_text("utf-8")) for entry in sorted(found, key=lambda e: e.name)]


def upgrade(con: duckdb.DuckDBPyConnection) -> list[int]:
    """Run the steps that this lake has not had yet; returns their numbers. Each step is one transaction."""
    con.execute("CREATE TABLE IF NOT EXISTS lake.schema_steps (number INTEGER, done_at TIMESTAMP)")
    had = {number for (number,) in con.execute("SELECT number FROM lake.schema_steps").fetchall()}
    ran = []
    for number, sql in steps():
        if number in had:
            continue
        con.execute("BEGIN")
        try:
            con.execute(sql)
            con.execute("INSERT INTO lake.schema_steps VALUES (?, now()::TIMESTAMP)", [number])
            con.execute("COMMIT")
        except BaseException:
            con.execute("ROLLBACK")
            raise
        ran.append(number)
    return ran
