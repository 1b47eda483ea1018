"""Purchases, and what is known from them of each customer on a day: how many came back, when last, since when they buy. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from evergreen.base.measures import Reals

Names = NDArray[np.object_]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Histories:
    """One row a customer, in the order of ``customers``.

    ``again`` counts the days of purchase after the first, ``last`` is the time from the first to the last of them and ``age``
    that from the first to the end of what is known, both in weeks. ``spend`` is the mean amount of a day of purchase after the
    first, 0 where there is none or no amounts are known.
    """

    customers: Names
    again: Reals
    last: Reals
    age: Reals
    spend: Reals

    def __len__(self) -> int:
        return len(self.customers)


@dataclass(frozen=True, slots=True)
class Purchases:
    """One row a customer and day, by customer and day: ``buyer`` is the place in ``customers``, ``day`` counts from 1970-01-01,
    ``amount`` is in the table's own unit of money (0 where no amounts are known).
    """

    customers: Names
    buyer: Places
    day: Places
    amount: Reals
    has_amounts: bool

    @classmethod
    def of_rows(
        cls, customers: Sequence[str], days: Sequence[dt.date], amounts: Sequence[float] | None = None
    ) -> Self:
        """From one row a line of a bill: what one customer buys on one day is one purchase, and a day on which more was given
        back than bought is none. Raises ValueError for columns of unlike length.
        """
        worth = np.zeros(len(customers)) if amounts is None else np.asarray(amounts, dtype=np.float64)
        if not len(customers) == len(days) == len(worth):
            raise ValueError(f"The columns have {len(customers)}, {len(days)} and {len(worth)} rows.")
        names, buyer = np.unique(np.asarray(customers, dtype=object), return_inverse=True)
        day = np.asarray(days, dtype="datetime64[D]").astype(np.int64)
        begin = day.min(initial=0)
        width = day.max(initial=0) - begin + 1
        # Customer and day as one number, so that the lines of a day fall together.
        keys, place = np.unique(buyer * width + (day - begin), return_inverse=True)
        amount: Reals = np.bincount(place, weights=worth, minlength=len(keys)).astype(np.float64)
        kept = amount >= 0
        buyer, day = np.divmod(keys[kept], width)
        return cls(names, buyer, day + begin, amount[kept], amounts is not None)

    @property
    def first_day(self) -> dt.date:
        return _date(self.day.min())

    @property
    def last_day(self) -> dt.date:
        return _date(self.day.max())

    def known(self, until: dt.date) -> Histories:
        """The histories up to and with a day. Raises ValueError where nothing was bought until then."""
        end = _number(until)
        inside = self.day <= end
        if not inside.any():
            raise ValueError(f"Nobody bought anything until {until}; choose a later day.")
        buyer, day, amount = self.buyer[inside], self.day[inside], self.amount[inside]
        is_first = np.append(True, buyer[1:] != buyer[:-1])
        is_last = np.append(is_first[1:], True)
        row = np.cumsum(is_first) - 1
        again: Reals = np.bincount(row).astype(np.float64) - 1
        later = np.bincount(row[~is_first], weights=amount[~is_first], minlength=len(again))
        return Histories(
            customers=self.customers[buyer[is_first]],
            again=again,
            last=(day[is_last] - day[is_first]) / 7.0,
            age=(end - day[is_first]) / 7.0,
            spend=np.divide(later, again, out=np.zeros(len(again)), where=again > 0),
        )

    def bought(self, known: Histories, after: dt.date, until: dt.date) -> Reals:
        """The purchases of each known customer after one day and up to another."""
        inside = (self.day > _number(after)) & (self.day <= _number(until))
        of_all = np.bincount(self.buyer[inside], minlength=len(self.customers))
        found: Reals = of_all[np.searchsorted(self.customers, known.customers)].astype(np.float64)
        return found


def _number(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days


def _date(number: int) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(number))
