"""ClickHouse as an engine of expressions."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.operations as ops
import pyarrow as pa

from evergreen.events.warehouses.backends import as_said, sql

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from evergreen.events.warehouses.clickhouse.clients import Client

_FUNCTIONS = {
    "bit_count": "(mask) -> bitCount(mask)",
    "bits_of": "(mask) -> trim(LEADING '0' FROM bin(mask))",
    "said_text": "(told, name) -> if(JSONType(told, name) = 'String', JSONExtractString(told, name), NULL)",
    "said_number": "(told, name) -> toFloat64OrNull(JSONExtractRaw(told, name))",
    # It takes 31 February for 3 March: a day is one that is written as it was said.
    "said_day": (
        "(told, name) -> if(match(JSONExtractString(told, name), '^(19|2[0-2])[0-9][0-9]-[0-9][0-9]-[0-9][0-9]([T ]|$)')"
        " AND toString(toDate32OrNull(left(JSONExtractString(told, name), 10))) = left(JSONExtractString(told, name), 10),"
        " toDate32OrNull(left(JSONExtractString(told, name), 10)), NULL)"
    ),
    "person_hash": "(account, source, end_user) -> assumeNotNull(sipHash64(account, source, end_user))",
    "account_hash": "(account) -> assumeNotNull(sipHash64(account))",
    "said_json": "(told, name) -> nullIf(JSONExtractRaw(told, name), '')",
}

_TYPES = {
    pa.int64(): "Int64",
    pa.int32(): "Int32",
    pa.uint64(): "UInt64",
    pa.float64(): "Float64",
    pa.string(): "String",
    pa.bool_(): "Bool",
    pa.date32(): "Date32",
    pa.timestamp("us"): "DateTime64(6, 'UTC')",
}


def column_type(kind: pa.DataType) -> str:
    """The column type of an Arrow type; every column may be null, but lists, which are empty instead."""
    if pa.types.is_list(kind):
        return f"Array({column_type(kind.value_type)})"
    if pa.types.is_dictionary(kind):
        return column_type(kind.value_type)
    return f"Nullable({_TYPES[kind]})"


def passing_name(name: str) -> str:
    """A name of its own for a table that is dropped soon, with the second in which it was made."""
    return f"passing_{name}_{int(time.time())}_{uuid.uuid4().hex[:12]}"


def passing_since(name: str) -> int | None:
    """The second in which a table with a name of ``passing_name`` was made; None for any other table."""
    found = _PASSING.fullmatch(name)
    return int(found[1]) if found else None


class ClickHouse:
    """Expressions on ClickHouse. What is put or kept are tables of a name of their own, dropped when forgotten."""

    dialect = "clickhouse"

    def __init__(self, client: Client, schemas: dict[str, ibis.Schema] | None = None) -> None:
        self._client = client
        self._schemas = schemas or {}
        self._own: dict[str, tuple[str, ibis.Schema]] = {}
        if not client.knows_words:
            for word, body in _FUNCTIONS.items():
                client.command(f"CREATE FUNCTION IF NOT EXISTS {word} AS {body}")
            client.knows_words = True

    def table(self, name: str, *, database: str | None = None) -> Any:
        if name in self._own:
            stored, schema = self._own[name]
            return ibis.table(schema, name=stored)
        return ibis.table(self._schemas[name], name=name)

    def put(self, name: str, rows: pa.Table) -> None:
        columns = ", ".join(f"`{field.name}` {column_type(field.type)}" for field in rows.schema)
        stored = self._made(name, ibis.Schema.from_pyarrow(rows.schema), f"({columns}) ENGINE = Memory")
        if rows.num_rows:
            self._client.insert(stored, rows)

    def keep(self, name: str, expression: ir.Table) -> None:
        self._made(name, expression.schema(), f"{_ON_DISK} AS {sql(self._placed(expression), self.dialect)}")

    def fetch(self, expression: ir.Table) -> pa.Table:
        return as_said(self._client.query(sql(self._placed(expression), self.dialect)), expression)

    def forget(self, *names: str) -> None:
        for name in names:
            if name in self._own:
                self._client.command(f"DROP TABLE IF EXISTS {self._own.pop(name)[0]}")

    def _placed(self, expression: ir.Table) -> ir.Table:
        """The expression with what it calls by the names under which something was put or kept."""
        operation = expression.op()
        stored = {
            table: table.copy(name=self._own[table.name][0])
            for table in operation.find(ops.UnboundTable)
            if table.name in self._own
        }
        placed: ir.Table = operation.replace(stored).to_expr() if stored else expression
        return placed

    def _made(self, name: str, schema: ibis.Schema, rest: str) -> str:
        self.forget(name)
        stored = passing_name(name)
        self._client.command(f"CREATE TABLE {stored} {rest}")
        self._own[name] = (stored, schema)
        return stored


_PASSING = re.compile(r"passing_\w+_(\d+)_[0-9a-f]{12}")
# A day's counted rows may be many; what is put came out of our own memory.
_ON_DISK = "ENGINE = MergeTree ORDER BY tuple()"
