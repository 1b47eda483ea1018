"""Tables of the portfolio as the rows of a file.

Amounts are in major units of the currency column, a month's (MRR); rates are unrounded shares of 1, empty without a denominator.
A reader whose role does not see amounts gets none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from django.http import Http404

from evergreen.outcomes.portfolio import worth
from evergreen.outcomes.portfolio.hearing import desk, heard
from evergreen.outcomes.portfolio.listing import movement_rows, renewal_rows
from evergreen.web.csv_text import amount
from evergreen.web.presenters.portfolio.accounts import AccountsPage
from evergreen.web.presenters.portfolio.asking import Wanted
from evergreen.web.presenters.portfolio.renewals import DuesPage

Asked = Mapping[str, str]


def file_rows(table: str, wanted: Wanted, asked: Asked) -> Iterator[list[object]]:
    """A table's rows, headings first. Raises Http404 for a table that there is none of."""
    if table not in TABLES:
        raise Http404("There is no such table.")
    return _rows(table, wanted, asked)


def _rows(table: str, wanted: Wanted, asked: Asked) -> Iterator[list[object]]:
    currency = wanted.report.read.currency
    for place, row in enumerate(TABLES[table](wanted, asked)):
        shown = {
            name.removesuffix("_cents"): amount(value, currency) if name.endswith("_cents") else value
            for name, value in {**row, "currency": currency}.items()
            if wanted.user.sees_money or not name.endswith("_cents")
        }
        if not place:
            yield [*shown]
        yield [*shown.values()]


def _periods(wanted: Wanted, _asked: Asked) -> Iterable[dict[str, Any]]:
    strict = movement_rows(wanted.report, None, is_by_period=True, graced=False)
    graced = movement_rows(wanted.report, None, is_by_period=True, graced=True)
    for row, late in zip(strict, graced, strict=True):
        yield {**row, **{f"{name}_with_grace": late[name] for name in ("logo_churn", "grr", "nrr")}}


def _groups(wanted: Wanted, _asked: Asked) -> Iterable[dict[str, Any]]:
    return movement_rows(wanted.report, wanted.by, is_by_period=False, graced=False)


def _cells(wanted: Wanted, _asked: Asked) -> Iterable[dict[str, Any]]:
    return movement_rows(wanted.report, wanted.by, is_by_period=True, graced=False)


def _renewals(wanted: Wanted, _asked: Asked) -> Iterable[dict[str, Any]]:
    return renewal_rows(wanted.report, None)


def _renewal_groups(wanted: Wanted, _asked: Asked) -> Iterable[dict[str, Any]]:
    return renewal_rows(wanted.report, wanted.by, is_by_period=False)


def _renewal_cells(wanted: Wanted, _asked: Asked) -> Iterable[dict[str, Any]]:
    return renewal_rows(wanted.report, wanted.by)


def _dues(wanted: Wanted, asked: Asked) -> Iterable[dict[str, Any]]:
    for row in DuesPage(wanted, asked).everything():
        yield {
            "account": row.account.external_id,
            "name": row.account.name,
            "owner": str(row.account.owner or ""),
            "ended": row.due_on.isoformat(),
            "state": row.state,
            "signed_late": row.is_late,
            "due_cents": row.due_cents,
            "renewed_cents": row.renewed_cents,
        }


def _survival(wanted: Wanted, _asked: Asked) -> Iterable[dict[str, Any]]:
    found = worth.survival_of(wanted.report)[1]
    for place, days in enumerate(found.days.tolist()):
        yield {
            "days": days,
            "still_there": float(found.share[place]),
            "lower_95": float(found.low[place]),
            "upper_95": float(found.high[place]),
        }


def _voice(wanted: Wanted, _asked: Asked) -> Iterable[dict[str, Any]]:
    report = wanted.report
    said, desks = heard(report), desk(report)
    for place, period in enumerate(report.periods):
        one, tickets = said[place], desks[place]
        low, high = one.nps.interval or (None, None)
        yield {
            "period": period.key,
            "from": period.first.isoformat(),
            "to": period.last.isoformat(),
            "nps": one.nps.score,
            "nps_lower_95": low,
            "nps_upper_95": high,
            "nps_promoters": one.nps.promoters,
            "nps_detractors": one.nps.detractors,
            "nps_answers": one.nps.answers,
            **{
                f"{kind}_{name}": getattr(scale, name)
                for kind, scale in (
                    ("csat", one.csat),
                    ("ces", one.ces),
                    ("ticket_csat", tickets.satisfaction),
                )
                for name in ("mean", "top_share", "answers")
            },
            "tickets_received": tickets.received,
            "tickets_solved": tickets.solved,
            "resolution_rate": tickets.resolution_rate,
            "first_response_minutes_median": tickets.response_minutes,
            "tickets_reopened": tickets.reopened,
            "complaints": tickets.complaints,
        }


def _accounts(wanted: Wanted, asked: Asked) -> Iterable[dict[str, Any]]:
    page = AccountsPage(wanted, asked)
    for row in page.rows_at(list(range(page.count))):
        yield {
            "account": row.account.external_id,
            "name": row.account.name,
            "owner": str(row.account.owner or ""),
            "movement": row.kind,
            "from": page.period.first.isoformat(),
            "to": page.period.last.isoformat(),
            "start_cents": row.start_cents // wanted.times,
            "end_cents": row.end_cents // wanted.times,
            "moved_cents": (row.end_cents - row.start_cents) // wanted.times,
            "reason": row.reason,
        }


TABLES: dict[str, Callable[[Wanted, Asked], Iterable[dict[str, Any]]]] = {
    "periods": _periods,
    "groups": _groups,
    "cells": _cells,
    "renewals": _renewals,
    "renewal-groups": _renewal_groups,
    "renewal-cells": _renewal_cells,
    "dues": _dues,
    "survival": _survival,
    "voice": _voice,
    "accounts": _accounts,
}
