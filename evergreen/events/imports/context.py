"""One load of one file: what it knows, what it counts, and the rows on their way."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from evergreen.base import clock
from evergreen.base.env import Home
from evergreen.base.models import User
from evergreen.base.upserts import Outcome
from evergreen.events.imports.formats import Formats, shown
from evergreen.events.imports.mapping import FileMapping
from evergreen.events.imports.seen import Seen


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a row is not loaded: the column, what was found in it, what is allowed there."""

    column: str
    found: str
    allowed: str
    reason: str


class RejectedError(Exception):
    """Raised where a row turns out not to be loadable."""

    def __init__(self, column: str, found: Any, allowed: str, reason: str) -> None:
        super().__init__(reason)
        self.rejection = Rejection(column, shown(found), allowed, reason)


@dataclass(slots=True)
class Item:
    """A row on its way: as the file has it, as its fields were read, and what seemed odd about it."""

    number: int
    cells: Sequence[Any]
    values: dict[str, Any]
    warnings: list[str] = field(default_factory=list)

    def get(self, name: str) -> Any:
        return self.values.get(name)

    def warn(self, kind: str) -> None:
        self.warnings.append(kind)


@dataclass(slots=True)
class Tally:
    """Counts of one load; of each kind of warning also the first row that has it."""

    rows: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    rejected: int = 0
    warnings: Counter[str] = field(default_factory=Counter)
    first_rows: dict[str, int] = field(default_factory=dict)

    def count(self, outcome: Outcome, n: int = 1) -> None:
        self.outcomes[outcome] += n

    def warn(self, item: Item) -> None:
        for kind in item.warnings:
            self.warnings[kind] += 1
            self.first_rows.setdefault(kind, item.number)

    def warn_of(self, kind: str, n: int) -> None:
        if n:
            self.warnings[kind] += n


@dataclass(slots=True)
class Context:
    """What loaders of records are given."""

    mapping: FileMapping
    formats: Formats
    vendor_zone: ZoneInfo
    currency: str
    now: dt.datetime
    by: User | None
    dry_run: bool
    origin: str
    file_name: str
    home: Home
    tally: Tally
    seen: Seen
    columns: Sequence[str]
    is_history: bool = True
    rejections: list[tuple[Item, Rejection]] = field(default_factory=list)

    @property
    def today(self) -> dt.date:
        return clock.local_day(self.now, self.vendor_zone)

    def reject(self, item: Item, rejection: Rejection) -> None:
        self.rejections.append((item, rejection))

    def column_of(self, field_name: str) -> str:
        """The column (or columns) of the file that a field is read from, for messages."""
        cell = self.mapping.cells.get(field_name)
        return ", ".join(cell.columns) if cell is not None and cell.columns else field_name

    def refuse(self, field_name: str, found: Any, allowed: str, reason: str) -> RejectedError:
        return RejectedError(self.column_of(field_name), found, allowed, reason)

    def known_at(self, *own: dt.date | dt.datetime | None) -> dt.datetime:
        """When a record loaded as history was known: the first of its own dates that is given and past,
        else now. What a connector brings as it happens (no history) is known from its arrival on.
        """
        if not self.is_history:
            return self.now
        for when in own:
            if when is None:
                continue
            moment = when if isinstance(when, dt.datetime) else clock.day_start(when, self.vendor_zone)
            if moment < self.now:
                return moment
        return self.now
