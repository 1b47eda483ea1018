"""Contract lines as columns, and what follows a line that ends. Pure; days are numbers since 1970-01-01."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

EPOCH = dt.date(1970, 1, 1)
# The end of a line that has none, and a day that never comes.
NEVER = 1 << 22
# What an account or contract has that is not known.
NONE = -1
# Days are lifted above 0 when they share a number with a key.
_LIFT = 1 << 20
_SHIFT = 24

Row = tuple[int, int, int, int | None, int | None, int, int | None, int | None]
"""(account, contract, start, end, signed, minor units a month, edition, contract that renews), days as numbers."""


def number(day: dt.date) -> int:
    return (day - EPOCH).days


def day(number: int) -> dt.date:
    return EPOCH + dt.timedelta(days=int(number))


@dataclass(frozen=True, slots=True)
class Lines:
    """Subscription lines that are no trial, in order of account, start and amount, in one currency.

    ``accounts`` are the keys of the accounts, ascending; ``account`` is each line's place among them. ``end`` is the first day not
    covered, NEVER when open-ended. ``signed`` is the day of its contract's signature, never later than ``start`` where it is not
    known. ``edition`` and ``renewed_by`` are NONE where not known.
    """

    accounts: Ints
    account: Ints
    contract: Ints
    start: Ints
    end: Ints
    signed: Ints
    cents: Ints
    edition: Ints
    renewed_by: Ints

    def __len__(self) -> int:
        return len(self.start)


def columns(rows: Iterable[Row]) -> Lines:
    """Rows as columns."""
    table = np.array(
        [
            (
                account,
                contract,
                start,
                NEVER if end is None else end,
                start if signed is None else signed,
                cents,
                NONE if edition is None else edition,
                NONE if renewed_by is None else renewed_by,
            )
            for account, contract, start, end, signed, cents, edition, renewed_by in rows
        ],
        np.int64,
    ).reshape(-1, 8)
    return of_table(table)


def of_table(table: Ints) -> Lines:
    """Eight columns as ``Row`` names them, without gaps: NEVER, the start and NONE stand in for what is not known."""
    order = np.lexsort((table[:, 5], table[:, 2], table[:, 0]))
    account, contract, start, end, signed, cents, edition, renewed_by = np.ascontiguousarray(table[order].T)
    accounts, place = np.unique(account, return_inverse=True)
    return Lines(accounts, place.astype(np.int64), contract, start, end, signed, cents, edition, renewed_by)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Lines that end (``ending``) and the lines that follow them, as places among the lines; sorted by the ending one."""

    ending: Ints
    following: Ints

    def chosen(self, mask: Flags) -> Pairs:
        return Pairs(self.ending[mask], self.following[mask])


def pairs(lines: Lines, since: int, until: int, grace_days: int) -> Pairs:
    """Every line that ends from ``since`` to ``until``, with each line that follows it and starts no later than its end + grace.

    What follows a line is what ``revenue.follows`` says: the contract that renews its own, else a line that takes its place.
    """
    wanted = np.flatnonzero((lines.end >= since) & (lines.end <= until))
    by_link = _linked(lines, wanted[lines.renewed_by[wanted] != NONE], grace_days)
    by_kind = _taking_over(lines, wanted, grace_days)
    ending = np.concatenate([by_link.ending, by_kind.ending])
    following = np.concatenate([by_link.following, by_kind.following])
    order = np.argsort(ending, kind="stable")
    return Pairs(ending[order], following[order])


def _linked(lines: Lines, wanted: Ints, grace_days: int) -> Pairs:
    order = np.argsort(lines.contract, kind="stable")
    contracts = lines.contract[order]
    renewing = lines.renewed_by[wanted]
    ending, place = spread(
        wanted, np.searchsorted(contracts, renewing, "left"), np.searchsorted(contracts, renewing, "right")
    )
    following = order[place]
    fits = lines.account[following] == lines.account[ending]
    fits &= lines.start[following] <= lines.end[ending] + grace_days
    fits &= following != ending
    return Pairs(ending[fits], following[fits])


def _taking_over(lines: Lines, wanted: Ints, grace_days: int) -> Pairs:
    """By account and start the lines are sorted already, so what may follow a line is one run of them."""
    keys = _key(lines.account, lines.start)
    low = np.searchsorted(keys, _key(lines.account[wanted], lines.start[wanted] + 1), "left")
    high = np.searchsorted(keys, _key(lines.account[wanted], lines.end[wanted] + grace_days), "right")
    ending, following = spread(wanted, low, high)
    mine, other = lines.edition[ending], lines.edition[following]
    fits = (mine == other) | (mine == NONE) | (other == NONE) | (lines.start[following] >= lines.end[ending])
    fits &= lines.end[following] > lines.end[ending]
    is_own = lines.contract[following] == lines.contract[ending]
    fits &= (lines.renewed_by[ending] == NONE) | is_own
    # What renews it is among the linked ones already.
    fits &= lines.contract[following] != lines.renewed_by[ending]
    return Pairs(ending[fits], following[fits])


def _key(account: Ints, day: Ints) -> Ints:
    return (account << _SHIFT) + day + _LIFT


def spread(wanted: Ints, low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """Each wanted line as often as it has places from ``low`` to before ``high``, and those places."""
    counts = np.maximum(high - low, 0)
    owner = np.repeat(wanted, counts)
    first = np.repeat(low - (np.cumsum(counts) - counts), counts)
    return owner, first + np.arange(len(owner))


def first_start(lines: Lines, found: Pairs) -> Ints:
    """For every line the earliest start among those that follow it, NEVER without any."""
    starts = np.full(len(lines), NEVER, np.int64)
    if len(found.ending):
        edges = np.flatnonzero(np.diff(found.ending, prepend=-1))
        starts[found.ending[edges]] = np.minimum.reduceat(lines.start[found.following], edges)
    return starts
