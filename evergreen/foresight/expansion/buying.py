"""What every account bought more of, and when: contract lines read as purchases beyond what was held. Days are numbers.

A purchase is what begins with lines of one account, product and day and exceeds what the account held of the product on the day
before (for a late renewal: what it held last). It was bought on the day from which the contract was known; a line that begins
later than its contract does was added to it, and counts from its own beginning, for nobody noted when it was agreed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from evergreen.base import money
from evergreen.base import queries as base
from evergreen.base.clock import local_day
from evergreen.base.measures import Reals
from evergreen.customers.lines import NEVER, NONE, Flags, Ints, number
from evergreen.customers.models import ContractLine, Edition, Product
from evergreen.foresight.expansion.catalogue import Catalogue

# So long after an end a renewal is late, not a return.
LATE_DAYS = 90


class Kind(StrEnum):
    """What is bought more of. The values are those of ``models.Suggestion.Kind``."""

    SEATS = "seats"
    EDITION = "edition"
    PRODUCT = "product"


@dataclass(frozen=True, slots=True)
class Lines:
    """Subscription lines that are no trial, in order of account, product and start. ``end`` is the first day not covered (NEVER
    without one), ``known`` the day from which it could be seen, ``cents`` a year's amount in the vendor's currency (NaN without a
    rate), ``seats`` 0 where a line has none.
    """

    account: Ints
    product: Ints
    edition: Ints
    start: Ints
    end: Ints
    known: Ints
    cents: Reals
    seats: Reals

    def __len__(self) -> int:
        return len(self.account)

    def chosen(self, mask: Flags | Ints) -> Lines:
        return Lines(*(getattr(self, one.name)[mask] for one in fields(self)))

    def held_on(self, day: int) -> Lines:
        """What was in force at the end of a day, as it was known then."""
        return self.chosen((self.start <= day) & (self.end > day) & (self.known <= day))


@dataclass(frozen=True, slots=True)
class Purchases:
    """One row a purchase, by account and day. ``kind`` is a place in ``Kind``; ``edition`` is the one held afterwards, ``cents`` what
    a year costs more than before, ``seats`` how many more than the ``had`` of before.
    """

    account: Ints
    kind: Ints
    product: Ints
    edition: Ints
    bought: Ints
    start: Ints
    cents: Reals
    seats: Reals
    had: Reals

    def __len__(self) -> int:
        return len(self.account)

    def chosen(self, mask: Flags | Ints) -> Purchases:
        return Purchases(*(getattr(self, one.name)[mask] for one in fields(self)))

    def of(self, kind: Kind) -> Purchases:
        return self.chosen(self.kind == KINDS.index(kind))

    def within(self, account: Ints, day: Ints, days: int) -> Flags:
        """Whether each account bought from the day after its day to ``days`` after it."""
        key = np.sort((self.account << 24) + self.bought)
        low = np.searchsorted(key, (account << 24) + day, "right")
        return np.searchsorted(key, (account << 24) + day + days, "right") > low


KINDS = tuple(Kind)


def read() -> Lines:
    """Every line that counts, amounts by the rates of the day on which the line began."""
    zone, vendor = base.vendor_zone(), base.setting("currency")
    products = dict(Edition.objects.values_list("pk", "product_id"))
    every = list(Product.objects.order_by("pk").values_list("pk", flat=True)[:2])
    # Where only one thing is sold, a line that names no edition is of that.
    only = every[0] if len(every) == 1 else NONE
    rows = (
        ContractLine.objects.filter(kind=ContractLine.Kind.SUBSCRIPTION, is_trial=False)
        .order_by("contract__account_id", "start_on", "pk")
        .values_list(
            "contract__account_id", "contract_id", "contract__currency", "contract__known_at", "contract__account__known_at",
            "edition_id", "start_on", "end_on", "mrr_cents", "seats",
        )
    )  # fmt: skip
    rates: dict[Any, Any] = {}
    begins: dict[int, int] = {}
    found = []
    for account, contract, currency, known, met, edition, start, end, cents, seats in rows.iterator(20_000):
        if currency != vendor and start not in rates:
            rates[start] = base.rates(start)
        amount = cents if currency == vendor else money.converted(cents, currency, vendor, rates[start])
        begun = number(start)
        seen = number(local_day(max(known, met), zone))
        if begun > begins.setdefault(contract, begun):
            seen = max(seen, begun)
        found.append(
            (
                account,
                products.get(edition, only),
                NONE if edition is None else edition,
                begun,
                NEVER if end is None else number(end),
                seen,
                np.nan if amount is None else amount * 12.0,
                float(seats or 0),
            )
        )
    return lines_of(found)


def lines_of(rows: Iterable[tuple[int, int, int, int, int, int, float, float]]) -> Lines:
    """Rows in the order of ``Lines``' fields as columns."""
    columns = list(zip(*sorted(rows, key=itemgetter(0, 1, 3)), strict=True)) or [()] * 8
    kinds: list[Any] = [np.int64] * 6 + [np.float64] * 2
    return Lines(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))


