"""What the JSON of an event's properties says, in words that every engine has (``warehouses.vocabulary``)."""

from __future__ import annotations

import datetime as dt

import ibis


@ibis.udf.scalar.builtin(name="said_text")  # type: ignore[untyped-decorator]
def text(properties: str, under: str) -> str:  # type: ignore[empty-body]
    """The text under a name; null when there is none or it is no text."""


@ibis.udf.scalar.builtin(name="said_json")  # type: ignore[untyped-decorator]
def json(properties: str, under: str) -> str:  # type: ignore[empty-body]
    """What stands under a name, as it is written in JSON; null when there is none."""


@ibis.udf.scalar.builtin(name="said_number")  # type: ignore[untyped-decorator]
def number(properties: str, under: str) -> float:  # type: ignore[empty-body]
    """The number under a name; null when there is none or it is no number."""


@ibis.udf.scalar.builtin(name="said_day")  # type: ignore[untyped-decorator]
def day(properties: str, under: str) -> dt.date:  # type: ignore[empty-body]
    """The day under a name (2026-03-06); null when there is none or it is no day."""
