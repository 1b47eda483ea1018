"""Cases: an account on a day of which each kind of purchase is asked, its signs as they were known then, and whether it bought."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evergreen.base import queries as base_queries
from evergreen.base.measures import Reals, Truths
from evergreen.customers.lines import NONE, Flags, Ints, number
from evergreen.events import store
from evergreen.foresight.expansion import alike, buying, catalogue, past, signs, values
from evergreen.foresight.expansion.alike import Alike
from evergreen.foresight.expansion.buying import Kind, Lines, Purchases
from evergreen.foresight.expansion.catalogue import Catalogue
from evergreen.foresight.expansion.past import Standing
from evergreen.foresight.expansion.signs import HORIZON_DAYS
from evergreen.foresight.history import sets
from evergreen.metrics.queries import snapshot_span

if TYPE_CHECKING:
    import duckdb

EVERY_DAYS = 28
Tell = Callable[[str, int, int], None]
# The features together weigh in a distance as three figures do, industry and tier as two each.
_FEATURES_WEIGH = 3.0
_WORDS_WEIGH = 2.0
_FIGURES = (
    "active_users_28d", "events_28d", "features_used_28d", "feature_adoption", "core_depth", "stickiness", "contract_age_days",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cases:
    """Of one kind, by day and account. ``row`` is each one's place in the standing, ``target`` the edition or product that would be
    bought (NONE for seats), ``flags`` rows × signs, ``bought`` whether it did within 90 days (False while that is not over),
    ``value`` what it would bring a year.
    """

    kind: Kind
    row: Ints
    account: Ints
    day: Ints
    target: Ints
    flags: Flags
    value: Reals
    bought: Truths
    alike_count: Ints
    alike_bought: Ints
    alike_share: Reals
    base: Reals
    neighbours: dict[int, list[int]]

    def __len__(self) -> int:
        return len(self.account)


@dataclass(frozen=True, slots=True)
class States:
    """Rows × what makes accounts alike: columns in blocks, each from a place on with what it weighs together (None: one a column)."""

    values: Reals
    blocks: tuple[tuple[int, float | None], ...]

    def near(self, asked: Ints, like: Ints) -> tuple[Reals, Reals]:
        """Some rows and those they are compared with, in spreads of the latter."""
        cases_ = self.values[like]
        return self._scaled(self.values[asked], cases_), self._scaled(cases_, cases_)

    def _scaled(self, rows: Reals, like: Reals) -> Reals:
        spread = alike.standardised(rows, like)
        ends = [*(start for start, _weight in self.blocks[1:]), rows.shape[1]]
        for (start, weight), end in zip(self.blocks, ends, strict=True):
            if weight is None:
                continue
            # What nobody among them differs in says nothing, so it takes no weight from the others.
            used = max(1, int((np.nan_to_num(like[:, start:end]).std(axis=0) > 0).sum())) if len(like) else 1
            spread[:, start:end] *= np.sqrt(weight / used)
        return spread


@dataclass(frozen=True, slots=True)
class History:
    """Everything that cases are read from: how accounts stood every four weeks up to ``last``, and what they bought."""

    first: int
    last: int
    lines: Lines
    purchases: Purchases
    catalogue: Catalogue
    standing: Standing
    limit: Reals
    limit_name: list[str]
    states: States

    @property
    def days(self) -> Ints:
        """The days that were looked back to, oldest first."""
        return np.unique(self.standing.day)


def read(con: duckdb.DuckDBPyConnection, last: dt.date | None = None) -> History | None:
    """The history up to a day (else to the newest snapshot); None before the first snapshot or contract."""
    span = snapshot_span(con, last)
    lines = buying.read()
    if span is None or not len(lines):
        return None
    end = number(span.newest)
    days = list(range(end, number(span.first) - 1, -EVERY_DAYS))[::-1]
    standing = past.standing(con, lines, days, _scorecard())
    sold = catalogue.read()
    names, uses = past.use_of_features(con, standing.account, standing.day)
    limit, limit_name = _limits(standing, sold, names, uses)
    return History(
        days[0],
        end,
        lines,
        buying.purchases(lines, sold),
        sold,
        standing,
        limit,
        limit_name,
        _states(standing, uses),
    )


def reading(last: dt.date | None = None) -> History | None:
    """The history by the process's own read-only connection."""
    return read(store.reading(), last)


