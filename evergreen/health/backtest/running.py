"""A backtest from end to end: past endings, the scores of so many days before, and the record of one or two scorecards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from evergreen.customers.endings import Endings
from evergreen.customers.figures import SegmentMember
from evergreen.customers.line_reading import read_endings
from evergreen.customers.lines import day, number
from evergreen.customers.models import Account
from evergreen.health import rules
from evergreen.health.backtest import judging, rescoring, weights
from evergreen.health.backtest.judging import Compared, FalseGreen, GroupRow, LeadFigures, LeadTime, Seen
from evergreen.health.backtest.weights import Suggested
from evergreen.metrics.segments.queries import segments

if TYPE_CHECKING:
    import duckdb

LEADS = (30, 60, 90)
SPAN_DAYS = 730
# Losses are followed back week by week for half a year.
WEEKS = tuple(range(7, 183, 7))
# Groups are told by these fields of an account, as they are now, and by the saved segments.
FIELDS = {"tier": "tier", "touch_model": "touch_model", "industry": "industry", "edition": "edition__key"}
SEGMENT = "segment"
_CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Asked:
    """``today`` is the day of looking: nothing later is known. ``segment`` narrows the accounts to a saved segment's members."""

    today: dt.date
    since: dt.date | None = None
    leads: tuple[int, ...] = LEADS
    grace_days: int | None = None
    segment: str = ""

    def __post_init__(self) -> None:
        if not self.leads or not all(1 <= lead <= 365 for lead in self.leads):
            raise ValueError(f"The leads are {self.leads}: give one or more numbers of days from 1 to 365.")
        if self.since is not None and self.since >= self.today:
            raise ValueError(
                f"Looking back from {self.today} needs an earlier day to begin, not {self.since}."
            )

    @property
    def first(self) -> dt.date:
        return self.since or self.today - dt.timedelta(days=SPAN_DAYS)

    @property
    def main_lead(self) -> int:
        """The lead for which false greens, groups and weights are told."""
        return sorted(self.leads)[len(self.leads) // 2]


@dataclass(frozen=True, slots=True)
class Report:
    """The record of one scorecard; days are numbers since 1970-01-01, amounts minor units a year in the vendor's currency.

    ``endings`` = ``lost`` + ``stayed`` + ``open``; the open ones are counted and nothing else. ``warnings`` say why it is too
    thin for a verdict.
    """

    today: int
    first: int
    main_lead: int
    endings: int
    lost: int
    stayed: int
    open: int
    segment: str
    measures: tuple[str, ...]
    warnings: tuple[str, ...]
    leads: tuple[LeadFigures, ...]
    lead_time: LeadTime
    false_greens: tuple[FalseGreen, ...]
    groups: dict[str, tuple[GroupRow, ...]]
    suggested: Suggested | None

    @property
    def main(self) -> LeadFigures:
        return next(one for one in self.leads if one.lead_days == self.main_lead)

    def data(self) -> dict[str, Any]:
        """As JSON has it; ``report_from`` gives it back."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


def report_from(data: Mapping[str, Any]) -> Report:
    return msgspec.convert(data, Report)


class Backtest:
    """Past endings with everything that some scorecards read of them, looked up once."""

    def __init__(self, con: duckdb.DuckDBPyConnection, cards: Sequence[rules.Card], asked: Asked) -> None:
        self._con, self.asked = con, asked
        found = read_endings(asked.first, asked.today, grace_days=asked.grace_days)
        if asked.segment:
            inside = SegmentMember.objects.filter(segment=asked.segment).values_list("account_id", flat=True)
            found = found.chosen(np.isin(found.account, np.fromiter(inside, np.int64)))
        self.all = found
        self.endings = found.chosen(~found.is_open)
        metrics = set().union(*(card.metrics for card in cards))
        self._blocks = [self._block(self.endings, (lead,), metrics) for lead in asked.leads]
        self._lost = self.endings.chosen(self.endings.is_lost)
        self._weeks = self._block(self._lost, WEEKS, metrics)

    def _block(self, endings: Endings, ahead: Sequence[int], metrics: Collection[str]) -> rescoring.Past:
        """Row by row of ``ahead``, each with all the endings."""
        days = (endings.on[None, :] - np.array(ahead, np.int64)[:, None]).ravel()
        return rescoring.look_back(self._con, np.tile(endings.account, len(ahead)), days, metrics)

    def seen(self, card: rules.Card, population: Collection[int] | None = None) -> list[Seen]:
        """The endings as the card saw them, one for each lead."""
        return [
            rescoring.seen(self.endings, lead, past, rescoring.score(self._con, card, past, population))
            for lead, past in zip(self.asked.leads, self._blocks, strict=True)
        ]

    def report(self, card: rules.Card, population: Collection[int] | None = None) -> Report:
        """The card's whole record."""
        seen = self.seen(card, population)
        main = next(one for one in seen if one.lead_days == self.asked.main_lead)
        keys = tuple(measure.key for measure in card.measures)
        own = np.array([measure.weight for measure in card.measures])
        return Report(
            today=number(self.asked.today),
            first=number(self.asked.first),
            main_lead=self.asked.main_lead,
            endings=len(self.all),
            lost=int(self.all.is_lost.sum()),
            stayed=int((~self.all.is_lost & ~self.all.is_open).sum()),
            open=int(self.all.is_open.sum()),
            segment=self.asked.segment,
            measures=keys,
            warnings=tuple(judging.warnings(main)),
            leads=tuple(judging.figures(one) for one in seen),
            lead_time=self._lead_time(card, population),
            false_greens=tuple(judging.false_greens(main, keys)),
            groups=self._groups(main),
            suggested=None if card.additive else weights.suggested(main, own),
        )

    def compared(
        self, first: rules.Card, second: rules.Card, population: Collection[int] | None = None
    ) -> list[Compared]:
        """Two cards on the endings that both scored, one row a lead."""
        pairs = zip(self.seen(first, population), self.seen(second, population), strict=True)
        return [judging.compared(*pair) for pair in pairs]

    def _lead_time(self, card: rules.Card, population: Collection[int] | None) -> LeadTime:
        scored = rescoring.score(self._con, card, self._weeks, population)
        bands = np.where(self._weeks.seen_on >= 0, scored.band, "").reshape(len(WEEKS), -1)
        return judging.lead_time(WEEKS, bands.T)

    def _groups(self, seen: Seen) -> dict[str, tuple[GroupRow, ...]]:
        names = list(FIELDS)
        keys = {int(one) for one in np.unique(seen.account)}
        rows = Account.everything.order_by().values_list("pk", *FIELDS.values()).iterator(_CHUNK)
        of_account = {row[0]: [value or "" for value in row[1:]] for row in rows if row[0] in keys}
        nothing = [""] * len(names)
        table = [of_account.get(key, nothing) for key in seen.account.tolist()]
        found = {}
        for place, name in enumerate(names):
            groups = np.array([row[place] for row in table], dtype=np.str_)
            found[name] = tuple(judging.by_group(seen, groups))
        found[SEGMENT] = tuple(self._by_segment(seen))
        return found

    def _by_segment(self, seen: Seen) -> list[GroupRow]:
        """Saved segments may overlap, so each is told by itself."""
        inside: dict[str, set[int]] = {}
        for key, account in SegmentMember.objects.values_list("segment", "account_id").iterator(_CHUNK):
            inside.setdefault(key, set()).add(account)
        found = []
        for segment in segments():
            mine = np.isin(seen.account, np.fromiter(inside.get(segment.key, ()), np.int64))
            if mine.any():
                part = seen.chosen(mine)
                found += judging.by_group(part, np.full(len(part), segment.key))
        return found


def days_of(report: Report) -> tuple[dt.date, dt.date]:
    """The days between which endings were looked at."""
    return day(report.first), day(report.today)
