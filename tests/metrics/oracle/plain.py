"""The few words that definitions share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

Value = float | int | dt.date | None
Figures = dict[str, Value]


def window(day: dt.date, days: int, back: int = 0) -> set[dt.date]:
    """The days of a window of so many days that ends so many days before the day (with it: 0)."""
    return {day - dt.timedelta(days=back + n) for n in range(days)}


def divided(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def middle(values: Sequence[float]) -> float | None:
    ordered = sorted(values)
    half = len(ordered) // 2
    if not ordered:
        return None
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
