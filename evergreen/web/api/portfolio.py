"""Portfolio figures by API, read only: the same as on the pages and the command line."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.translation import gettext as _
from ninja import Query, Router, Schema

from evergreen.base import clock, queries
from evergreen.outcomes.portfolio.asking import Asked, Dimension, divided_by
from evergreen.outcomes.portfolio.listing import movement_rows, renewal_rows
from evergreen.outcomes.portfolio.periods import MONTH
from evergreen.outcomes.portfolio.report import Report
from evergreen.web.api.admission import Holder, KeyedRequest
from evergreen.web.api.errors import ApiError, Failure

router = Router(tags=["Portfolio"])

MOST_ROWS = 20_000


class Figures(Schema):
    """Rows of figures: amounts in minor units of ``currency`` (left out where the key's role sees none), rates unrounded and
    null without a denominator.
    """

    currency: str
    grace_days: int
    left_out_lines: dict[str, int]
    rows: list[dict[str, Any]]


class Span(Schema):
    """From a day to another; ``by`` as of the command: month, quarter and/or segment, tier, industry, owner, cohort, edition."""

    since: dt.date
    until: dt.date
    by: str = ""
    grace_days: int = 0
    tier: str | None = None
    industry: str | None = None
    segment: str | None = None
    cohort: str | None = None


def _report(request: KeyedRequest, span: Span) -> tuple[Report, Dimension | None, bool]:
    chosen = {
        dimension: value
        for dimension in (Dimension.TIER, Dimension.INDUSTRY, Dimension.SEGMENT, Dimension.COHORT)
        if (value := getattr(span, dimension.value)) is not None
    }
    try:
        step, by = divided_by(span.by)
        asked = Asked(span.since, span.until, step or MONTH, span.grace_days, chosen)
    except ValueError as error:
        raise ApiError(
            422,
            "parameter",
            asked=f"{request.method} {request.path}",
            found=str(error),
            allowed=_("since before until, grace_days from 0 on, by as docs/portfolio.md says"),
            saved=_("Nothing was changed."),
            next=_("Correct the address; /api/v1/docs shows its parameters."),
        ) from None
    return Report(request.auth.staff, asked, queries.vendor_day(clock.utc_now())), by, step is not None


def _answer(request: KeyedRequest, report: Report, rows: list[dict[str, Any]]) -> dict[str, Any]:
    if len(rows) > MOST_ROWS:
        raise ApiError(
            413,
            "too_large",
            asked=f"{request.method} {request.path}",
            found=_("%(n)s rows") % {"n": f"{len(rows):,}"},
            allowed=_("%(most)s rows a request") % {"most": f"{MOST_ROWS:,}"},
            saved=_("Nothing was changed."),
            next=_("Ask for a shorter span or a coarser division."),
        )
    staff = request.auth.staff
    if staff is not None and not staff.sees_money:
        rows = [{name: value for name, value in row.items() if not name.endswith("_cents")} for row in rows]
    return {
        "currency": report.read.currency,
        "grace_days": report.asked.grace_days,
        "left_out_lines": report.read.left_out,
        "rows": rows,
    }


@router.get(
    "/portfolio",
    auth=Holder("portfolio.read"),
    response={200: Figures, 422: Failure, 413: Failure},
    url_name="portfolio",
    summary="Movements of recurring revenue, GRR, NRR, churn",
)
def portfolio(request: KeyedRequest, span: Query[Span]) -> dict[str, Any]:
    report, by, is_by_period = _report(request, span)
    rows = movement_rows(report, by, is_by_period=is_by_period, graced=span.grace_days > 0)
    return _answer(request, report, rows)


@router.get(
    "/portfolio/renewals",
    auth=Holder("portfolio.read"),
    response={200: Figures, 422: Failure, 413: Failure},
    url_name="portfolio-renewals",
    summary="What was due for renewal in each period and became of it",
)
def renewals(request: KeyedRequest, span: Query[Span]) -> dict[str, Any]:
    report, by, _is_by_period = _report(request, span)
    return _answer(request, report, renewal_rows(report, by))
