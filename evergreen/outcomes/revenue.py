"""What became of the recurring revenue between two days: movements that add up to the cent, GRR, NRR, churn. Pure.

The definitions are those of docs/portfolio.md (after the SaaS Metrics Standards Board: GRR and NRR over the accounts active at
the start, GRR capped at each account's own start before summing).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from evergreen.customers.rules import in_force


@dataclass(frozen=True, slots=True)
class Line:
    """A subscription line that is no trial: ``end_on`` is the first day not covered, None is open-ended.

    ``contract`` and ``edition`` say what may follow it; ``renewed_by`` is the contract that renews this one.
    """

    account: int
    contract: int
    start_on: dt.date
    end_on: dt.date | None
    mrr_cents: int
    edition: int | None = None
    renewed_by: int | None = None


class Kind(StrEnum):
    """What became of an account's recurring revenue."""

    NEW = "new"
    REACTIVATED = "reactivated"
    EXPANSION = "expansion"
    CONTRACTION = "contraction"
    CHURNED = "churned"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Movement:
    """One account that was active on either day: minor units a month on both, and whether it is overdue for renewal."""

    account: int
    kind: Kind
    start_cents: int
    end_cents: int
    overdue_cents: int = 0


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Sums over accounts, in minor units a month. start + new + reactivated + expansion - contraction - churned = end."""

    start_accounts: int
    end_accounts: int
    churned_accounts: int
    new_accounts: int
    reactivated_accounts: int
    overdue_accounts: int
    start_mrr_cents: int
    new_mrr_cents: int
    reactivated_mrr_cents: int
    expansion_mrr_cents: int
    contraction_mrr_cents: int
    churned_mrr_cents: int
    end_mrr_cents: int
    overdue_mrr_cents: int

    @property
    def logo_churn(self) -> float | None:
        """Share of the accounts active at the start that are not at the end; None without any."""
        return self.churned_accounts / self.start_accounts if self.start_accounts else None

    @property
    def revenue_churn(self) -> float | None:
        """Share of the MRR at the start that went with lost accounts; None when nothing was paid at the start."""
        return self.churned_mrr_cents / self.start_mrr_cents if self.start_mrr_cents else None

    @property
    def grr(self) -> float | None:
        """(start - contraction - churn) / start; None when nothing was paid at the start."""
        kept = self.start_mrr_cents - self.contraction_mrr_cents - self.churned_mrr_cents
        return kept / self.start_mrr_cents if self.start_mrr_cents else None

    @property
    def nrr(self) -> float | None:
        """(start + expansion - contraction - churn) / start, over the same accounts."""
        kept = self.start_mrr_cents - self.contraction_mrr_cents - self.churned_mrr_cents
        return (kept + self.expansion_mrr_cents) / self.start_mrr_cents if self.start_mrr_cents else None


def movements(lines: Iterable[Line], first: dt.date, last: dt.date, *, grace_days: int = 0) -> list[Movement]:
    """What became of each account between two days, in order of account; those active on neither are left out.

    An account is active on a day when a line covers it. With ``grace_days`` a line that ended and that nothing followed yet
    still counts for so many days, as overdue for renewal. Raises ValueError when ``last`` is not after ``first``.
    """
    if last <= first:
        raise ValueError(f"The last day ({last}) must come after the first ({first}).")
    by_account: defaultdict[int, list[Line]] = defaultdict(list)
    for line in lines:
        by_account[line.account].append(line)
    found = []
    for account, own in sorted(by_account.items()):
        start, end = (_standing(own, day, grace_days) for day in (first, last))
        if not start.active and not end.active:
            continue
        kind = _kind(start, end, any(line.start_on <= first for line in own))
        found.append(Movement(account, kind, start.cents, end.cents, end.overdue_cents))
    return found


def summed(found: Sequence[Movement]) -> Portfolio:
    """The figures of movements."""
    cents: defaultdict[Kind, int] = defaultdict(int)
    accounts: defaultdict[Kind, int] = defaultdict(int)
    for one in found:
        cents[one.kind] += abs(one.end_cents - one.start_cents)
        accounts[one.kind] += 1
    fresh = accounts[Kind.NEW] + accounts[Kind.REACTIVATED]
    return Portfolio(
        start_accounts=len(found) - fresh,
        end_accounts=len(found) - accounts[Kind.CHURNED],
        churned_accounts=accounts[Kind.CHURNED],
        new_accounts=accounts[Kind.NEW],
        reactivated_accounts=accounts[Kind.REACTIVATED],
        overdue_accounts=sum(1 for one in found if one.overdue_cents),
        start_mrr_cents=sum(one.start_cents for one in found),
        new_mrr_cents=cents[Kind.NEW],
        reactivated_mrr_cents=cents[Kind.REACTIVATED],
        expansion_mrr_cents=cents[Kind.EXPANSION],
        contraction_mrr_cents=cents[Kind.CONTRACTION],
        churned_mrr_cents=cents[Kind.CHURNED],
        end_mrr_cents=sum(one.end_cents for one in found),
        overdue_mrr_cents=sum(one.overdue_cents for one in found),
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    """An account on a day; ``overdue_cents`` are among ``cents``."""

    active: bool
    cents: int
    overdue_cents: int


def _standing(lines: Sequence[Line], day: dt.date, grace_days: int) -> _Standing:
    covering = [line for line in lines if in_force(line.start_on, line.end_on, day)]
    overdue = [line for line in lines if _is_overdue(line, lines, day, grace_days)] if grace_days else []
    late = sum(line.mrr_cents for line in overdue)
    return _Standing(bool(covering or overdue), sum(line.mrr_cents for line in covering) + late, late)


def _is_overdue(line: Line, own: Sequence[Line], day: dt.date, grace_days: int) -> bool:
    """Whether a line ended not longer ago than the grace, and nothing that began by the day followed it."""
    if line.end_on is None or not line.end_on <= day < line.end_on + dt.timedelta(days=grace_days):
        return False
    return not any(follows(other, line) for other in own if other is not line and other.start_on <= day)


def follows(other: Line, line: Line) -> bool:
    """Whether a line takes the place of one that ends: it belongs to the contract that renews the ending one's; or it began later,
    goes on longer, and is of its own contract or (where no renewal is linked) of the same account, with the same edition, none, or
    beginning only once the other has ended.
    """
    if line.renewed_by is not None and other.contract == line.renewed_by:
        return True
    if line.end_on is None or other.start_on <= line.start_on:
        return False
    if other.end_on is not None and other.end_on <= line.end_on:
        return False
    if line.renewed_by is not None and other.contract != line.contract:
        return False
    return (
        other.edition == line.edition
        or None in (other.edition, line.edition)
        or other.start_on >= line.end_on
    )


def _kind(start: _Standing, end: _Standing, was_before: bool) -> Kind:
    if not end.active:
        return Kind.CHURNED
    if not start.active:
        return Kind.REACTIVATED if was_before else Kind.NEW
    if end.cents == start.cents:
        return Kind.SAME
    return Kind.EXPANSION if end.cents > start.cents else Kind.CONTRACTION
