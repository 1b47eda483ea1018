"""What a KPI's value may be, how values fold into longer spans, how far a target is. Pure."""

from __future__ import annotations

import datetime as dt
import enum
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

MOST = 1e15  # beyond it a number loses its units
BATCH = 5_000


class Unit(enum.StrEnum):
    """What a value is: a number with a word, a share (0.87 is 87%), an amount in major units of a currency."""

    NUMBER = "number"
    SHARE = "share"
    MONEY = "money"


class Direction(enum.StrEnum):
    UP = "up"
    DOWN = "down"


class Aggregation(enum.StrEnum):
    """How the values of several periods become one of a longer span."""

    LAST = "last"
    SUM = "sum"
    MEAN = "mean"
    MEDIAN = "median"
    LEAST = "least"
    MOST = "most"


def fold(values: Sequence[float], how: str) -> float | None:
    """Values of successive periods as one of the whole span; None for none."""
    if not values:
        return None
    match Aggregation(how):
        case Aggregation.SUM:
            return math.fsum(values)
        case Aggregation.MEAN:
            return math.fsum(values) / len(values)
        case Aggregation.MEDIAN:
            ordered = sorted(values)
            middle = len(ordered) // 2
            return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
        case Aggregation.LEAST:
            return min(values)
        case Aggregation.MOST:
            return max(values)
    return values[-1]


def as_number(given: Any) -> float | None:
    """A finite number that keeps its units, or None. Texts and booleans are none."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    try:
        found = float(given)
    except OverflowError:
        return None
    return found + 0.0 if math.isfinite(found) and abs(found) <= MOST else None


class Dated(Protocol):
    """A report: what it says of the period or span from ``starts_on``, and since when it is known."""

    starts_on: dt.date
    value: float | None
    known_at: dt.datetime


D = TypeVar("D", bound=Dated)


def standing(reports: Iterable[D]) -> dict[dt.date, D]:
    """Of reports in the order in which they became known: the newest of each start."""
    found: dict[dt.date, D] = {}
    for report in reports:
        found[report.starts_on] = report
    return dict(sorted(found.items()))


def in_force(targets: Sequence[D], day: dt.date) -> D | None:
    """Of standing targets in order of their first day: the one in force on a day; one taken back is none."""
    found = None
    for target in targets:
        if target.starts_on > day:
            break
        found = target
    return found if found is not None and found.value is not None else None


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a value is from its target: ``gap`` = value − target; ``is_met`` by the KPI's direction."""

    gap: float
    is_met: bool


def distance(value: float, target: float, direction: str) -> Distance:
    is_met = value <= target if direction == Direction.DOWN else value >= target
    return Distance(value - target, is_met)
