"""What every kind of figure has: its question, its answer, the words for its groups."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from evergreen.metrics.analytics.questions import Question
from evergreen.web.presenters.analytics.naming import Names

COLORS = ("var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)")
Row = list[str | int | float | None]


@dataclass
class Figure(ABC):
    """An answer of one kind: ``sentence``, ``formula``, ``option`` (ECharts) and its ``table`` for the file."""

    question: Question
    answer: dict[str, Any]
    names: Names

    def __post_init__(self) -> None:
        self.since = dt.date.fromisoformat(self.answer["since"])
        self.until = dt.date.fromisoformat(self.answer["until"])
        self.one_in: int = self.answer["one_in"]

    def group(self, place: int) -> str:
        """The name of a group; empty without a split."""
        return self.names.group(self.question.by, self.answer["groups"][place]) if self.question.by else ""

    def scaled(self, count: int) -> int:
        """A count of a sample as an estimate of all."""
        return count * self.one_in

    @property
    def days(self) -> list[dt.date]:
        return [self.since + dt.timedelta(days=n) for n in range((self.until - self.since).days + 1)]

    @property
    def is_empty(self) -> bool:
        return False

    @property
    @abstractmethod
    def sentence(self) -> str:
        """The answer in words."""

    @property
    @abstractmethod
    def formula(self) -> str:
        """How it was counted."""

    @property
    def label(self) -> str:
        """What the drawing shows, for those who do not see it."""
        return self.sentence

    @abstractmethod
    def table(self) -> tuple[list[str], list[Row]]:
        """Headings and rows of the file."""


def colored(place: int) -> str:
    return COLORS[place % len(COLORS)]


def written(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Cells of a file: shares with six decimals."""
    return [[Decimal(f"{cell:.6f}") if isinstance(cell, float) else cell for cell in row] for row in rows]
