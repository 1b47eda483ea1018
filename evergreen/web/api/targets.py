"""Targets of KPIs by API: what an account is to reach from a day on, by when."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from evergreen.events.kpis import queries as kpis
from evergreen.events.kpis.actions import Aimed, Recorded, set_kpi_targets
from evergreen.events.kpis.models import Kpi
from evergreen.web.api import rows
from evergreen.web.api.admission import Holder, KeyedRequest
from evergreen.web.api.errors import Failure
from evergreen.web.api.keys import account_reached, reachable
from evergreen.web.api.models import ApiKey

router = Router(tags=["KPIs"])


class Row(Schema):
    """What a KPI of an account is to reach."""

    account: str = Field(description="The account's external id, or its id in `system`.")
    kpi: str = Field(description="Key of a declared KPI.")
    value: float | None = Field(description="A number as the KPI's values are; null takes the target back.")
    starts: dt.date = Field(alias="from", description="The day from which it holds, until the next one does.")
    due: dt.date | None = Field(None, alias="by", description="The day by which it is to be reached.")
    system: str = Field("", description="Whose id `account` is (crm, erp …).")


class Rows(Schema):
    targets: list[Row] = Field(description="At most `api_rows` (1,000) rows.")
    history: bool = Field(
        False,
        description="True: a target that is new is known from its first day on, not from now (back-fill).",
    )


class Target(Schema):
    """A target that stands (or stood)."""

    account: str
    kpi: str
    value: float
    starts: dt.date = Field(serialization_alias="from")
    due: dt.date | None = Field(serialization_alias="by")
    known_at: dt.datetime
    source: str


_FAILURES = {401: Failure, 403: Failure, 413: Failure, 422: Failure | rows.Taken, 429: Failure}
_SHAPE = '{"targets": [{"account": "A-1", "kpi": "close_days", "value": 3, "from": "2026-10-01", "by": "2026-12-31"}]}'
_FIELDS = ("account", "kpi", "value", "from", "by", "system")


@router.post(
    "/kpis/targets", response={200: rows.Taken, **_FAILURES}, auth=Holder("kpis.write"), summary="Set targets",
    openapi_extra=rows.described(Rows, "targets"), url_name="kpi-targets-set",
)  # fmt: skip
def store(request: KeyedRequest) -> HttpResponse:
    """By the rules of values: good rows in one transaction, an equal one changes nothing, what stood before is kept."""
    return rows.take(request, "targets", _SHAPE, _store)


def _store(given: list[Any], key: ApiKey, now: dt.datetime, is_history: bool) -> tuple[int, dict[str, Any]]:
    def record(read: list[Aimed]) -> Recorded:
        reach = reachable(key) if key.staff is not None else None
        return set_kpi_targets(
            read, source=key.name, by=key.staff, now=now, is_history=is_history, accounts=reach
        )

    return rows.stored(given, _aimed, record, _asked)


def _aimed(row: rows.Row) -> Aimed:
    rows.only(row, _FIELDS)
    account, kpi, value = rows.text(row, "account"), rows.text(row, "kpi"), rows.value(row)
    starts_on = rows.day(row, "from")
    due_on = None if row.get("by") is None else rows.day(row, "by")
    return Aimed(account, kpi, value, starts_on, due_on, rows.system(row))


def _asked(row: rows.Row) -> str:
    return _("to set the target of %(kpi)s of %(account)s from %(day)s on") % {
        "kpi": str(row.get("kpi", "?"))[:80],
        "account": str(row.get("account", "?"))[:80],
        "day": str(row.get("from", "?"))[:80],
    }


class Asked(Schema):
    account: str = Field(description="The account's external id.")
    kpi: str = Field("", description="Only this KPI.")


@router.get(
    "/kpis/targets", response={200: list[Target], 401: Failure, 403: Failure, 404: Failure, 422: Failure, 429: Failure},
    auth=Holder("kpis.read"), summary="Targets of an account", url_name="kpi-targets", by_alias=True,
)  # fmt: skip
def targets(request: KeyedRequest, asked: Query[Asked]) -> list[dict[str, Any]]:
    """The targets that stand, in order of their first day. Amounts are left out where the key's person sees none."""
    key = request.auth
    account = account_reached(key, asked.account, _("the targets of an account"))
    sees_money = key.staff is None or key.staff.sees_money
    return [
        {
            "account": account.external_id,
            "kpi": course.kpi.key,
            "value": row.value,
            "starts": row.starts_on,
            "due": row.due_on,
            "known_at": row.known_at,
            "source": row.source,
        }
        for course in kpis.courses(account)
        if asked.kpi in ("", course.kpi.key) and (sees_money or course.kpi.unit != Kpi.Unit.MONEY)
        for row in course.targets
        if row.value is not None
    ]
