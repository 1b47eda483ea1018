"""The portfolio told the slow way, from docs/portfolio.md alone: account by account, day by day, in plain Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

DAY = dt.timedelta(days=1)
FOREVER = dt.date(9999, 1, 1)


@dataclass(frozen=True)
class Deal:
    """A subscription line; ``end`` None is open-ended, ``renewed_by`` the contract that renews its own."""

    account: int
    contract: int
    start: dt.date
    end: dt.date | None
    signed: dt.date | None
    cents: int
    edition: int | None = None
    renewed_by: int | None = None

    @property
    def over(self) -> dt.date:
        return self.end or FOREVER

    def covers(self, day: dt.date) -> bool:
        return self.start <= day < self.over


def follow(other: Deal, deal: Deal) -> bool:
    if other is deal or other.account != deal.account:
        return False
    if deal.renewed_by is not None and other.contract == deal.renewed_by:
        return True
    if not (other.start > deal.start and other.over > deal.over):
        return False
    if deal.renewed_by is not None and other.contract != deal.contract:
        return False
    alike = other.edition is None or deal.edition is None or other.edition == deal.edition
    return alike or other.start >= deal.over


def overdue(deal: Deal, deals: Sequence[Deal], day: dt.date, grace: int) -> bool:
    if deal.end is None or not deal.end <= day < deal.end + grace * DAY:
        return False
    return not any(follow(other, deal) and other.start <= day for other in deals)


@dataclass(frozen=True)
class Stand:
    active: bool
    cents: int
    late: int


def stand(deals: Sequence[Deal], account: int, day: dt.date, grace: int) -> Stand:
    own = [deal for deal in deals if deal.account == account]
    covering = [deal for deal in own if deal.covers(day)]
    late = [deal for deal in own if overdue(deal, deals, day, grace)]
    late_cents = sum(deal.cents for deal in late)
    return Stand(bool(covering or late), sum(deal.cents for deal in covering) + late_cents, late_cents)


def movement(
    deals: Sequence[Deal], account: int, first: dt.date, last: dt.date, grace: int
) -> tuple[str, int]:
    """The name of what became of an account, and the amount moved."""
    before, after = stand(deals, account, first, grace), stand(deals, account, last, grace)
    if not before.active and not after.active:
        return "none", 0
    if not after.active:
        return "churned", before.cents
    if not before.active:
        was_here = any(deal.account == account and deal.start <= first for deal in deals)
        return ("reactivated" if was_here else "new"), after.cents
    if after.cents > before.cents:
        return "expansion", after.cents - before.cents
    return ("contraction", before.cents - after.cents) if after.cents < before.cents else ("same", 0)


def signed_by(deals: Sequence[Deal], day: dt.date) -> list[Deal]:
    return [deal for deal in deals if deal.signed is None or deal.signed <= max(day, deal.start)]


def edition_on(deals: Sequence[Deal], account: int, day: dt.date) -> int | None:
    """What the account pays most for on a day."""
    here = [d for d in deals if d.account == account and d.edition is not None and d.covers(day)]
    return max(here, key=lambda deal: (deal.cents, deal.edition)).edition if here else None


@dataclass
class Due:
    due: int
    renewed: int
    is_renewed: bool
    late_renewed: int
    is_late_renewed: bool
    is_overdue: bool
    is_signed_late: bool
    was_open: bool


def due(
    deals: Sequence[Deal], account: int, first: dt.date, last: dt.date, grace: int, today: dt.date
) -> Due | None:
    """What was due for renewal in a period of an account and became of it; None when nothing was."""
    ended = []
    for deal in deals:
        if deal.account != account or deal.end is None or deal.start >= deal.end:
            continue
        goes_on = any(
            follow(other, deal) and other.contract == deal.contract and other.start <= deal.end
            for other in deals
        )
        if first < deal.end <= min(last, today) and not goes_on:
            ended.append(deal)
    if not ended:
        return None
    whole = sum(deal.cents for deal in ended) * 12

    def renewed(within: int) -> tuple[int, list[Deal], list[Deal]]:
        worth: list[Deal] = []
        followed: list[Deal] = []
        for deal in ended:
            assert deal.end is not None
            after = [d for d in deals if follow(d, deal) and d.start <= deal.end + within * DAY]
            if after:
                day = max(deal.end, min(other.start for other in after))
                for other in after:
                    if other.covers(day) and not any(other is one for one in worth):
                        worth.append(other)
                followed += after
        return min(whole, 12 * sum(other.cents for other in worth)), worth, followed

    strict, strict_worth, strict_after = renewed(0)
    late, late_worth, late_after = renewed(grace)
    newest = max(deal.over for deal in ended)
    return Due(
        whole,
        strict,
        bool(strict_worth),
        late,
        bool(late_worth),
        not late_worth and any(deal.over + grace * DAY > today for deal in ended),
        bool(late_worth) and min(d.signed or d.start for d in late_after) > newest,
        bool(strict_worth) and min(d.signed or d.start for d in strict_after) > last,
    )
