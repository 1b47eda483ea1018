"""Rows for pages that show what there is: none while the history cannot be read, so that the page stays up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb

from evergreen.events import store
from evergreen.events.warehouses.named import event_store

Rows = list[tuple[Any, ...]]


def of_lake(sql: str, *values: object) -> Rows:
    """What a query finds in the lake."""
    return _found(lambda: store.reading().execute(sql, list(values)).fetchall())


def of_events(sql: str, *values: object) -> Rows:
    """What a query over ``lake.events`` finds, wherever single events lie."""
    return _found(lambda: event_store().rows(sql, values))


def _found(read: Callable[[], Rows]) -> Rows:
    try:
        return read()
    except (store.LakeError, duckdb.IOException, duckdb.TransactionException):
        return []
