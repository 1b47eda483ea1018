"""When the newest events came in."""

from __future__ import annotations

import datetime as dt

import duckdb

from evergreen.events import store


def newest_arrival() -> dt.datetime | None:
    """When the lake last took up events; None before the first, or while it cannot be read."""
    try:
        found = store.scalar(store.reading(), "SELECT max(moved_at) FROM lake.batches WHERE stored > 0")
    except (store.LakeError, duckdb.Error):
        return None
    return found.replace(tzinfo=dt.UTC) if isinstance(found, dt.datetime) else None
