"""What was due for renewal in each period and what became of it: 续约率 by accounts, 续费率 by amounts. Pure.

Due is a line whose last covered day lies in the period, unless its own contract goes on without a gap (a change within a term).
Amounts are fees a year (MRR × 12), so that a term of two years renewed for one is not half a renewal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields

import numpy as np

from evergreen.customers.lines import Flags, Ints, Lines, Pairs, first_start


@dataclass(frozen=True, slots=True)
class Dues:
    """One row for every account and period in which something of it was due, in order of period and account.

    ``renewed_cents`` are capped at ``due_cents``; the ``late`` ones with the grace, the others strictly (no day without cover).
    ``is_overdue``: nothing followed yet and the grace is not over on the day of looking. ``is_signed_late``: renewed, but the
    signature is later than the end of the old term. ``was_open``: renewed, but not yet signed when the period closed, so that a
    report of that day told it as not renewed. ``due_on`` is the last of the account's ends in the period.
    """

    period: Ints
    account: Ints
    due_cents: Ints
    renewed_cents: Ints
    late_renewed_cents: Ints
    is_renewed: Flags
    is_late_renewed: Flags
    is_overdue: Flags
    is_signed_late: Flags
    was_open: Flags
    due_on: Ints

    def __len__(self) -> int:
        return len(self.period)

    def chosen(self, mask: Flags) -> Dues:
        return Dues(*(getattr(self, one.name)[mask] for one in fields(self)))


@dataclass(frozen=True, slots=True)
class Renewals:
    """Sums over accounts with something due: strictly, and with the grace. Amounts in minor units a year.

    ``overdue`` ones are neither renewed nor lost under the grace and stand out of its denominators.
    """

    due_accounts: int
    renewed_accounts: int
    late_renewed_accounts: int
    overdue_accounts: int
    signed_late_accounts: int
    restated_accounts: int
    due_cents: int
    renewed_cents: int
    late_renewed_cents: int
    overdue_cents: int
    restated_cents: int

    @property
    def account_rate(self) -> float | None:
        """续约率, strict: accounts renewed / due; None when nothing was due."""
        return _share(self.renewed_accounts, self.due_accounts)

    @property
    def amount_rate(self) -> float | None:
        """续费率, strict: amount renewed, capped at due / due."""
        return _share(self.renewed_cents, self.due_cents)

    @property
    def late_account_rate(self) -> float | None:
        """续约率 with the grace: renewed / (due - overdue)."""
        return _share(self.late_renewed_accounts, self.due_accounts - self.overdue_accounts)

    @property
    def late_amount_rate(self) -> float | None:
        """续费率 with the grace: renewed / (due - overdue)."""
        return _share(self.late_renewed_cents, self.due_cents - self.overdue_cents)

    @property
    def closed_account_rate(self) -> float | None:
        """续约率 as it was told when the period closed: without what was signed and dated back since."""
        return _share(self.renewed_accounts - self.restated_accounts, self.due_accounts)

    @property
    def lost_accounts(self) -> int:
        """Neither renewed with the grace nor overdue."""
        return self.due_accounts - self.late_renewed_accounts - self.overdue_accounts

    @property
    def lost_cents(self) -> int:
        return self.due_cents - self.late_renewed_cents - self.overdue_cents


def together(rows: Iterable[Renewals]) -> Renewals:
    """The sums of several, as of several periods."""
    nothing = [0] * len(fields(Renewals))
    return Renewals(*map(sum, zip(nothing, *map(astuple, rows), strict=True)))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def dues(lines: Lines, bounds: Ints, found: Pairs, *, grace_days: int, today: int) -> Dues:
    """What was due in the periods between ``bounds`` and up to ``today``.

    ``found`` are the pairs of the lines that end within the bounds, for at least that grace.
    """
    until = min(int(bounds[-1]), today)
    ends = (lines.end > bounds[0]) & (lines.end <= until) & (lines.start < lines.end)
    same = lines.contract[found.ending] == lines.contract[found.following]
    goes_on = same & (lines.start[found.following] <= lines.end[found.ending])
    ends[found.ending[goes_on]] = False
    due = np.flatnonzero(ends)
    width = max(1, len(lines.accounts))
    period = np.searchsorted(bounds, lines.end[due], "left") - 1
    keys, row = np.unique(period * width + lines.account[due], return_inverse=True)
    row_of = np.full(len(lines), -1, np.int64)
    row_of[due] = row
    count = len(keys)
    due_cents = _added(row, lines.cents[due] * 12, count)
    last_end = np.zeros(count, np.int64)
    np.maximum.at(last_end, row, lines.end[due])

    late_pairs = found.chosen(
        (row_of[found.ending] >= 0) & (lines.start[found.following] <= lines.end[found.ending] + grace_days)
    )
    strict_pairs = late_pairs.chosen(lines.start[late_pairs.following] <= lines.end[late_pairs.ending])
    renewed, is_renewed = _followed(lines, strict_pairs, row_of, count)
    late_renewed, is_late_renewed = _followed(lines, late_pairs, row_of, count)
    open_still = np.zeros(count, np.bool_)
    open_still[row[lines.end[due] + grace_days > today]] = True
    signed = _first_signed(lines, late_pairs, row_of, count)
    signed_strictly = _first_signed(lines, strict_pairs, row_of, count)
    period = keys // width
    return Dues(
        period=period,
        account=keys % width,
        due_cents=due_cents,
        renewed_cents=np.minimum(renewed, due_cents),
        late_renewed_cents=np.minimum(late_renewed, due_cents),
        is_renewed=is_renewed,
        is_late_renewed=is_late_renewed,
        is_overdue=open_still & ~is_late_renewed,
        is_signed_late=is_late_renewed & (signed > last_end),
        was_open=is_renewed & (signed_strictly > bounds[period + 1]),
        due_on=last_end,
    )


def _followed(lines: Lines, found: Pairs, row_of: Ints, count: int) -> tuple[Ints, Flags]:
    """A year's amount of what follows, each line once an account and period, on the first day on which any of it covers."""
    begins = first_start(lines, found)
    on = np.maximum(lines.end[found.ending], begins[found.ending])
    covers = (lines.start[found.following] <= on) & (lines.end[found.following] > on)
    rows = row_of[found.ending[covers]]
    once = np.unique(rows * max(1, len(lines)) + found.following[covers])
    rows, following = np.divmod(once, max(1, len(lines)))
    is_followed = np.zeros(count, np.bool_)
    is_followed[rows] = True
    return _added(rows, lines.cents[following] * 12, count), is_followed


