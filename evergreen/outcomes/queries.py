"""Revenue of the whole book, from contracts: needs no night."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from evergreen.base import money
from evergreen.base import queries as base
from evergreen.customers.models import Contract, ContractLine
from evergreen.outcomes import revenue
from evergreen.outcomes.revenue import Line, Movement, Portfolio

_CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Book:
    """The figures between two days, the movement of each account behind them, and what could not be counted.

    ``left_out`` are currencies without a rate on the last day, with their number of lines.
    """

    first: dt.date
    last: dt.date
    currency: str
    grace_days: int
    figures: Portfolio
    movements: list[Movement]
    left_out: dict[str, int]


def book(first: dt.date, last: dt.date, *, grace_days: int = 0) -> Book:
    """MRR movements, GRR, NRR and churn between two days, as the contracts say now.

    Everything is in the vendor's currency by the rates of the last day, on both days, so that no movement comes from a rate.
    Raises ValueError when ``last`` is not after ``first`` or ``grace_days`` is negative.
    """
    if grace_days < 0:
        raise ValueError(f"The grace is a number of days from 0 on, {grace_days} given.")
    vendor, rates = base.setting("currency"), base.rates(last)
    # Asked for by itself: joined to itself a table of contracts that nobody has analysed yet takes minutes.
    renewals = Contract.objects.filter(renews__isnull=False).order_by().values_list("renews_id", "pk")
    renewed = dict(renewals.iterator(_CHUNK))
    lines: list[Line] = []
    left_out: dict[str, int] = {}
    rows = ContractLine.objects.filter(
        kind=ContractLine.Kind.SUBSCRIPTION, is_trial=False, start_on__lte=last
    ).values_list(
        "contract__account_id",
        "contract_id",
        "start_on",
        "end_on",
        "mrr_cents",
        "edition_id",
        "contract__currency",
    )
    for account, contract, start, end, cents, edition, currency in rows.order_by().iterator(_CHUNK):
        worth = money.converted(cents, currency, vendor, rates)
        if worth is None:
            left_out[currency] = left_out.get(currency, 0) + 1
        else:
            lines.append(Line(account, contract, start, end, worth, edition, renewed.get(contract)))
    found = revenue.movements(lines, first, last, grace_days=grace_days)
    return Book(first, last, vendor, grace_days, revenue.summed(found), found, left_out)
