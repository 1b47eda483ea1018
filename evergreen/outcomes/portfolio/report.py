"""The figures of the portfolio for one reader: each read and computed once, when it is first asked for."""

from __future__ import annotations

import datetime as dt
from functools import cached_property

import numpy as np
from django.db.models import QuerySet

from evergreen.base import queries as base
from evergreen.base.models import User
from evergreen.customers.line_reading import Read, read_lines
from evergreen.customers.lines import NEVER, NONE, Flags, Ints, Lines, Pairs, number, pairs
from evergreen.customers.models import Account, Edition
from evergreen.customers.queries import accounts_for, sees_every_account
from evergreen.metrics.segments.queries import segments
from evergreen.outcomes.portfolio import movements, reading, renewals, standings
from evergreen.outcomes.portfolio.asking import Asked, Dimension
from evergreen.outcomes.portfolio.movements import Moves
from evergreen.outcomes.portfolio.periods import Period, a_year_before, bounds
from evergreen.outcomes.portfolio.reading import Groups
from evergreen.outcomes.portfolio.renewals import Dues, Renewals
from evergreen.outcomes.portfolio.standings import Side
from evergreen.outcomes.revenue import Portfolio

# The key of the one group where no dimension divides the accounts.
EVERYBODY = ""


class Report:
    """``reader`` None is the vendor's own command line: every account. ``today`` is the vendor's day of looking."""

    def __init__(self, reader: User | None, asked: Asked, today: dt.date) -> None:
        self.reader, self.asked, self.today = reader, asked, today
        self.periods: list[Period] = asked.periods
        self._kept: dict[Dimension, Groups] = {}

    # ---- what is read ----

    @cached_property
    def read(self) -> Read:
        return read_lines(self.asked.last, None if self.is_whole else self._visible)

    @property
    def _visible(self) -> QuerySet[Account]:
        return Account.objects.all() if self.reader is None else accounts_for(self.reader)

    @property
    def lines(self) -> Lines:
        return self.read.lines

    @cached_property
    def bounds(self) -> Ints:
        return bounds(self.periods)

    @cached_property
    def _year_before(self) -> Ints:
        """The day a year before each period's end."""
        return np.array([number(a_year_before(one.last)) for one in self.periods], np.int64)

    @cached_property
    def _days(self) -> Ints:
        """Every day on which accounts are looked at."""
        return np.unique(np.concatenate([self.bounds, self._year_before, [number(self.asked.span.first)]]))

    @cached_property
    def _rows(self) -> Ints:
        """The places of the bounds among the days."""
        return np.searchsorted(self._days, self.bounds)

    @cached_property
    def pairs(self) -> Pairs:
        """What follows what ends between the days or up to the grace before them."""
        since, until = int(self._days[0]) - self.asked.grace_days, int(self._days[-1])
        return pairs(self.lines, since, until, self.asked.grace_days)

    # ---- who counts, in which group ----

    def _groups(self, dimension: Dimension) -> Groups:
        match dimension:
            case Dimension.COHORT:
                return self._cohorts
            case Dimension.EDITION:
                return self._editions
            case Dimension.SEGMENT:
                raise ValueError("An account may be in several segments; they are counted one by one.")
        return reading.of_field(dimension.value, self.lines.accounts, self._days, self._visible)

    @cached_property
    def _began(self) -> Ints:
        """The earliest start of any line of each account."""
        first = np.full(len(self.lines.accounts), NEVER, np.int64)
        np.minimum.at(first, self.lines.account, self.lines.start)
        return first

    @property
    def _cohorts(self) -> Groups:
        months = (np.datetime64("1970-01-01") + self._began).astype("datetime64[M]")
        found, codes = np.unique(months, return_inverse=True)
        return Groups([str(month) for month in found], codes.reshape(1, -1).repeat(len(self._days), 0))

    @property
    def _editions(self) -> Groups:
        until = None
        if self.asked.grace_days:
            until = standings.overdue_until(self.lines, self.pairs, self.asked.grace_days)
        held = standings.editions(self.lines, self._days, until)
        found, codes = np.unique(held, return_inverse=True)
        return Groups(["" if key == NONE else str(key) for key in found.tolist()], codes.reshape(held.shape))

    def _held(self, dimension: Dimension) -> Groups:
        if dimension not in self._kept:
            self._kept[dimension] = self._groups(dimension)
        return self._kept[dimension]

    def groups(self, by: Dimension | None) -> list[str]:
        """The keys of a dimension's groups, in order; one group where there is no dimension."""
        if by is None:
            return [EVERYBODY]
        if by == Dimension.SEGMENT:
            return list(segments().order_by("key").values_list("key", flat=True))
        return self._held(by).keys

    def words(self, by: Dimension | None) -> dict[str, str]:
        """What programs call the groups whose keys are numbers of rows: e-mail of an owner, key of an edition."""
        if by == Dimension.OWNER:
            return {str(key): email for key, email in base.staff_emails()}
        if by == Dimension.EDITION:
            return {str(key): word for key, word in Edition.objects.values_list("pk", "key")}
        return {}

    def _codes(self, dimension: Dimension, side: Side, opening: Ints, closing: Ints) -> Ints:
        """The group of each account in each period: of its first day, or of its last where it was not there before."""
        codes = self._held(dimension).codes
        return np.where(side.active[opening], codes[opening], codes[closing])

    def _mask(self, side: Side, opening: Ints, closing: Ints) -> Flags | None:
        """Who counts in each period; None for everybody."""
        mask: Flags | None = None
        for dimension, key in self.asked.chosen.items():
            if dimension == Dimension.SEGMENT:
                fits = self._inside(key, len(opening))
            else:
                keys = self._held(dimension).keys
                wanted = keys.index(key) if key in keys else NONE
                fits = self._codes(dimension, side, opening, closing) == wanted
            mask = fits if mask is None else mask & fits
        return mask

    def _inside(self, segment: str, periods: int) -> Flags:
        found: Flags = reading.members(segment, self.lines.accounts)
        return np.broadcast_to(found, (periods, len(found)))

    # ---- movements ----

    @cached_property
    def _strict(self) -> Side:
        return standings.standings(self.lines, self._days)

    @cached_property
    def _graced(self) -> Side:
        grace = self.asked.grace_days
        if not grace:
            return self._strict
        return standings.standings(self.lines, self._days, grace_days=grace, followed=self.pairs)

    def _moves(self, opening: Ints, closing: Ints, *, graced: bool) -> Moves:
        side = self._graced if graced else self._strict
        return movements.moves(side.rows(opening), side.rows(closing), self._days[opening], self._began)

    def _cells(
        self, opening: Ints, closing: Ints, by: Dimension | None = None, *, graced: bool = False
    ) -> list[list[Portfolio]]:
        side = self._graced if graced else self._strict
        found = self._moves(opening, closing, graced=graced)
        mask = self._mask(side, opening, closing)
        if by is None:
            return movements.summed(found, mask=mask)
        if by == Dimension.SEGMENT:
            parts = []
            for key in self.groups(by):
                inside = self._inside(key, len(opening))
                parts.append(movements.summed(found, mask=inside if mask is None else inside & mask))
            return [[part[n][0] for part in parts] for n in range(len(opening))]
        return movements.summed(found, len(self.groups(by)), self._codes(by, side, opening, closing), mask)

    def cells(self, by: Dimension | None = None, *, graced: bool = False) -> list[list[Portfolio]]:
        """Figures by period and, within it, by group."""
        return self._cells(self._rows[:-1], self._rows[1:], by, graced=graced)

    def span(self, by: Dimension | None = None, *, graced: bool = False) -> list[Portfolio]:
        """The whole span, its last day against its first, by group."""
        return self._cells(*self._ends(None), by, graced=graced)[0]

    @cached_property
    def years(self) -> list[Portfolio]:
        """The twelve months up to each period's last day, strict."""
        opening = np.searchsorted(self._days, self._year_before)
        return [row[0] for row in self._cells(opening, self._rows[1:])]

    @cached_property
    def at_close(self) -> list[Portfolio]:
        """Each period as a report told it on its last day: without what was signed and dated back since. Strict."""
        opening, closing = standings.at_close(self.lines, self.bounds)
        found = movements.moves(opening, closing, self.bounds[:-1], self._began)
        mask = self._mask(self._strict, self._rows[:-1], self._rows[1:])
        return [row[0] for row in movements.summed(found, mask=mask)]

    @property
    def is_whole(self) -> bool:
        """Whether every account was read."""
        return self.reader is None or sees_every_account(self.reader)

    def counting(self) -> Flags | None:
        """Which accounts (of ``lines.accounts``) count by their group over the whole span; None for all."""
        mask = self._mask(self._strict, *self._ends(None))
        return None if mask is None else mask[0]

    def accounts_of(self, place: int | None, *, graced: bool = False) -> tuple[Moves, Flags]:
        """The movement of each account (of ``lines.accounts``) in one period, or in the whole span, and who counts."""
        opening, closing = self._ends(place)
        side = self._graced if graced else self._strict
        found = self._moves(opening, closing, graced=graced)
        mask = self._mask(side, opening, closing)
        return found, np.ones(found.kind.shape, np.bool_) if mask is None else mask

    def restated_of(self, place: int) -> Flags:
        """The accounts whose strict movement in a period is not what a report told when it closed."""
        opening, closing = standings.at_close(self.lines, self.bounds[place : place + 2])
        then = movements.moves(opening, closing, self.bounds[place : place + 1], self._began)
        now = self._moves(*self._ends(place), graced=False)
        found: Flags = (
            (then.kind != now.kind)
            | (then.start_cents != now.start_cents)
            | (then.end_cents != now.end_cents)
        )
        return found

    def _ends(self, place: int | None) -> tuple[Ints, Ints]:
        if place is None:
            return np.searchsorted(self._days, [number(self.asked.span.first)]), self._rows[-1:]
        return self._rows[place : place + 1], self._rows[place + 1 : place + 2]

    # ---- renewals ----

    def dues_of(self, place: int | None) -> Dues:
        """What was due, account by account, in one period or in all of them, of those who count."""
        mask = self._mask(self._strict, self._rows[:-1], self._rows[1:])
        chosen = np.ones(len(self._dues), np.bool_) if place is None else self._dues.period == place
        if mask is not None:
            chosen &= mask[self._dues.period, self._dues.account]
        return self._dues.chosen(chosen)

    @cached_property
    def _dues(self) -> Dues:
        return renewals.dues(
            self.lines, self.bounds, self.pairs, grace_days=self.asked.grace_days, today=number(self.today)
        )

    def renewals(self, by: Dimension | None = None) -> list[list[Renewals]]:
        """What was due in each period and became of it, by group: strictly and with the grace."""
        opening, closing = self._rows[:-1], self._rows[1:]
        mask = self._mask(self._strict, opening, closing)
        count = len(self.periods)
        if by is None:
            return renewals.summed(self._dues, count, mask=mask)
        if by == Dimension.SEGMENT:
            parts = []
            for key in self.groups(by):
                inside = self._inside(key, count)
                parts.append(
                    renewals.summed(self._dues, count, mask=inside if mask is None else inside & mask)
                )
            return [[part[n][0] for part in parts] for n in range(count)]
        codes = self._codes(by, self._strict, opening, closing)
        return renewals.summed(self._dues, count, len(self.groups(by)), codes, mask)