def _first_signed(lines: Lines, found: Pairs, row_of: Ints, count: int) -> Ints:
    first = np.full(count, np.iinfo(np.int64).max, np.int64)
    np.minimum.at(first, row_of[found.ending], lines.signed[found.following])
    return first


def _added(row: Ints, cents: Ints, count: int) -> Ints:
    total = np.zeros(count, np.int64)
    np.add.at(total, row, cents)
    return total


def summed(
    found: Dues, periods: int, groups: int = 1, codes: Ints | None = None, mask: Flags | None = None
) -> list[list[Renewals]]:
    """Sums by period and group. ``codes`` (periods, accounts) say the group of each, ``mask`` likewise who counts."""
    chosen = np.arange(len(found))
    if mask is not None:
        chosen = chosen[mask[found.period, found.account]]
    cell = found.period[chosen] * groups
    if codes is not None:
        cell = cell + codes[found.period[chosen], found.account[chosen]]
    cells = periods * groups

    def accounts(flags: Flags | None = None) -> list[int]:
        return np.bincount(cell if flags is None else cell[flags[chosen]], minlength=cells).tolist()  # type: ignore[no-any-return]

    def cents(amounts: Ints, flags: Flags | None = None) -> list[int]:
        worth = amounts[chosen] if flags is None else np.where(flags[chosen], amounts[chosen], 0)
        return _added(cell, worth, cells).tolist()  # type: ignore[no-any-return]

    table = zip(
        accounts(),
        accounts(found.is_renewed),
        accounts(found.is_late_renewed),
        accounts(found.is_overdue),
        accounts(found.is_signed_late),
        accounts(found.was_open),
        cents(found.due_cents),
        cents(found.renewed_cents),
        cents(found.late_renewed_cents),
        cents(found.due_cents, found.is_overdue),
        cents(found.renewed_cents, found.was_open),
        strict=True,
    )
    rows = [Renewals(*one) for one in table]
    return [rows[n * groups : (n + 1) * groups] for n in range(periods)]
