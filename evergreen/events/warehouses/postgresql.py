"""PostgreSQL as an engine: for a history that is small, where a PostgreSQL is there and nothing else is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from evergreen.events.warehouses.backends import sql

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import psycopg

_TYPES = {
    pa.int64(): "bigint",
    pa.int32(): "integer",
    pa.uint64(): "numeric(20)",
    pa.float64(): "double precision",
    pa.string(): "text",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp",
}

# In the session's own schema, which is searched for functions only by name: so they stand in the first of the path.
_FUNCTIONS = r"""
CREATE OR REPLACE FUNCTION bit_count(mask bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS $$ SELECT pg_catalog.bit_count(mask::bit(64)) $$;
CREATE OR REPLACE FUNCTION bits_of(mask bigint) RETURNS text LANGUAGE sql IMMUTABLE
    AS $$ SELECT ltrim(mask::bit(64)::text, '0') $$;
CREATE OR REPLACE FUNCTION said_text(told text, name text) RETURNS text LANGUAGE sql IMMUTABLE
    AS $$ SELECT CASE WHEN json_typeof(told::json -> name) = 'string' THEN told::json ->> name END $$;
CREATE OR REPLACE FUNCTION said_number(told text, name text) RETURNS double precision LANGUAGE sql IMMUTABLE
    AS $$ SELECT CASE WHEN json_typeof(told::json -> name) = 'number' THEN (told::json ->> name)::double precision END $$;
CREATE OR REPLACE FUNCTION said_day(told text, name text) RETURNS date LANGUAGE sql IMMUTABLE
    AS $$ SELECT CASE WHEN said_text(told, name) ~ '^(19|2[0-2])\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]|$)'
                       -- There is no cast that gives null: is it a day of its month?
                       AND substr(said_text(told, name), 9, 2)::int <= extract(day FROM
                           (substr(said_text(told, name), 1, 7) || '-01')::date + interval '1 month' - interval '1 day')
                      THEN substr(said_text(told, name), 1, 10)::date END $$;
CREATE OR REPLACE FUNCTION person_hash(account bigint, source text, end_user text) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS $$ SELECT hashtextextended(account || chr(31) || source || chr(31) || end_user, 0) & 9223372036854775807 $$;
CREATE OR REPLACE FUNCTION account_hash(account bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS $$ SELECT hashint8extended(account, 0) & 9223372036854775807 $$;
CREATE OR REPLACE FUNCTION said_json(told text, name text) RETURNS text LANGUAGE sql IMMUTABLE
    -- Without the blanks between its parts, as the others write it.
    AS $$ SELECT regexp_replace((told::json -> name)::text, '("(?:[^"\\]|\\.)*")|\s+', '\1', 'g') $$;
"""


def column_type(kind: pa.DataType) -> str:
    """The column type of an Arrow type."""
    if pa.types.is_list(kind):
        return f"{column_type(kind.value_type)}[]"
    if pa.types.is_dictionary(kind):
        return column_type(kind.value_type)
    return _TYPES[kind]


class PostgreSQL:
    """Expressions on a connection; what is put or kept are temporary tables."""

    dialect = "postgres"

    def __init__(self, con: psycopg.Connection[Any]) -> None:
        self._con = con
        self._own: dict[str, ibis.Schema] = {}
        con.execute("SET TimeZone = 'UTC'")
        con.execute(_FUNCTIONS)

    def table(self, name: str, *, database: str | None = None) -> Any:
        return ibis.table(self._own[name], name=name)

    def put(self, name: str, rows: pa.Table) -> None:
        self.forget(name)
        columns = ", ".join(f'"{field.name}" {column_type(field.type)}' for field in rows.schema)
        self._con.execute(f'CREATE TEMP TABLE "{name}" ({columns})'.encode())
        listed = ", ".join(f'"{column}"' for column in rows.column_names)
        with (
            self._con.cursor() as cursor,
            cursor.copy(f'COPY "{name}" ({listed}) FROM STDIN'.encode()) as copy,
        ):
            for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
                copy.write_row(row)
        self._own[name] = ibis.Schema.from_pyarrow(rows.schema)

    def keep(self, name: str, expression: ir.Table) -> None:
        query = sql(expression, self.dialect)
        self.forget(name)
        self._con.execute(f'CREATE TEMP TABLE "{name}" AS {query}'.encode())
        self._own[name] = expression.schema()

    def fetch(self, expression: ir.Table) -> pa.Table:
        schema = expression.schema().to_pyarrow()
        # No parameters: a % in the query is no mark of one.
        rows = self._con.execute(sql(expression, self.dialect).encode()).fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * len(schema)
        return pa.table(
            [_array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
        )

    def forget(self, *names: str) -> None:
        for name in names:
            if self._own.pop(name, None) is not None:
                self._con.execute(f'DROP TABLE IF EXISTS pg_temp."{name}"'.encode())


def _array(values: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    """Sums of whole numbers come as decimals."""
    if pa.types.is_integer(kind):
        return pa.array([None if value is None else int(value) for value in values], kind)
    if pa.types.is_floating(kind):
        return pa.array([None if value is None else float(value) for value in values], kind)
    return pa.array(values, kind)