def cases(history: History, kind: Kind, tell: Tell | None = None) -> Cases:
    """The cases of a kind on every day of the history; a day's look-alikes and prices are those known at its end."""
    rows, target = _eligible(history, kind)
    standing = history.standing
    account, day = standing.account[rows], standing.day[rows]
    mine = history.purchases.of(kind)
    bought = _bought(mine, kind, account, day, target)
    is_over = day + HORIZON_DAYS <= history.last
    value = np.full(len(rows), np.nan)
    count, hits = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    share, base = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    neighbours: dict[int, list[int]] = {}
    turns = np.unique(np.column_stack([day, target]), axis=0).tolist()
    for turn, (on, wanted) in enumerate(turns):
        if tell:
            tell(f"look-alikes: {kind.value}", turn, len(turns))
        asked = np.flatnonzero((day == on) & (target == wanted))
        same = target == wanted if kind is Kind.PRODUCT else np.ones(len(rows), np.bool_)
        # Only those whose ninety days were over by then can be said to have bought or not.
        told = np.flatnonzero(same & (day + HORIZON_DAYS <= on))
        rate = (bought[told].sum() + 0.5) / (len(told) + 1)
        near = _alike(history, rows[asked], rows[told], bought[told], float(rate))
        count[asked], hits[asked], share[asked], base[asked] = near.count, near.bought, near.share, rate
        if on == history.last:
            neighbours |= _neighbours(near, asked, account[told], bought[told])
        value[asked] = _values(history, kind, rows[asked], wanted, mine, on)
    seen = signs.Seen(standing.chosen(rows), history.limit[rows], share, base)
    flags = signs.read(kind, seen)
    return Cases(
        kind, rows, account, day, target, flags, value, bought & is_over, count, hits, share, base, neighbours
    )


def _scorecard() -> str:
    return str(base_queries.setting("scorecard"))


def _eligible(history: History, kind: Kind) -> tuple[Ints, Ints]:
    """The rows of the standing that may buy of a kind, and what: nobody who has signed for it already."""
    standing = history.standing
    every = np.arange(len(standing))
    if kind is Kind.SEATS:
        rows, target = np.flatnonzero(standing.seats > 0), None
    elif kind is Kind.EDITION:
        above = {
            one: history.catalogue.next_above(one) or NONE for one in np.unique(standing.edition).tolist()
        }
        wanted = np.array([above[one] for one in standing.edition.tolist()], np.int64)
        rows = np.flatnonzero(wanted != NONE)
        target = wanted[rows]
    else:
        pairs = [_without(history, product) for product in history.catalogue.products]
        rows = np.concatenate(pairs) if pairs else every[:0]
        target = (
            np.concatenate(
                [np.full(len(pair), one) for pair, one in zip(pairs, history.catalogue.products, strict=True)]
            )
            if pairs
            else every[:0]
        )
    if target is None:
        target = np.full(len(rows), NONE, np.int64)
    order = np.lexsort((target, standing.account[rows], standing.day[rows]))
    rows, target = rows[order], target[order].astype(np.int64)
    signed = history.purchases.of(kind)
    waits = np.zeros(len(rows), np.bool_)
    for account, product, since, until in zip(
        signed.account.tolist(),
        signed.product.tolist(),
        signed.bought.tolist(),
        signed.start.tolist(),
        strict=True,
    ):
        if until > since:
            low, high = np.searchsorted(standing.day[rows], [since, until])
            part = slice(int(low), int(high))
            waits[part] |= (standing.account[rows[part]] == account) & (
                (target[part] == product) if kind is Kind.PRODUCT else True
            )
    return rows[~waits], target[~waits]


def _without(history: History, product: int) -> Ints:
    """Rows of accounts that hold something and never held a product by then."""
    standing, lines = history.standing, history.lines
    mine = lines.product == product
    accounts, place = np.unique(lines.account[mine], return_inverse=True)
    since = np.full(len(accounts), np.iinfo(np.int64).max)
    np.minimum.at(since, place, np.maximum(lines.start[mine], lines.known[mine]))
    at = np.searchsorted(accounts, standing.account)
    at = np.minimum(at, max(len(accounts) - 1, 0))
    had = (accounts[at] == standing.account) & (since[at] <= standing.day) if len(accounts) else False
    return np.flatnonzero(~np.broadcast_to(had, len(standing)))


