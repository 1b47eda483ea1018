"""Which days are looked back from, and which of them teach and which judge. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

WEEK = dt.timedelta(days=7)
# Use is looked at over four weeks at least before the first row.
RUN_IN_DAYS = 28
# Of the weeks that the gap leaves, so many parts teach and so many judge.
TEACHING, JUDGING = 4, 3


@dataclass(frozen=True, slots=True)
class Split:
    """The Mondays that teach, and the later ones that judge; between them more than the horizon lies, so that no outcome is
    taught that a judged row was still waiting for.
    """

    teaching: tuple[dt.date, ...]
    judging: tuple[dt.date, ...]


def mondays(first_use: dt.date, known_until: dt.date, horizon_days: int) -> tuple[dt.date, ...]:
    """The Mondays from 28 days after the first week of use to the last whose horizon is over by ``known_until``."""
    first_week = first_use - dt.timedelta(days=first_use.weekday())
    day = first_week + dt.timedelta(days=RUN_IN_DAYS)
    last = known_until - dt.timedelta(days=horizon_days)
    found = []
    while day <= last:
        found.append(day)
        day += WEEK
    return tuple(found)


def split(days: Sequence[dt.date], gap_days: int, share: float | None = None) -> Split:
    """Earlier days teach, later ones judge, with a gap of more than ``gap_days`` between.

    ``share`` is the share of all weeks that teaches; without it four of seven of the weeks that the gap leaves do. Either part
    may come out empty where there are too few weeks.
    """
    if share is not None and not 0 < share < 1:
        raise ValueError(f"The share of weeks that teaches lies between 0 and 1; asked was {share}.")
    of_gap = gap_days // 7
    left = max(0, len(days) - of_gap)
    count = round(left * TEACHING / (TEACHING + JUDGING)) if share is None else round(len(days) * share)
    teaching = tuple(days[:count])
    if not teaching:
        return Split((), ())
    judging = tuple(day for day in days if day > teaching[-1] + dt.timedelta(days=gap_days))
    return Split(teaching, judging)
