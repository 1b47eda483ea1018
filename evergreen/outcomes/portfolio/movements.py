"""What became of each account's recurring revenue in each period, and its sums over groups. Pure, in whole minor units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evergreen.customers.lines import Flags, Ints
from evergreen.outcomes.portfolio.standings import Side
from evergreen.outcomes.revenue import Kind, Portfolio

# The code of an account that is active on neither day is 0.
KINDS = (Kind.SAME, Kind.NEW, Kind.REACTIVATED, Kind.EXPANSION, Kind.CONTRACTION, Kind.CHURNED)
CODES = {kind: code for code, kind in enumerate(KINDS, start=1)}
_WIDTH = len(KINDS) + 1


@dataclass(frozen=True, slots=True)
class Moves:
    """Periods (rows) by accounts (columns)."""

    kind: NDArray[np.int8]
    start_cents: Ints
    end_cents: Ints
    overdue_cents: Ints


def moves(opening: Side, closing: Side, firsts: Ints, began: Ints) -> Moves:
    """The movement of every account in every period.

    ``firsts`` are the first days of the periods, ``began`` the earliest start of any line of each account: who began before the
    period and is active only at its end has come back.
    """
    was_before = began[None, :] <= firsts[:, None]
    before, after = opening.active, closing.active
    stayed = before & after
    # By the codes: same 1, new 2, reactivated 3, expansion 4, contraction 5, churned 6.
    kind = stayed.astype(np.int8)
    kind += (stayed & (closing.cents > opening.cents)).view(np.int8) * np.int8(3)
    kind += (stayed & (closing.cents < opening.cents)).view(np.int8) * np.int8(4)
    came = ~before & after
    kind += came.view(np.int8) * np.int8(2)
    kind += (came & was_before).view(np.int8)
    kind += (before & ~after).view(np.int8) * np.int8(6)
    return Moves(kind, opening.cents, closing.cents, closing.overdue_cents)


def summed(
    found: Moves, groups: int = 1, codes: Ints | None = None, mask: Flags | None = None
) -> list[list[Portfolio]]:
    """The figures of each period and group. ``codes`` say each account's group in each period, ``mask`` who counts at all.

    Every sum is one of integers: cells add up to their total to the minor unit.
    """
    periods = len(found.kind)
    kind = found.kind if mask is None else np.where(mask, found.kind, np.int8(0))
    cell = kind + np.arange(0, periods * groups * _WIDTH, groups * _WIDTH)[:, None]
    if codes is not None:
        cell += np.broadcast_to(codes, kind.shape) * _WIDTH
    cell = cell.ravel()
    cells = periods * groups * _WIDTH

    def table(flat: Ints) -> Ints:
        """By period, group and kind, without those that are active on neither day or do not count."""
        sums = flat.reshape(periods, groups, _WIDTH)
        sums[:, :, 0] = 0
        return sums

    accounts = table(np.bincount(cell, minlength=cells))
    start, end = (table(_sums(cell, part, cells)) for part in (found.start_cents, found.end_cents))
    late_cells = np.flatnonzero(found.overdue_cents) if found.overdue_cents.any() else np.zeros(0, np.int64)
    late = table(_sums(cell[late_cells], found.overdue_cents.ravel()[late_cells], cells))
    overdue = table(np.bincount(cell[late_cells], minlength=cells))
    # Within a kind all differences have one sign.
    moved = np.abs(end - start)
    return [
        [
            _figures(
                accounts[p, g].tolist(), moved[p, g].tolist(), int(start[p, g].sum()), int(end[p, g].sum()),
                int(late[p, g].sum()), int(overdue[p, g].sum()),
            )
            for g in range(groups)
        ]
        for p in range(periods)
    ]  # fmt: skip


# Sums of amounts in two halves, each exact in the floats that bincount adds.
_LOW_BITS = 26


def _sums(cell: Ints, cents: Ints, cells: int) -> Ints:
    """The exact sum of the amounts of each cell."""
    flat = cents.ravel()
    high = np.bincount(cell, flat >> _LOW_BITS, cells)
    low = np.bincount(cell, flat & ((1 << _LOW_BITS) - 1), cells)
    return (high.astype(np.int64) << _LOW_BITS) + low.astype(np.int64)


def _figures(
    accounts: list[int], cents: list[int], start: int, end: int, late: int, overdue: int
) -> Portfolio:
    new, back, more, less, lost = (
        CODES[one] for one in (Kind.NEW, Kind.REACTIVATED, Kind.EXPANSION, Kind.CONTRACTION, Kind.CHURNED)
    )
    everybody = sum(accounts)
    return Portfolio(
        start_accounts=everybody - accounts[new] - accounts[back],
        end_accounts=everybody - accounts[lost],
        churned_accounts=accounts[lost],
        new_accounts=accounts[new],
        reactivated_accounts=accounts[back],
        overdue_accounts=overdue,
        start_mrr_cents=start,
        new_mrr_cents=cents[new],
        reactivated_mrr_cents=cents[back],
        expansion_mrr_cents=cents[more],
        contraction_mrr_cents=cents[less],
        churned_mrr_cents=cents[lost],
        end_mrr_cents=end,
        overdue_mrr_cents=late,
    )
