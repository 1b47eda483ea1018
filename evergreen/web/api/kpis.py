"""KPIs by API: what is declared, values in, values out."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from evergreen.base import queries
from evergreen.events.kpis import periods
from evergreen.events.kpis import queries as kpis
from evergreen.events.kpis.actions import Recorded, Reported, record_kpi_values
from evergreen.events.kpis.models import Kpi
from evergreen.web.api import rows
from evergreen.web.api.admission import Holder, KeyedRequest
from evergreen.web.api.errors import Failure
from evergreen.web.api.keys import account_reached, reachable
from evergreen.web.api.models import ApiKey

router = Router(tags=["KPIs"])


class Row(Schema):
    """A value of a KPI of an account in a period."""

    account: str = Field(description="The account's external id, or its id in `system`.")
    kpi: str = Field(description="Key of a declared KPI.")
    period: str = Field(
        description="2026-10-17, 2026-W42, 2026-10 or 2026-Q4, as the KPI's period, or a date in it.",
        examples=["2026-10"],
    )
    value: float | None = Field(
        description="A number; a share of 87% is 0.87, an amount is in major units. null takes it back."
    )
    system: str = Field("", description="Whose id `account` is (crm, erp …).")


class Rows(Schema):
    values: list[Row] = Field(description="At most `api_rows` (1,000) rows.")
    history: bool = Field(
        False, description="True: a period without a value is known at its end, not now (back-fill)."
    )


class Declared(Schema):
    """A KPI as it is declared."""

    key: str
    name: dict[str, str]
    unit: str
    unit_name: dict[str, str]
    currency: str
    direction: str
    aggregation: str
    period: str
    least: float | None
    most: float | None
    is_retired: bool


class Value(Schema):
    """The value that stands (or stood) for a period."""

    account: str
    kpi: str
    period: str
    starts_on: dt.date
    value: float
    known_at: dt.datetime
    source: str


_FAILURES = {401: Failure, 403: Failure, 413: Failure, 422: Failure | rows.Taken, 429: Failure}
_SHAPE = '{"values": [{"account": "A-1", "kpi": "close_days", "period": "2026-10", "value": 4}]}'
_FIELDS = ("account", "kpi", "period", "value", "system")


@router.get(
    "/kpis", response={200: list[Declared], 401: Failure, 403: Failure, 429: Failure},
    auth=Holder("kpis.read", "kpis.write"), summary="The declared KPIs", url_name="kpis",
)  # fmt: skip
def declared(request: HttpRequest) -> list[Kpi]:
    """Keys, units, periods and bounds: what values are checked against."""
    return list(Kpi.objects.all())


@router.post(
    "/kpis", response={200: rows.Taken, **_FAILURES}, auth=Holder("kpis.write"), summary="Store values",
    openapi_extra=rows.described(Rows, "values"),
)  # fmt: skip
def store(request: KeyedRequest) -> HttpResponse:
    """Good rows are stored in one transaction, bad ones are told with what is allowed; 422 where all are bad.

    The newest report of a period stands and an equal one changes nothing, so a request may be sent again; with an
    `Idempotency-Key` also long after others.
    """
    return rows.take(request, "values", _SHAPE, _store)


def _store(given: list[Any], key: ApiKey, now: dt.datetime, is_history: bool) -> tuple[int, dict[str, Any]]:
    def record(read: list[Reported]) -> Recorded:
        reach = reachable(key) if key.staff is not None else None
        return record_kpi_values(
            read, source=key.name, by=key.staff, now=now, is_history=is_history, accounts=reach
        )

    return rows.stored(given, _reported, record, _asked)


def _reported(row: rows.Row) -> Reported:
    rows.only(row, _FIELDS)
    value, account, kpi = rows.value(row), rows.text(row, "account"), rows.text(row, "kpi")
    rows.text(row, "period")
    return Reported(account, kpi, row["period"], value, rows.system(row))


def _asked(row: rows.Row) -> str:
    return _("to store the value of %(kpi)s of %(account)s in %(period)s") % {
        name: str(row.get(name, "?"))[:80] for name in ("kpi", "account", "period")
    }


class Asked(Schema):
    account: str = Field(description="The account's external id.")
    kpi: str = Field("", description="Only this KPI.")
    known_before: dt.datetime | None = Field(
        None, description="As known before this instant; without it as it stands now."
    )


@router.get(
    "/kpis/values", response={200: list[Value], 401: Failure, 403: Failure, 404: Failure, 422: Failure, 429: Failure},
    auth=Holder("kpis.read"), summary="Values of an account", url_name="kpi-values",
)  # fmt: skip
def values(request: KeyedRequest, asked: Query[Asked]) -> list[dict[str, Any]]:
    """The values that stand, or stood before an instant. Amounts are left out where the key's person sees none."""
    key = request.auth
    account = account_reached(key, asked.account, _("the values of an account"))
    known = asked.known_before
    if known is not None and known.tzinfo is None:
        known = known.replace(tzinfo=queries.vendor_zone())
    sees_money = key.staff is None or key.staff.sees_money
    return [
        {
            "account": account.external_id,
            "kpi": course.kpi.key,
            "period": periods.text_of(course.kpi.span, row.starts_on),
            "starts_on": row.starts_on,
            "value": row.value,
            "known_at": row.known_at,
            "source": row.source,
        }
        for course in kpis.courses(account, known_before=known)
        if asked.kpi in ("", course.kpi.key) and (sees_money or course.kpi.unit != Kpi.Unit.MONEY)
        for row in course.values
    ]
