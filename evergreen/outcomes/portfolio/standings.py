"""What every account pays on every boundary, in one pass over the lines. Pure.

A line adds its amount at the first boundary that it covers and takes it away at the first that it no longer covers; the running
sum down the boundaries is what is paid. So 36 months cost one pass over the lines and one over the table, in whole minor units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evergreen.customers.lines import NEVER, Flags, Ints, Lines, Pairs, first_start, spread


@dataclass(frozen=True, slots=True)
class Side:
    """Days (rows) by accounts (columns): whether the account is active, what it pays a month, and the overdue part of that."""

    active: Flags
    cents: Ints
    overdue_cents: Ints

    def rows(self, chosen: Ints) -> Side:
        return Side(self.active[chosen], self.cents[chosen], self.overdue_cents[chosen])


def standings(lines: Lines, bounds: Ints, *, grace_days: int = 0, followed: Pairs | None = None) -> Side:
    """What every account pays on each of the days ``bounds`` (ascending).

    With ``grace_days`` a line that ended and that nothing followed yet still counts for so many days, as overdue for renewal;
    ``followed`` are the pairs of the lines that end within the bounds or up to the grace before, for at least that grace.
    """
    shape = (len(bounds), len(lines.accounts))
    begins = np.searchsorted(bounds, lines.start, "left")
    ends = np.searchsorted(bounds, lines.end, "left")
    covered, cents = _running(shape, lines, begins, ends)
    if not grace_days:
        return Side(covered > 0, cents, np.broadcast_to(np.int64(0), shape))
    assert followed is not None
    until = overdue_until(lines, followed, grace_days)
    late, overdue = _running(shape, lines, ends, np.searchsorted(bounds, until, "left"))
    return Side((covered + late) > 0, cents + overdue, overdue)


def overdue_until(lines: Lines, followed: Pairs, grace_days: int) -> Ints:
    """The first day on which an ended line is no longer overdue: the grace is over, or something that follows it has begun."""
    over = np.minimum(lines.end + grace_days, first_start(lines, followed))
    return np.where(lines.end >= NEVER, lines.end, np.maximum(over, lines.end))


def paid_on(lines: Lines, until: Ints, accounts: Ints, days: Ints) -> Ints:
    """What each of some accounts pays a month on a day of its own. ``until`` is the first day on which a line no longer counts
    (``overdue_until``, else its end). Minor units; 0 for an account without a line."""
    place = np.searchsorted(lines.accounts, accounts)
    low, high = (np.searchsorted(lines.account, place, side) for side in ("left", "right"))
    known = np.zeros(len(accounts), np.bool_)
    inside = place < len(lines.accounts)
    known[inside] = lines.accounts[place[inside]] == accounts[inside]
    unit, row = spread(np.arange(len(accounts)), low, np.where(known, high, low))
    counts = (lines.start[row] <= days[unit]) & (np.maximum(until, lines.end)[row] > days[unit])
    found = np.zeros(len(accounts), np.int64)
    np.add.at(found, unit[counts], lines.cents[row[counts]])
    return found


def at_close(lines: Lines, bounds: Ints) -> tuple[Side, Side]:
    """Opening and closing of each period as contracts signed by its last day told it: what a report drawn that day said.

    Without grace. A line whose contract was signed later than it starts (dated back) counts from its signature on.
    """
    shape = (len(bounds), len(lines.accounts))
    ends = np.searchsorted(bounds, lines.end, "left")
    begins = np.searchsorted(bounds, lines.start, "left")
    known = np.searchsorted(bounds, lines.signed, "left")
    none = np.broadcast_to(np.int64(0), shape)
    covered, cents = _running(shape, lines, np.maximum(begins, known), ends)
    closing = Side(covered > 0, cents, none).rows(np.arange(1, shape[0]))
    # The opening of a period is told at its close, one boundary later.
    covered, cents = _running(shape, lines, np.maximum(begins, known - 1), ends)
    return Side(covered > 0, cents, none).rows(np.arange(shape[0] - 1)), closing


def _running(shape: tuple[int, int], lines: Lines, begins: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """How many lines, and how much, from boundary ``begins`` up to before ``ends``: (days, accounts) each."""
    lasts = begins < ends
    place, begins, ends, worth = lines.account[lasts], begins[lasts], ends[lasts], lines.cents[lasts]
    width = shape[1]
    count = np.zeros((shape[0] + 1) * width, np.int64)
    cents = np.zeros_like(count)
    for row, sign in ((begins, 1), (ends, -1)):
        cell = row * width + place
        np.add.at(count, cell, sign)
        np.add.at(cents, cell, sign * worth)
    whole = (shape[0] + 1, width)
    return _summed_down(count.reshape(whole)), _summed_down(cents.reshape(whole))


def _summed_down(table: Ints) -> Ints:
    """The running sum down the rows, in place; a row at a time goes along memory, as ``cumsum`` would not."""
    for row in range(1, len(table)):
        table[row] += table[row - 1]
    return table[:-1]


def editions(lines: Lines, bounds: Ints, until: Ints | None = None) -> Ints:
    """The edition that each account pays most for on each day (days, accounts), NONE without a line that says one.

    ``until`` is the first day on which a line no longer counts (its end, or the end of its being overdue).
    """
    over = lines.end if until is None else np.maximum(until, lines.end)
    found = np.full((len(bounds), len(lines.accounts)), -1, np.int64)
    rising = np.lexsort((lines.edition, lines.cents))
    rising = rising[lines.edition[rising] >= 0]
    for row, day in enumerate(bounds):
        here = rising[(lines.start[rising] <= day) & (over[rising] > day)]
        found[row, lines.account[here]] = lines.edition[here]
    return found
