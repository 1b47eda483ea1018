"""What is asked of the portfolio: a span in steps, a grace, and what narrows the accounts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evergreen.outcomes.portfolio import periods
from evergreen.outcomes.portfolio.periods import Period


class Dimension(StrEnum):
    """What accounts are grouped and narrowed by."""

    SEGMENT = "segment"
    TIER = "tier"
    INDUSTRY = "industry"
    OWNER = "owner"
    COHORT = "cohort"
    EDITION = "edition"


@dataclass(frozen=True, slots=True)
class Asked:
    """``since`` is the day that the whole span is told from, where that is not ``first``. ``grace_days`` is 0 for strict. ``chosen`` narrows: dimension → key of one of its groups ('' for none)."""

    first: dt.date
    last: dt.date
    step: str = periods.MONTH
    grace_days: int = 0
    chosen: Mapping[Dimension, str] = field(default_factory=dict)
    since: dt.date | None = None

    def __post_init__(self) -> None:
        if self.grace_days < 0:
            raise ValueError(f"The grace is a number of days from 0 on, {self.grace_days} given.")
        if self.step not in periods.STEPS:
            raise ValueError(f"{self.step!r} is no step: take {' or '.join(periods.STEPS)}.")
        periods.between(self.first, self.last, self.step)

    @property
    def span(self) -> Period:
        """The whole of it, that the sums over all periods are told of."""
        return Period(self.since or self.first, self.last, self.step)

    @property
    def periods(self) -> list[Period]:
        return periods.between(self.first, self.last, self.step)


def divided_by(text: str) -> tuple[str | None, Dimension | None]:
    """``month``, ``tier`` or ``quarter,tier`` as step and dimension. Raises ValueError for anything else."""
    step: str | None = None
    by: Dimension | None = None
    for word in filter(None, (part.strip() for part in text.split(","))):
        if word in periods.STEPS and step is None:
            step = word
        elif word in set(Dimension) and by is None:
            by = Dimension(word)
        else:
            raise ValueError(
                f"{text!r} says not how to divide: take one of {', '.join(periods.STEPS)}, one of "
                f"{', '.join(Dimension)}, or one of each with a comma between."
            )
    return step, by
