"""What SMS providers post to us, read."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from evergreen.base import clock

_CHINA = ZoneInfo("Asia/Shanghai")


def rows_of(body: bytes) -> list[dict[str, Any]]:
    """A JSON list of objects, or a single one. Raises ValueError for anything else."""
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise ValueError(f"no JSON: {error}") from error
    rows = found if isinstance(found, list) else [found]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError("a list of objects is needed")
    return rows


def unix_time(seconds: Any) -> dt.datetime:
    """Seconds since 1970; now for what are none."""
    try:
        return dt.datetime.fromtimestamp(int(seconds), dt.UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return clock.utc_now()


def china_time(text: Any) -> dt.datetime:
    """A wall time of China (2026-11-20 10:00:00); now for what is none."""
    try:
        return dt.datetime.fromisoformat(str(text)).replace(tzinfo=_CHINA).astimezone(dt.UTC)
    except ValueError:
        return clock.utc_now()
