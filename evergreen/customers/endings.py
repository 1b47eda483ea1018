"""When the cover of each account came to an end, and whether the account stayed: what forecasts are held against. Pure.

One ending is an account and a day on which something of it was due: the first day that a line does not cover, unless its own
contract goes on without a gap. The account *stayed* when any line covers it at some moment within the grace after that day;
it was *lost* when none does and the grace is over, or when somebody recorded the loss. Until then it is *open*. A line without
an end is held at each anniversary of its start. Days are numbers since 1970-01-01, amounts minor units a year.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from evergreen.customers.lines import NEVER, Flags, Ints, Lines, day, number

_SHIFT = 24
_LIFT = 1 << 20
_MASK = (1 << _SHIFT) - 1


@dataclass(frozen=True, slots=True)
class Endings:
    """One row an ending, by day and account.

    ``account`` is the account's key. ``on`` is the day from which its scores are counted back: the end, or the day on which the
    loss was recorded where that came first. ``decided_on`` is the day from which the outcome was known: the signature of what
    goes on, the record of the loss, or the end of the grace; NEVER while open. ``cents`` is what was due, a year's amount.
    """

    account: Ints
    on: Ints
    decided_on: Ints
    cents: Ints
    is_lost: Flags
    is_open: Flags

    def __len__(self) -> int:
        return len(self.on)

    def chosen(self, mask: Flags | Ints) -> Endings:
        return Endings(*(getattr(self, one.name)[mask] for one in fields(self)))


def endings(
    lines: Lines,
    *,
    since: dt.date,
    today: dt.date,
    grace_days: int,
    recorded: Mapping[int, dt.date] | None = None,
    gone: frozenset[int] = frozenset(),
) -> Endings:
    """The endings from ``since`` to ``today``.

    ``recorded`` is the newest day on which each account (by key) was recorded as lost, ``gone`` are those that are recorded so
    still: for these a line without an end ends on that day. Raises ValueError for a negative grace.
    """
    if grace_days < 0:
        raise ValueError(f"The grace is a number of days from 0 on, {grace_days} given.")
    first, last = number(since), number(today)
    told = np.full(len(lines.accounts), NEVER, np.int64)
    for place, key in enumerate(lines.accounts.tolist()):
        if recorded and key in recorded:
            told[place] = number(recorded[key])
    is_gone = np.isin(lines.accounts, np.fromiter(gone, np.int64, len(gone)))
    # What ends later may have been recorded as lost already.
    account, on, cents = _due(lines, first, NEVER - 1)
    kept = _covers_until(lines.account, lines, account, on + grace_days) > on
    signed = _first_signed(lines, account, on, grace_days)
    known = told[account]
    # A record from before the last renewal, or from long after the end, is of another end.
    is_told = ~kept & (known >= _spell_start(lines, account, on)) & (known <= on + grace_days)
    is_over = on + grace_days <= last
    is_lost = ~kept & (is_told | is_over)
    found = Endings(
        account=lines.accounts[account],
        on=np.where(is_told, np.minimum(known, on), on),
        decided_on=np.where(
            kept, signed, np.where(is_told, known, np.where(is_over, on + grace_days, NEVER))
        ),
        cents=cents,
        is_lost=is_lost,
        is_open=~kept & ~is_lost,
    )
    found = _with_endless(found, lines, first, last, told, is_gone)
    inside = (found.on >= first) & (found.on <= last)
    found = found.chosen(inside)
    return found.chosen(np.lexsort((found.account, found.on)))


def _due(lines: Lines, first: int, last: int) -> tuple[Ints, Ints, Ints]:
    """(account's place, end, a year's amount) of what ends, once an account and day."""
    ending = np.flatnonzero((lines.end >= first) & (lines.end <= last) & (lines.start < lines.end))
    own = _covers_until(lines.contract, lines, lines.contract[ending], lines.end[ending])
    ending = ending[own <= lines.end[ending]]
    keys, row = np.unique((lines.account[ending] << _SHIFT) + lines.end[ending], return_inverse=True)
    cents = np.zeros(len(keys), np.int64)
    np.add.at(cents, row, lines.cents[ending] * 12)
    return keys >> _SHIFT, keys & _MASK, cents


def _covers_until(group: Ints, lines: Lines, asked: Ints, until: Ints) -> Ints:
    """The last end among the lines of each asked group that start no later than ``until``; 0 without any."""
    order = np.lexsort((lines.start, group))
    starts = (group[order] << _SHIFT) + lines.start[order] + _LIFT
    # The group stands above the end, so that the running maximum begins anew with each.
    ends = np.maximum.accumulate((group[order] << _SHIFT) + lines.end[order]) if len(order) else starts
    place = np.searchsorted(starts, (asked << _SHIFT) + until + _LIFT, "right") - 1
    if not len(order):
        return np.zeros(len(asked), np.int64)
    found = ends[np.maximum(place, 0)]
    return np.where((place >= 0) & (found >> _SHIFT == asked), found & _MASK, 0)


def _spell_start(lines: Lines, account: Ints, on: Ints) -> Ints:
    """The latest start of a line of the account that was in force before the end."""
    order = np.lexsort((lines.start, lines.account))
    starts = (lines.account[order] << _SHIFT) + lines.start[order] + _LIFT
    place = np.searchsorted(starts, (account << _SHIFT) + on + _LIFT, "left") - 1
    return lines.start[order][np.maximum(place, 0)] if len(order) else np.zeros(len(on), np.int64)


def _first_signed(lines: Lines, account: Ints, on: Ints, grace_days: int) -> Ints:
    """The earliest signature among the lines that cover the account after the end; NEVER without any."""
    low = np.searchsorted(lines.account, account, "left")
    counts = np.searchsorted(lines.account, account, "right") - low
    row = np.repeat(np.arange(len(account)), counts)
    line = np.repeat(low - (np.cumsum(counts) - counts), counts) + np.arange(len(row))
    covers = (lines.start[line] <= on[row] + grace_days) & (lines.end[line] > on[row])
    found = np.full(len(account), NEVER, np.int64)
    np.minimum.at(found, row[covers], lines.signed[line[covers]])
    return found


def _with_endless(found: Endings, lines: Lines, first: int, last: int, told: Ints, is_gone: Flags) -> Endings:
    """Lines without an end: one ending a year at the anniversary, and the recorded loss as the last."""
    rows: dict[tuple[int, int], tuple[int, bool]] = {}
    for line in np.flatnonzero(lines.end >= NEVER).tolist():
        account = int(lines.account[line])
        until = min(last, int(told[account])) if is_gone[account] else last
        start, cents = day(lines.start[line]), int(lines.cents[line]) * 12
        for year in range(start.year + 1, day(until).year + 1):
            at = number(_anniversary(start, year))
            if first <= at and (at < until or (at == until and not is_gone[account])):
                before = rows.get((account, at), (0, False))[0]
                rows[account, at] = (before + cents, False)
        if is_gone[account] and first <= until and told[account] <= last:
            before = rows.get((account, until), (0, True))[0]
            rows[account, until] = (before + cents, True)
    if not rows:
        return found
    table = np.array([(place, on, cents, lost) for (place, on), (cents, lost) in rows.items()], np.int64)
    key = lines.accounts[table[:, 0]]
    # What ends on the same day by a line with an end is one ending with it.
    there = set(zip(found.account.tolist(), found.on.tolist(), strict=True))
    fresh = np.array([(a, o) not in there for a, o in zip(key.tolist(), table[:, 1].tolist(), strict=True)])
    table, key = table[fresh], key[fresh]
    lost = table[:, 3] == 1
    more = Endings(key, table[:, 1], table[:, 1], table[:, 2], lost, np.zeros(len(table), np.bool_))
    return Endings(
        *(np.concatenate([getattr(found, one.name), getattr(more, one.name)]) for one in fields(Endings))
    )


def _anniversary(start: dt.date, year: int) -> dt.date:
    """The same day of another year; 29 February becomes the 28th."""
    return (
        start.replace(year=year, day=28) if (start.month, start.day) == (2, 29) else start.replace(year=year)
    )
