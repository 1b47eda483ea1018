"""What accounts are worth and cost to win, read for a report: its own accounts, and the vendor's acquisition costs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from evergreen.customers.lines import number
from evergreen.outcomes.models import AcquisitionCost
from evergreen.outcomes.portfolio.asking import Asked
from evergreen.outcomes.portfolio.lifetimes import (
    MONTH_DAYS,
    Lifetimes,
    Survival,
    Worth,
    average,
    lifetimes,
    survival,
)
from evergreen.outcomes.portfolio.periods import MONTH, start_of
from evergreen.outcomes.portfolio.report import Report


@dataclass(frozen=True, slots=True)
class Winning:
    """Acquisition over the months for which a cost was entered: what was spent, whom it won and what they pay a month."""

    months: int
    cost_cents: int
    won_accounts: int
    won_mrr_cents: int


def survival_of(report: Report) -> tuple[Lifetimes, Survival]:
    """Lifetimes of the accounts that count, and their survival; an end within the grace is no loss yet."""
    found = lifetimes(report.lines, number(report.asked.last), grace_days=report.asked.grace_days)
    mask = report.counting()
    if mask is not None:
        counted = mask[found.account]
        found = Lifetimes(found.days[counted], found.is_lost[counted], found.account[counted])
    return found, survival(found)


def winning(report: Report) -> Winning | None:
    """The whole book's acquisition in the report's span; None where no cost was entered. Costs of another currency are left out."""
    since = start_of(report.asked.first, MONTH)
    costs = dict(
        AcquisitionCost.objects.filter(
            month__gte=since, month__lt=report.asked.last, currency=report.read.currency
        ).values_list("month", "cost_cents")
    )
    if not costs:
        return None
    whole = Report(None, Asked(since, report.asked.last), report.today)
    if report.is_whole:
        whole.read = report.read
    won = {
        start_of(period.first, MONTH): cells[0]
        for period, cells in zip(whole.periods, whole.cells(), strict=True)
    }
    counted = [won[month] for month in costs if month in won]
    return Winning(
        len(counted),
        sum(costs[month] for month in costs if month in won),
        sum(one.new_accounts for one in counted),
        sum(one.new_mrr_cents for one in counted),
    )


def worth(report: Report, found: Survival, won: Winning | None) -> Worth:
    """CLTV and its parts over the report's span."""
    rows = [cells[0] for cells in report.cells()]
    end = rows[-1]
    exposure = sum(
        one.start_accounts * (period.last - period.first).days / MONTH_DAYS
        for one, period in zip(rows, report.periods, strict=True)
    )
    lost = sum(one.churned_accounts for one in rows)
    days = found.mean_days()
    return Worth(
        monthly_cents=average(end.end_mrr_cents, end.end_accounts),
        churn=lost / exposure if exposure else None,
        survival_months=None if days is None else days / MONTH_DAYS,
        cac_cents=average(won.cost_cents, won.won_accounts) if won else None,
        won_monthly_cents=average(won.won_mrr_cents, won.won_accounts) if won else None,
    )


def costs() -> list[AcquisitionCost]:
    """Every month's cost, the newest first."""
    return list(AcquisitionCost.objects.select_related("changed_by"))


def year_of_costs(today: dt.date) -> list[dt.date]:
    """The months of the last year that have no cost yet, the newest first."""
    held = set(AcquisitionCost.objects.values_list("month", flat=True))
    month, missing = start_of(today, MONTH), []
    for _n in range(12):
        if month not in held:
            missing.append(month)
        month = start_of(month - dt.timedelta(days=1), MONTH)
    return missing
