"""What the product does for the customers' own business: two KPIs, month by month, with the targets agreed.

Both get better while an account settles in, and follow how it feels: who is unhappy reconciles by hand again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evergreen.base.upserts import in_batches
from evergreen.events.kpis.actions import (
    Aimed,
    Refusal,
    Reported,
    declare_kpi,
    record_kpi_values,
    set_kpi_targets,
)
from evergreen.events.kpis.periods import Period, after, last_day, start_of
from evergreen.flow.demo import cast
from evergreen.flow.demo.records import ORIGIN, Kept
from evergreen.flow.demo.vendor import Vendor

SHARE, DAYS = "auto_reconciled", "close_days"
_SETTLED_DAYS = 150  # after so many days two thirds of the way are gone
_TARGETS = {SHARE: 0.85, DAYS: 5.0}


@dataclass(frozen=True, slots=True)
class Told:
    """A KPI of an account in the month that starts on ``month``."""

    place: int
    kpi: str
    month: dt.date
    value: float


@dataclass(frozen=True, slots=True)
class Aim:
    place: int
    kpi: str
    value: float
    since: dt.date
    by: dt.date


def figures(vendor: Vendor) -> Iterator[Told]:
    """Every whole month in which a strategic or growth account used the product, from the first after going live."""
    extent, share = vendor.extent, vendor.felt.share
    chance = extent.chance("kpis")
    for company, dates in zip(vendor.book, vendor.dates, strict=True):
        low, high = chance.uniform(0.25, 0.45), chance.uniform(0.8, 0.96)
        slow, fast = chance.uniform(9, 14), chance.uniform(3, 5.5)
        if company.is_trial or company.tier == "basic":
            continue
        live = dates.live or company.started + dt.timedelta(days=45)
        month = after(Period.MONTH, start_of(Period.MONTH, max(live, extent.first)))
        while (end := last_day(Period.MONTH, month)) <= extent.last:
            days = slice(extent.index(month), extent.index(end) + 1)
            if (vendor.presence[company.place, days] > 0).any():
                settled = 1 - np.exp(-(end - live).days / _SETTLED_DAYS)
                # 0.77 is how content accounts feel on most days.
                gain = settled * min(1.1, float(share[company.place, days].mean()) / 0.77)
                found = low + (high - low) * gain + chance.normal(0, 0.015)
                yield Told(company.place, SHARE, month, round(float(np.clip(found, 0.02, 0.995)), 3))
                # January closes the year as well.
                taken = slow - (slow - fast) * gain + chance.normal(0, 0.35) + 1.5 * (month.month == 1)
                yield Told(company.place, DAYS, month, round(max(1.0, float(taken)) * 2) / 2)
            month = after(Period.MONTH, month)


def aims(vendor: Vendor) -> Iterator[Aim]:
    """What was agreed with the strategic accounts, and with every third growth account for the year."""
    extent = vendor.extent
    for company, dates in zip(vendor.book, vendor.dates, strict=True):
        agreed = company.tier == "strategic" or (company.tier == "growth" and company.place % 3 == 0)
        if company.is_trial or not agreed or dates.live is None:
            continue
        since = max(start_of(Period.MONTH, dates.live), dt.date(extent.last.year, 1, 1))
        for kpi, value in _TARGETS.items():
            yield Aim(company.place, kpi, value, since, dt.date(since.year, 12, 31))


def write(vendor: Vendor, kept: Kept, *, now: dt.datetime) -> int:
    """Declare both, record every value as known at its month's end; returns how many values. Raises where one is refused."""
    by = kept.staff[cast.OPERATOR.email]
    began = vendor.extent.moment(vendor.extent.first, 9)
    name = {"zh": "自动对账率", "en": "Auto-reconciled share"}
    declare_kpi(SHARE, name, unit="share", aggregation="mean", least=0.0, most=1.0, by=by, now=began)
    name, days = {"zh": "月结天数", "en": "Days to close the month"}, {"zh": "天", "en": "days"}
    declare_kpi(DAYS, name, unit_name=days, aggregation="mean", direction="down", least=0.0, by=by, now=began)
    count = 0
    for some in in_batches(figures(vendor)):
        values = [Reported(kept.accounts[one.place], one.kpi, one.month, one.value) for one in some]
        count += len(values)
        _check(record_kpi_values(values, source=ORIGIN, by=None, now=now, is_history=True).refusals)
    for targets in in_batches(aims(vendor)):
        rows = [Aimed(kept.accounts[one.place], one.kpi, one.value, one.since, one.by) for one in targets]
        _check(set_kpi_targets(rows, source=ORIGIN, by=by, now=now, is_history=True).refusals)
    return count


def _check(refusals: Sequence[Refusal]) -> None:
    if refusals:
        raise ValueError(f"A KPI of the demo was refused: {refusals}")
