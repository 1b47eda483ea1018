"""How long accounts stay and what they are worth: Kaplan-Meier, CLTV two ways, CAC payback, what-if. Pure.

Money is in minor units; lifetimes are months of 365.25 / 12 days.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from evergreen.customers.lines import Flags, Ints, Lines

MONTH_DAYS = 365.25 / 12
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Each account's days from its first cover, and whether it was lost at their end (else it is still there: cut off)."""

    days: Ints
    is_lost: Flags
    account: Ints

    def __len__(self) -> int:
        return len(self.days)


def lifetimes(lines: Lines, today: int, *, grace_days: int = 0) -> Lifetimes:
    """One lifetime an account: from its first covered day to the end of its last cover, or to ``today`` where it goes on.

    A gap within (lapsed, then back) is part of one lifetime. An end less than ``grace_days`` ago is no loss yet.
    """
    began = (lines.start <= today) & (lines.start < lines.end)
    count = len(lines.accounts)
    first = np.full(count, np.iinfo(np.int64).max, np.int64)
    last = np.full(count, np.iinfo(np.int64).min, np.int64)
    np.minimum.at(first, lines.account[began], lines.start[began])
    np.maximum.at(last, lines.account[began], lines.end[began])
    account = np.flatnonzero(first <= today)
    is_lost = last[account] + grace_days <= today
    end = np.where(is_lost, last[account], today)
    return Lifetimes(end - first[account], is_lost, account)


@dataclass(frozen=True, slots=True)
class Survival:
    """The share of accounts still there after so many days (steps down at each day on which one was lost).

    ``low`` and ``high`` are the 95% interval (Greenwood's variance on the log-log scale). ``observed_days`` is the longest
    lifetime seen: nothing is said beyond it.
    """

    days: Ints
    share: Floats
    low: Floats
    high: Floats
    at_risk: Ints
    lost: Ints
    observed_days: int
    accounts: int

    def after(self, days: float) -> float | None:
        """The share still there after so many days; None beyond what was observed."""
        if not self.accounts or days > self.observed_days:
            return None
        place = int(np.searchsorted(self.days, days, "right")) - 1
        return 1.0 if place < 0 else float(self.share[place])

    def median_days(self) -> int | None:
        """The day by which half are lost; None while more than half are there."""
        below = np.flatnonzero(self.share <= 0.5)
        return int(self.days[below[0]]) if len(below) else None

    def mean_days(self, since: float = 0) -> float | None:
        """Expected days from ``since`` to the longest observed one, for an account that reached ``since``: the area under the
        curve (restricted mean), so at least so long. None beyond what was observed.
        """
        reached = self.after(since)
        if not reached:
            return None
        edges = np.concatenate([[since], self.days[self.days > since], [self.observed_days]])
        shares = np.concatenate([[reached], self.share[self.days > since]])
        return float(np.sum(np.diff(edges) * shares)) / reached


def survival(found: Lifetimes) -> Survival:
    """Kaplan-Meier: S(t) = product over days of loss up to t of (1 - lost / at risk). Whoever is cut off on a day was at risk on it."""
    times, place = np.unique(found.days, return_inverse=True)
    lost = np.bincount(place, found.is_lost, minlength=len(times)).astype(np.int64)
    gone = np.bincount(place, minlength=len(times))
    at_risk = len(found) - (np.cumsum(gone) - gone)
    steps = lost > 0
    times, lost_then, risk = times[steps], lost[steps], at_risk[steps]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.cumprod(1 - lost_then / risk)
        greenwood = np.cumsum(lost_then / (risk * (risk - lost_then)))
        spread = 1.96 * np.sqrt(greenwood) / np.abs(np.log(share))
        low, high = share ** np.exp(spread), share ** np.exp(-spread)
    flat = (share <= 0) | (share >= 1)
    longest = int(found.days.max()) if len(found) else 0
    return Survival(
        times, share, np.where(flat, share, low), np.where(flat, share, high), risk, lost_then, longest, len(found)
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Worth:
    """What an account is worth, and from what. None stands for "no data": a denominator was zero or nothing was entered.

    ``monthly_cents``: average revenue, MRR / active accounts. ``churn``: accounts lost a month, as a share. ``plain_months``: 1 /
    churn. ``survival_months``: area under the survival curve as far as it was observed. ``cac_cents``: acquisition cost / accounts
    won in the months for which a cost was entered.
    """

    monthly_cents: float | None
    churn: float | None
    survival_months: float | None
    cac_cents: float | None
    won_monthly_cents: float | None

    @property
    def plain_months(self) -> float | None:
        return 1 / self.churn if self.churn else None

    @property
    def plain_cents(self) -> int | None:
        """CLTV = average revenue × lifetime - CAC."""
        return self._cltv(self.plain_months)

    @property
    def survival_cents(self) -> int | None:
        """CLTV with the lifetime of the survival curve: at least this much."""
        return self._cltv(self.survival_months)

    def _cltv(self, months: float | None) -> int | None:
        if self.monthly_cents is None or months is None or self.cac_cents is None:
            return None
        return round(self.monthly_cents * months - self.cac_cents)

    @property
    def payback_months(self) -> float | None:
        """CAC / average monthly revenue of the accounts won in the same months."""
        if self.cac_cents is None or not self.won_monthly_cents:
            return None
        return self.cac_cents / self.won_monthly_cents

    @property
    def to_cac(self) -> float | None:
        """Revenue over the plain lifetime for each unit of acquisition cost."""
        if not self.cac_cents or self.monthly_cents is None or self.plain_months is None:
            return None
        return self.monthly_cents * self.plain_months / self.cac_cents


def average(cents: int, accounts: int) -> float | None:
    """Minor units an account; None without accounts."""
    return float(Fraction(cents, accounts)) if accounts else None


def gained_a_year(accounts: int, yearly_cents: int, rate: float, better: float) -> int:
    """What-if: so much ARR a year when of ``accounts`` due with ``yearly_cents`` each not ``rate`` but ``better`` renew."""
    return round(accounts * yearly_cents * (better - rate))


def cost_of_losing(yearly_cents: float, remaining_months: float, cac_cents: float) -> int:
    """Annual fee × expected remaining years + the cost of winning another account."""
    return round(yearly_cents * remaining_months / 12 + cac_cents)
