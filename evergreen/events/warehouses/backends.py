"""What an engine must offer so that our expressions run on it.

An expression of Ibis is built over ``table``, its SQL made for the engine's dialect, and its result read as Arrow. What
Ibis does not name alike everywhere stands in a small vocabulary of functions that each engine is given (``vocabulary``).
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import ibis

from evergreen.events.warehouses import vocabulary

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir
    import pyarrow as pa


class Backend(Protocol):
    """One engine in one process. Tables have the names that the lake gives them; ``database`` is the lake's."""

    dialect: str

    def table(self, name: str, *, database: str | None = None) -> ir.Table:
        """A table of the history, or one that was put or kept here."""
        ...

    def put(self, name: str, rows: pa.Table) -> None:
        """Make an Arrow table readable under a name, until it is forgotten."""
        ...

    def keep(self, name: str, expression: ir.Table) -> None:
        """Keep the result of an expression under a name, until it is forgotten; it stays in the engine."""
        ...

    def fetch(self, expression: ir.Table) -> pa.Table:
        """The result of an expression, in the types that it says."""
        ...

    def forget(self, *names: str) -> None:
        """Drop what was put or kept."""
        ...


def sql(expression: ir.Table, dialect: str) -> str:
    """The query of an expression in an engine's dialect; one over unbound tables is compiled once a process."""
    return _compiled(expression.op(), dialect)


@lru_cache(maxsize=128)
def _compiled(operation: Any, dialect: str) -> str:
    return str(ibis.to_sql(operation.to_expr(), dialect=dialect))


def as_said(found: pa.Table, expression: ir.Table) -> pa.Table:
    """A result in the types that its expression says: engines widen counts, or sign them otherwise."""
    return found.cast(expression.schema().to_pyarrow())


class DuckDB:
    """The embedded engine, on a connection that the lake is attached to or on one of its own."""

    dialect = "duckdb"

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        con.execute(vocabulary.OF_DUCKDB)

    @cached_property
    def _ibis(self) -> Any:
        return ibis.duckdb.from_connection(self.con)

    def table(self, name: str, *, database: str | None = None) -> Any:
        return self._ibis.table(name, database=database)

    def put(self, name: str, rows: pa.Table) -> None:
        # A table of its own, for of an Arrow table the planner of joins knows no size.
        self.con.register("rows_put", rows)
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM rows_put")
        self.con.unregister("rows_put")

    def keep(self, name: str, expression: ir.Table) -> None:
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql(expression, self.dialect)}")

    def fetch(self, expression: ir.Table) -> pa.Table:
        return as_said(self.con.execute(sql(expression, self.dialect)).to_arrow_table(), expression)

    def forget(self, *names: str) -> None:
        for name in names:
            self.con.execute(f"DROP TABLE IF EXISTS temp.{name}")
