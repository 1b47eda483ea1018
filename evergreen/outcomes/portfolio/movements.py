"""What became of each account's recurring revenue in each period, and its sums over groups. Pure, in whole minor units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evergreen.outcomes.portfolio.lines import Flags, Ints
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
    kind = np.select(
        [
            ~opening.active & ~closing.active,
            ~closing.active,
            ~opening.active & was_before,
            ~opening.active,
            closing.cents > opening.cents,
            closing.cents < opening.cents,
        ],
        [
            np.int8(0),
            *(np.int8(CODES[one]) for one in (Kind.CHURNED, Kind.REACTIVATED, Kind.NEW, Kind.EXPANSION, Kind.CONTRACTION)),
        ],
        np.int8(CODES[Kind.SAME]),
    )  # fmt: skip
    return Moves(kind.astype(np.int8), opening.cents, closing.cents, closing.overdue_cents)


def summed(
    found: Moves, groups: int = 1, codes: Ints | None = None, mask: Flags | None = None
) -> list[list[Portfolio]]:
    """The figures of each period and group. ``codes`` say each account's group in each period, ``mask`` who counts at all.

    Every sum is one of integers: cells add up to their total to the minor unit.
    """
    periods = len(found.kind)
    counted = found.kind > 0
    if mask is not None:
        counted &= mask
    row, place = np.nonzero(counted)
    group = 0 if codes is None else np.broadcast_to(codes, counted.shape)[row, place]
    kind = found.kind[row, place].astype(np.int64)
    start, end = found.start_cents[row, place], found.end_cents[row, place]
    late = found.overdue_cents[row, place]
    cell = row * groups + group
    cells = periods * groups
    by_kind = cell * _WIDTH + kind
    accounts = np.bincount(by_kind, minlength=cells * _WIDTH).reshape(periods, groups, _WIDTH)
    moved = _sums(by_kind, np.abs(end - start), cells * _WIDTH).reshape(periods, groups, _WIDTH)
    starts, ends, lates = (_sums(cell, part, cells).reshape(periods, groups) for part in (start, end, late))
    overdue = np.bincount(cell[late != 0], minlength=cells).reshape(periods, groups)
    return [
        [
            _figures(
                accounts[p, g].tolist(), moved[p, g].tolist(), int(starts[p, g]), int(ends[p, g]),
                int(lates[p, g]), int(overdue[p, g]),
            )
            for g in range(groups)
        ]
        for p in range(periods)
    ]  # fmt: skip


def _sums(cell: Ints, cents: Ints, cells: int) -> Ints:
    total = np.zeros(cells, np.int64)
    np.add.at(total, cell, cents)
    return total


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
