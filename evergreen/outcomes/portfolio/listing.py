"""Portfolio figures as plain rows: for the command line, the API and exports."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass
from typing import Any

from evergreen.base import clock
from evergreen.base import queries as base
from evergreen.outcomes.portfolio.asking import Asked, Dimension, divided_by
from evergreen.outcomes.portfolio.periods import MONTH
from evergreen.outcomes.portfolio.renewals import together
from evergreen.outcomes.portfolio.report import Report
from evergreen.outcomes.revenue import Portfolio

# What a person reads first in a terminal.
SHOWN = (
    "period", "segment", "tier", "industry", "owner", "cohort", "edition", "start_accounts", "churned_accounts",
    "start_mrr_cents", "new_mrr_cents", "reactivated_mrr_cents", "expansion_mrr_cents", "contraction_mrr_cents",
    "churned_mrr_cents", "end_mrr_cents", "grr", "nrr",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Divided:
    """Rows of figures, each with its period and group, and what could not be counted."""

    rows: list[dict[str, Any]]
    currency: str
    left_out: dict[str, int]


def divided(first: dt.date, last: dt.date, grace_days: int, by: str) -> Divided:
    """The whole book by ``month`` or ``quarter`` and/or one dimension (``quarter,tier``). Raises ValueError."""
    step, dimension = divided_by(by)
    asked = Asked(first, last, step or MONTH, grace_days)
    report = Report(None, asked, base.vendor_day(clock.utc_now()))
    rows = movement_rows(report, dimension, is_by_period=step is not None, graced=grace_days > 0)
    return Divided(rows, report.read.currency, report.read.left_out)


def movement_rows(
    report: Report, by: Dimension | None, *, is_by_period: bool, graced: bool
) -> list[dict[str, Any]]:
    """A row for each period (or the whole span) and group; groups in which nothing was are left out."""
    if is_by_period:
        periods, cells = report.periods, report.cells(by, graced=graced)
    else:
        periods, cells = [report.asked.span], [report.span(by, graced=graced)]
    keys = report.groups(by)
    words = report.words(by)
    return [
        {
            **({"period": period.key} if is_by_period else {}),
            "from": period.first.isoformat(),
            "to": period.last.isoformat(),
            **({by.value: words.get(key, key)} if by else {}),
            **figures_of(figures),
        }
        for period, row in zip(periods, cells, strict=True)
        for key, figures in zip(keys, row, strict=True)
        if by is None or figures.start_accounts or figures.end_accounts
    ]


def renewal_rows(report: Report, by: Dimension | None, *, is_by_period: bool = True) -> list[dict[str, Any]]:
    """What was due in each period, or in all of them, and became of it, by group; groups with nothing due are left out.
    Amounts are a year's.
    """
    keys, words = report.groups(by), report.words(by)
    found = report.renewals(by)
    rows = (
        [
            (period.key, period.first, period.last, row)
            for period, row in zip(report.periods, found, strict=True)
        ]
        if is_by_period
        else [("", report.asked.first, report.asked.last, list(map(together, zip(*found, strict=True))))]
    )
    return [
        {
            **({"period": period} if is_by_period else {}),
            "from": first.isoformat(),
            "to": last.isoformat(),
            **({by.value: words.get(key, key)} if by else {}),
            **dataclasses.asdict(due),
            "account_rate": due.account_rate,
            "amount_rate": due.amount_rate,
            "account_rate_with_grace": due.late_account_rate,
            "amount_rate_with_grace": due.late_amount_rate,
            "account_rate_at_close": due.closed_account_rate,
        }
        for period, first, last, row in rows
        for key, due in zip(keys, row, strict=True)
        if by is None or due.due_accounts
    ]


def figures_of(figures: Portfolio) -> dict[str, Any]:
    """Every figure by its name; the rates unrounded, None without a denominator."""
    return {
        **dataclasses.asdict(figures),
        "logo_churn": figures.logo_churn,
        "revenue_churn": figures.revenue_churn,
        "grr": figures.grr,
        "nrr": figures.nrr,
    }