def _bought(mine: Purchases, kind: Kind, account: Ints, day: Ints, target: Ints) -> Truths:
    if kind is not Kind.PRODUCT:
        return np.asarray(mine.within(account, day, HORIZON_DAYS))
    found = np.zeros(len(account), np.bool_)
    for product in np.unique(target).tolist():
        rows = np.flatnonzero(target == product)
        found[rows] = mine.chosen(mine.product == product).within(account[rows], day[rows], HORIZON_DAYS)
    return found


def _alike(history: History, asked: Ints, told: Ints, bought: Truths, base: float) -> Alike:
    kept = alike.some_cases(len(told))
    account = history.standing.account
    mine, others = history.states.near(asked, told[kept])
    near = alike.alike(mine, account[asked], others, account[told[kept]], bought[kept], base)
    places = np.where(near.places >= 0, kept[np.maximum(near.places, 0)] if len(kept) else -1, -1)
    return Alike(places, near.count, near.bought, near.share, near.base)


def _states(standing: Standing, uses: Reals) -> States:
    """Size and use, industry and tier, features used."""
    words = sets.of_accounts(standing.account, standing.day)
    with np.errstate(invalid="ignore", divide="ignore"):
        load = np.where(standing.seats > 0, standing.used / standing.seats, np.nan)
        figures = [np.log1p(np.fmax(standing.figures[key], 0.0)) for key in _FIGURES]
    figures += [np.log1p(standing.seats), np.log1p(np.fmax(standing.cents, 0.0)), load, standing.score]
    marks = [
        (words[name][:, None] == np.unique(words[name].astype(str))).astype(np.float64)
        for name in ("record:industry", "record:tier")
    ]
    columns = [np.column_stack(figures), *marks, np.log1p(uses)]
    starts = np.cumsum([0, *(one.shape[1] for one in columns[:-1])]).tolist()
    weights = (None, _WORDS_WEIGH, _WORDS_WEIGH, _FEATURES_WEIGH)
    return States(np.column_stack(columns), tuple(zip(starts, weights, strict=True)))


def _limits(
    standing: Standing, sold: Catalogue, names: Sequence[str], uses: Reals
) -> tuple[Reals, list[str]]:
    """Of each row the greatest share used of any limit of its edition, and the feature it is of ('' without)."""
    share, name = np.zeros(len(standing)), [""] * len(standing)
    column = {one: place for place, one in enumerate(names)}
    for key, edition in sold.editions.items():
        rows = np.flatnonzero(standing.edition == key)
        for feature, most in edition.limits.items():
            used = uses[rows, column[feature]] if feature in column else np.zeros(len(rows))
            for row, one in zip(rows.tolist(), (used / most).tolist(), strict=True):
                if one > share[row]:
                    share[row], name[row] = one, feature
    return share, name


def _neighbours(near: Alike, asked: Ints, account: Ints, bought: Truths) -> dict[int, list[int]]:
    """Of each asked case the look-alikes that bought, nearest first."""
    return {
        int(case): [int(account[one]) for one in near.places[row] if one >= 0 and bought[one]]
        for row, case in enumerate(asked.tolist())
    }


def _values(history: History, kind: Kind, rows: Ints, target: int, mine: Purchases, on: int) -> Reals:
    if kind is Kind.SEATS:
        standing = history.standing.chosen(rows)
        return values.seats_wanted(standing, share_of(mine, on)) * standing.seat_cents
    day_rows = np.flatnonzero(history.standing.day == on)
    whole = history.standing.chosen(day_rows)
    place = np.searchsorted(day_rows, rows)
    if kind is Kind.EDITION:
        targets = np.full(len(day_rows), NONE, np.int64)
        targets[place] = target
        return values.of_edition(whole, targets)[place]
    held = history.lines.held_on(on)
    held = held.chosen(held.product == target)
    at = np.searchsorted(whole.account, held.account)
    cents = np.bincount(at, np.nan_to_num(held.cents), minlength=len(whole)).astype(np.float64)
    return values.of_product(whole, cents, cents > 0)[place]


def share_of(mine: Purchases, on: int) -> float:
    """By how much buyers of seats enlarged, as known at the end of a day."""
    known = mine.chosen(mine.bought <= on)
    return values.typical_share(known.seats, known.had)