_Row = tuple[int, int, int, int, int, int, float, float]


def purchases(lines: Lines, catalogue: Catalogue) -> Purchases:
    """Every purchase beyond what was held."""
    table: list[_Row] = list(zip(*(getattr(lines, one.name).tolist() for one in fields(lines)), strict=True))
    found: list[tuple[float, ...]] = []
    for account, of_account in groupby(table, itemgetter(0)):
        every = list(of_account)
        for product, of_product in groupby(every, itemgetter(1)):
            others = [one for one in every if one[1] != product]
            found += _of_product(account, product, list(of_product), others, catalogue)
    found.sort(key=itemgetter(0, 4, 1))
    columns = list(zip(*found, strict=True)) or [()] * 9
    kinds: list[Any] = [np.int64] * 6 + [np.float64] * 3
    return Purchases(*(np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)))


def _of_product(
    account: int, product: int, lines: list[_Row], others: list[_Row], catalogue: Catalogue
) -> list[tuple[float, ...]]:
    found: list[tuple[float, ...]] = []
    for start in sorted({line[3] for line in lines}):
        now = [line for line in lines if line[3] <= start < line[4]]
        begun = [line for line in now if line[3] == start]
        if not begun:
            continue
        bought = max(line[5] for line in begun)
        before = _held_before(lines, start)
        if not before:
            is_first = not any(line[3] < start for line in lines)
            # A customer of something else that takes this too, for the first time.
            if is_first and product != NONE and any(line[3] < start < line[4] for line in others):
                found.append(_row(account, Kind.PRODUCT, product, bought, start, now, []))
            continue
        old, new = _dearest(before), _dearest(now)
        if catalogue.is_above(new, old):
            found.append(_row(account, Kind.EDITION, product, bought, start, now, before))
        elif _seats(before) and _seats(now) > _seats(before):
            found.append(_row(account, Kind.SEATS, product, bought, start, now, before))
    return found


def _held_before(lines: list[_Row], start: int) -> list[_Row]:
    """What was in force on the day before; else, for a late renewal, what ended last within the ninety days before."""
    held = [line for line in lines if line[3] < start <= line[4]]
    if held:
        return held
    ended = [line for line in lines if line[3] < start and start - LATE_DAYS <= line[4] < start]
    last = max((line[4] for line in ended), default=0)
    return [line for line in ended if line[4] == last]


def _row(
    account: int, kind: Kind, product: int, bought: int, start: int, now: list[_Row], before: list[_Row]
) -> tuple[float, ...]:
    return (
        account, KINDS.index(kind), product, _dearest(now), bought, start,
        _cents(now) - _cents(before), _seats(now) - _seats(before), _seats(before),
    )  # fmt: skip


def _dearest(lines: list[_Row]) -> int:
    """The edition of the dearest line that names one."""
    named = [line for line in lines if line[2] != NONE]
    return (
        max(named, key=lambda line: (-1.0 if line[6] != line[6] else line[6], line[2]))[2] if named else NONE
    )


def _cents(lines: list[_Row]) -> float:
    return sum(line[6] for line in lines)


def _seats(lines: list[_Row]) -> float:
    return sum(line[7] for line in lines)
