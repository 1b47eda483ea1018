"""How well purchases would have been foretold: earlier cases teach, later ones judge, with the horizon between."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evergreen.base.measures import Interval, Reals, Truths, auc_interval
from evergreen.customers.lines import Flags, Ints, day, number
from evergreen.foresight.expansion import cases as reading
from evergreen.foresight.expansion import chances
from evergreen.foresight.expansion.buying import Kind
from evergreen.foresight.expansion.cases import EVERY_DAYS, Cases, History, Tell
from evergreen.foresight.expansion.chances import Table
from evergreen.foresight.expansion.signs import HORIZON_DAYS, SIGNS
from evergreen.foresight.history import timing
from evergreen.foresight.learning.judging import Figures, judge

# Cases four weeks apart that look ninety days ahead tell most of a purchase three times over.
WEIGHT = EVERY_DAYS / HORIZON_DAYS
_TEACHING = 0.55


@dataclass(frozen=True, slots=True)
class Judged:
    """Figures of one kind (or of all together: None) on the judging cases. ``bought`` are different accounts that bought;
    ``said_cents`` is the sum of expected values, ``came_cents`` what purchases brought, both of a year and for 90 days of cases.
    """

    kind: Kind | None
    figures: Figures
    accounts: int
    bought: int
    interval: Interval | None
    said_cents: float
    came_cents: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the judging cases said, with the days of both parts. ``taught`` maps a kind to its table of the teaching days."""

    teaching: tuple[dt.date, ...]
    judging: tuple[dt.date, ...]
    judged: tuple[Judged, ...]
    taught: dict[Kind, Table]


class TooLittleHistoryError(ValueError):
    """The past is too short to learn from some of it and judge on later parts; the message says what is needed."""


def tables(history: History, every: Sequence[Cases], until: int | None = None) -> dict[Kind, Table]:
    """What cases taught whose ninety days were over at the end of ``until`` (else of the history), a table a kind."""
    last = history.last if until is None else until
    found = {}
    for one in every:
        over = one.day + HORIZON_DAYS <= last
        found[one.kind] = chances.learn(SIGNS[one.kind], one.flags[over], one.bought[over], WEIGHT)
    return found


def all_cases(history: History, tell: Tell | None = None) -> tuple[Cases, ...]:
    """The cases of every kind that anybody could buy."""
    return tuple(reading.cases(history, kind, tell) for kind in Kind)


def evaluate(history: History, every: Sequence[Cases]) -> Evaluation:
    """Learn how often signs were followed by a purchase on the earlier days, and judge on the later ones.

    Raises TooLittleHistoryError.
    """
    known = [one for one in history.days.tolist() if one + HORIZON_DAYS <= history.last]
    split = timing.split([day(one) for one in known], HORIZON_DAYS, _TEACHING)
    if not split.judging:
        raise TooLittleHistoryError(
            f"Snapshots go from {day(history.first)} to {day(history.last)}: to learn from some months and judge on later ones, "
            f"{HORIZON_DAYS} days apart, about a year of weekly nights is needed (`evergreen night --from … --every week`). "
            "Suggestions are made all the same, by the vendor's rate of purchases."
        )
    last_taught = number(split.teaching[-1])
    first_judged = number(split.judging[0])
    taught = tables(history, every, last_taught + HORIZON_DAYS)
    parts = []
    for one in every:
        rows = np.flatnonzero((one.day >= first_judged) & (one.day + HORIZON_DAYS <= history.last))
        if not len(rows):
            continue
        said = taught[one.kind].shares(one.flags[rows])
        parts.append((one, rows, said, _came(history, one, rows)))
    judged = [_judged(one.kind, [(one, rows, said, came)]) for one, rows, said, came in parts]
    if len(judged) > 1:
        judged.append(_judged(None, parts))
    return Evaluation(split.teaching, split.judging, tuple(judged), taught)


def _judged(kind: Kind | None, parts: Sequence[tuple[Cases, Ints, Reals, Reals]]) -> Judged:
    said = np.concatenate([part[2] for part in parts])
    came = np.concatenate([part[3] for part in parts])
    labels: Truths = np.concatenate([one.bought[rows] for one, rows, _said, _came in parts])
    value = np.concatenate([one.value[rows] for one, rows, _said, _came in parts])
    account = np.concatenate([one.account[rows] for one, rows, _said, _came in parts])
    bought, every = int(np.unique(account[labels]).size), int(np.unique(account).size)
    figures = judge(labels, said)
    area = figures.auc
    # Money is compared where a price was known beforehand: of the others nothing was said.
    priced: Flags = ~np.isnan(value)
    return Judged(
        kind,
        figures,
        every,
        bought,
        None if area is None else auc_interval(area, max(bought, 1), max(every - bought, 1)),
        float((said * value)[priced].sum() * WEIGHT),
        float(np.nansum(came[priced]) * WEIGHT),
    )


def _came(history: History, one: Cases, rows: Ints) -> Reals:
    """What each judged case's first purchase within the horizon brought a year; 0 where none came."""
    mine = history.purchases.of(one.kind)
    found = np.zeros(len(rows))
    order = np.argsort((mine.account << 24) + mine.bought, kind="stable")
    key = ((mine.account << 24) + mine.bought)[order]
    low = np.searchsorted(key, (one.account[rows] << 24) + one.day[rows], "right")
    hit = np.flatnonzero(one.bought[rows])
    found[hit] = mine.cents[order][low[hit]]
    return found
