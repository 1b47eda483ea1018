"""What a metric is. Definitions are data: the compiler turns them into one pass a source."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, get_args

from evergreen.base.conditions import Condition, written

Words = dict[str, str]  # {"zh": …, "en": …}
Kind = Literal["count", "number", "share", "days", "money", "date"]
Measure = Literal["users", "days", "events", "seconds", "features", "user_days"]
Only = Literal["", "core", "advanced", "data"]
Better = Literal["up", "down", ""]
BETTERS: tuple[Better, ...] = get_args(Better)
Op = Literal["count", "sum", "mean", "median", "min", "max"]

# The roll-up window of a snapshot: metrics look back at most this many days, itself and its previous equal included.
WINDOW_DAYS = 56


@dataclass(frozen=True, slots=True)
class Usage:
    """A figure over the daily roll-up.

    The window has ``days`` days and ends ``lag`` days before the snapshot's day (itself included when lag is 0).
    ``users``: end users active on at least one day, or, with ``per_week``, on at least that many working days per
    five working days of the window. ``days``: distinct days. ``events``: summed counts. ``features``: distinct
    features. ``user_days``: user × working day pairs. ``only`` narrows to core, advanced or data-adding features,
    ``filter`` (a checked condition over the columns of ``source_fields``) to some rows of the roll-up.
    """

    measure: Measure
    days: int
    lag: int = 0
    only: Only = ""
    per_week: int = 0
    filter: Condition | None = None

    def __post_init__(self) -> None:
        if self.days < 1 or self.lag < 0 or self.days + self.lag > WINDOW_DAYS:
            raise ValueError(
                f"A usage window lies within {WINDOW_DAYS} days: {self.days} days, {self.lag} back."
            )


@dataclass(frozen=True, slots=True)
class Rows:
    """A figure over record rows of one source: an aggregation of a column, over a window of a date column, filtered.

    ``where`` names boolean columns of the source that must hold, ``filter`` is a checked condition over its columns.
    ``days`` 0 means no window. ``empty`` is the value of an account without such rows once the source has any row for
    the vendor (counts and sums: 0).
    """

    source: str
    op: Op
    column: str = ""
    on: str = ""
    days: int = 0
    where: tuple[str, ...] = ()
    empty: int | None = None
    filter: Condition | None = None


@dataclass(frozen=True, slots=True)
class Formula:
    """Arithmetic over other metrics (see ``metrics.formula``); missing input or a zero divisor gives missing."""

    text: str


@dataclass(frozen=True, slots=True)
class Metric:
    """One named number about an account on a day. ``unit`` is empty where ``metrics.words`` knows it; ``owner`` is who
    of the staff answers for one that the vendor declared (``is_own``).
    """

    key: str
    kind: Kind
    of: Usage | Rows | Formula
    name: Words
    explanation: Words
    group: str = ""
    better: Better = ""
    version: int = 1
    unit: Words = field(default_factory=dict)
    owner: str = ""
    is_own: bool = False

    @property
    def column_type(self) -> str:
        """The lake's column type."""
        if self.kind == "date":
            return "DATE"
        return "BIGINT" if self.kind in {"count", "days", "money"} else "DOUBLE"

    @property
    def source(self) -> str:
        if isinstance(self.of, Usage):
            return "usage"
        return self.of.source if isinstance(self.of, Rows) else "formula"

    @property
    def window_days(self) -> int:
        return self.of.days if isinstance(self.of, (Usage, Rows)) else 0

    @property
    def is_count(self) -> bool:
        """0 rather than missing once its source has any row for the vendor."""
        return isinstance(self.of, Usage) or (isinstance(self.of, Rows) and self.of.op in {"count", "sum"})

    def formula_text(self) -> str:
        """The definition in one line, as pages show it."""
        of = self.of
        if isinstance(of, Formula):
            return of.text
        if isinstance(of, Usage):
            only = f", {of.only} features" if of.only else ""
            often = f", on >= {of.per_week} working days a week" if of.per_week else ""
            back = f", ending {of.lag} days before" if of.lag else ""
            where = f", where {written(of.filter)}" if of.filter is not None else ""
            return f"usage: {of.measure} in {of.days} days{back}{only}{often}{where}"
        window = f" with {of.on} in {of.days} days" if of.days else ""
        told = [*of.where, *([written(of.filter)] if of.filter is not None else [])]
        where = f" where {' and '.join(told)}" if told else ""
        return f"{of.source}: {of.op}({of.column or '*'}){window}{where}"


def cadence_kept(
    spoke_on: Sequence[dt.date], since: dt.date, day: dt.date, most: int, *, window: int
) -> float:
    """The share of the last ``window`` days, from ``since`` on, whose last conversation was at most ``most`` days back.

    The first day itself counts as one: a new account has until then.
    """
    first = max(since, day - dt.timedelta(days=window - 1))
    total = (day - first).days + 1
    marks = sorted({since, *(on for on in spoke_on if on <= day)})
    kept = 0
    for on, following in pairwise([*marks, day + dt.timedelta(days=1)]):
        last = min(on + dt.timedelta(days=most), following - dt.timedelta(days=1))
        kept += max(0, (last - max(on, first)).days + 1)
    return kept / total
