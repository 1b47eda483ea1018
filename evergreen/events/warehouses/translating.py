"""Queries over single events, written in the lake's SQL, in the words of another engine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlglot
from sqlglot import expressions as exp


def translated(query: str, values: Sequence[Any], dialect: str) -> str:
    """A query over ``lake.events`` for another engine, with its ``?`` filled in as literals of that engine.

    The values never pass through text that is read as SQL: they are put into the parsed query.
    """
    tree = sqlglot.parse_one(_numbered(query, len(values)), read="duckdb")
    for mark in list(tree.find_all(exp.Placeholder)):
        mark.replace(_literal(values[int(mark.name.removeprefix("v"))]))
    for table in list(tree.find_all(exp.Table)):
        if table.db == "lake":
            table.set("db", None)
    return tree.sql(dialect=dialect)


def _numbered(query: str, values: int) -> str:
    """The query with its ``?`` named in the order in which they stand: the parsed tree has another."""
    marks = [
        token for token in sqlglot.tokenize(query, read="duckdb") if token.token_type.name == "PLACEHOLDER"
    ]
    if len(marks) != values:
        raise ValueError(f"{values} values for {len(marks)} places in: {query}")
    for number, token in reversed(list(enumerate(marks))):
        query = f"{query[: token.start]}$v{number}{query[token.end + 1 :]}"
    return query


def quoted(value: str | dt.date, dialect: str = "clickhouse") -> str:
    """A text or day as a literal of an engine."""
    return exp.Literal.string(str(value)).sql(dialect=dialect)


def _literal(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), "timestamp(6)")
    if isinstance(value, dt.date):
        return exp.cast(exp.Literal.string(value.isoformat()), "date")
    return exp.convert(value)
