"""Spark as an engine: the same expressions over what a cluster holds as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis
from ibis.backends.sql.compilers import PySparkCompiler

from evergreen.events.warehouses.backends import as_said, sql

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa
    from pyspark.sql import SparkSession

_FUNCTIONS = (
    "CREATE OR REPLACE TEMPORARY FUNCTION bits_of(mask BIGINT) RETURNS STRING RETURN bin(mask)",
    """CREATE OR REPLACE TEMPORARY FUNCTION said_text(told STRING, name STRING) RETURNS STRING RETURN
    CASE WHEN schema_of_variant(variant_get(parse_json(told), '$.' || name)) = 'STRING'
         THEN variant_get(parse_json(told), '$.' || name, 'string') END""",
    """CREATE OR REPLACE TEMPORARY FUNCTION said_number(told STRING, name STRING) RETURNS DOUBLE RETURN
    TRY_CAST(to_json(variant_get(parse_json(told), '$.' || name)) AS DOUBLE)""",
    """CREATE OR REPLACE TEMPORARY FUNCTION said_day(told STRING, name STRING) RETURNS DATE RETURN
    CASE WHEN said_text(told, name) RLIKE '^(19|2[0-2])[0-9][0-9]-[0-9][0-9]-[0-9][0-9]([T ]|$)'
         THEN TRY_CAST(left(said_text(told, name), 10) AS DATE) END""",
    """CREATE OR REPLACE TEMPORARY FUNCTION person_hash(account BIGINT, source STRING, end_user STRING) RETURNS BIGINT RETURN
    xxhash64(account, source, end_user) & 9223372036854775807""",
    """CREATE OR REPLACE TEMPORARY FUNCTION account_hash(account BIGINT) RETURNS BIGINT RETURN
    xxhash64(account) & 9223372036854775807""",
    """CREATE OR REPLACE TEMPORARY FUNCTION said_json(told STRING, name STRING) RETURNS STRING RETURN
    to_json(variant_get(parse_json(told), '$.' || name))""",
)


def _bit_or(compiler: Any, op: Any, *, arg: Any, where: Any) -> Any:
    return compiler.agg.bit_or(arg, where=where)


class Spark:
    """Expressions on a session; what is put or kept are temporary views of this session, kept ones in memory."""

    dialect = "pyspark"

    def __init__(self, session: SparkSession) -> None:
        self._session = session
        self._own: dict[str, ibis.Schema] = {}
        _ = ibis.pyspark  # its options are there once it was named
        # Ibis 12 knows no rule for it, Spark has the function.
        PySparkCompiler.visit_BitOr = _bit_or
        session.conf.set("spark.sql.session.timeZone", "UTC")
        for statement in _FUNCTIONS:
            session.sql(statement)

    def table(self, name: str, *, database: str | None = None) -> Any:
        return ibis.table(self._own[name], name=name)

    def put(self, name: str, rows: pa.Table) -> None:
        self._session.createDataFrame(rows).createOrReplaceTempView(name)
        self._own[name] = ibis.Schema.from_pyarrow(rows.schema)

    def keep(self, name: str, expression: ir.Table) -> None:
        kept = self._session.sql(sql(expression, self.dialect)).localCheckpoint()
        kept.createOrReplaceTempView(name)
        self._own[name] = expression.schema()

    def fetch(self, expression: ir.Table) -> pa.Table:
        return as_said(self._session.sql(sql(expression, self.dialect)).toArrow(), expression)

    def forget(self, *names: str) -> None:
        for name in names:
            if self._own.pop(name, None) is not None:
                self._session.catalog.dropTempView(name)
