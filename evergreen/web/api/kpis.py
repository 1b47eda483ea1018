"""KPIs by API: what is declared, values in, values out."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from ninja.responses import Response
from pydantic import Field

from evergreen.base import clock, queries
from evergreen.base.upserts import Outcome
from evergreen.events.imports import references
from evergreen.events.kpis import periods
from evergreen.events.kpis import queries as kpis
from evergreen.events.kpis.actions import Refusal, Reported, record_kpi_values
from evergreen.events.kpis.models import Kpi
from evergreen.web.api.admission import Holder
from evergreen.web.api.bodies import read_object, too_large, unreadable
from evergreen.web.api.errors import ApiError, Failure, Marks
from evergreen.web.api.keys import reachable
from evergreen.web.api.models import ApiKey
from evergreen.web.api.repeats import answered_once

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


class RowProblem(Marks):
    """Why a row was not stored; the others are."""

    row: int = Field(description="Its place among the values, from 0.")
    field: str


class Taken(Schema):
    """What became of the rows: rows = created + updated + unchanged + duplicates + rejected."""

    rows: int
    created: int
    updated: int
    unchanged: int
    duplicates: int
    rejected: int
    errors: list[RowProblem]


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


_FAILURES = {401: Failure, 403: Failure, 413: Failure, 422: Failure | Taken, 429: Failure}
_SHAPE = '{"values": [{"account": "A-1", "kpi": "close_days", "period": "2026-10", "value": 4}]}'
_FIELDS = ("account", "kpi", "period", "value", "system")


def _body() -> dict[str, Any]:
    """The body's schema, for the description alone: a row that is wrong must not refuse its neighbours."""
    schema = Rows.model_json_schema()
    schema["properties"]["values"]["items"] = schema.pop("$defs")["Row"]
    return schema


@router.get(
    "/kpis", response={200: list[Declared], 401: Failure, 403: Failure, 429: Failure},
    auth=Holder("kpis.read", "kpis.write"), summary="The declared KPIs", url_name="kpis",
)  # fmt: skip
def declared(request: HttpRequest) -> list[Kpi]:
    """Keys, units, periods and bounds: what values are checked against."""
    return list(Kpi.objects.all())


@router.post(
    "/kpis", response={200: Taken, **_FAILURES}, auth=Holder("kpis.write"), summary="Store values",
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": _body()}}},
        "parameters": [{
            "in": "header", "name": "Idempotency-Key", "required": False, "schema": {"type": "string", "maxLength": 200},
            "description": "The same request under the same name is answered as the first time and does nothing more.",
        }],
    },
)  # fmt: skip
def store(request: HttpRequest) -> HttpResponse:
    """Good rows are stored in one transaction, bad ones are told with what is allowed; 422 where all are bad.

    The newest report of a period stands and an equal one changes nothing, so a request may be sent again; with an
    `Idempotency-Key` also long after others.
    """
    key: ApiKey = request.auth  # type: ignore[attr-defined]  # what Holder let in
    body, found = read_object(request, _SHAPE)
    rows = found.get("values")
    is_history = found.get("history", False)
    unknown = sorted(set(found) - {"values", "history"})
    if not isinstance(rows, list) or not isinstance(is_history, bool) or unknown:
        raise unreadable(", ".join(unknown) or ", ".join(sorted(found)) or "{}", _SHAPE)
    most = queries.setting("api_rows")
    if len(rows) > most:
        raise too_large(
            _("%(n)s rows") % {"n": f"{len(rows):,}"}, _("%(most)s rows a request") % {"most": f"{most:,}"}
        )
    now = clock.utc_now()
    (status, said), is_repeat = answered_once(
        request, key, body, now, lambda: _store(rows, key, now, is_history=is_history)
    )
    answer = Response(said, status=status)
    if is_repeat:
        answer["Idempotency-Replayed"] = "true"
    return answer


def _store(rows: list[Any], key: ApiKey, now: dt.datetime, *, is_history: bool) -> tuple[int, dict[str, Any]]:
    read: list[Reported] = []
    places: list[int] = []
    refusals: list[Refusal] = []
    for place, row in enumerate(rows):
        given = _reported(place, row)
        if isinstance(given, Refusal):
            refusals.append(given)
        else:
            read.append(given)
            places.append(place)
    recorded = record_kpi_values(
        read, source=key.name, by=key.staff, now=now, is_history=is_history,
        accounts=reachable(key) if key.staff is not None else None,
    )  # fmt: skip
    refusals += [
        Refusal(places[one.row], one.field, one.found, one.allowed, one.next) for one in recorded.refusals
    ]
    stored = len(rows) - len(refusals)
    said = {
        "rows": len(rows),
        "created": recorded.count(Outcome.CREATED),
        "updated": recorded.count(Outcome.UPDATED),
        "unchanged": recorded.count(Outcome.UNCHANGED),
        "duplicates": recorded.count(Outcome.DUPLICATE),
        "rejected": len(refusals),
        "errors": [_problem(one, rows, stored) for one in sorted(refusals, key=lambda one: one.row)],
    }
    return (422 if refusals and not stored else 200), said


def _reported(place: int, row: Any) -> Reported | Refusal:
    """A row of the body as the room takes it, or why it is no row."""
    correct = _("Correct the row and send it again.")
    if not isinstance(row, dict):
        return Refusal(
            place,
            "",
            str(row)[:200],
            _("an object with %(fields)s") % {"fields": ", ".join(_FIELDS)},
            correct,
        )
    if unknown := sorted(set(row) - set(_FIELDS)):
        return Refusal(place, unknown[0], str(unknown[0])[:200], ", ".join(_FIELDS), correct)
    if "value" not in row:
        return Refusal(place, "value", "", _("a number, or null to take it back"), correct)
    account = row.get("account")
    account = str(account) if isinstance(account, int) and not isinstance(account, bool) else account
    for name, given in (("account", account), ("kpi", row.get("kpi")), ("period", row.get("period"))):
        if not isinstance(given, str) or not given.strip() or len(given) > 200 or "\0" in given:
            return Refusal(
                place, name, str(row.get(name, ""))[:200], _("a text of 1 to 200 characters"), correct
            )
    system = row.get("system", "")
    if not isinstance(system, str) or len(system) > 60 or "\0" in system:
        return Refusal(place, "system", str(system)[:200], _("a text of at most 60 characters"), correct)
    return Reported(str(account).strip(), row["kpi"].strip(), row["period"], row["value"], system.strip())


def _problem(refusal: Refusal, rows: list[Any], stored: int) -> dict[str, Any]:
    row = rows[refusal.row]
    told = row if isinstance(row, dict) else {}
    asked = _("to store the value of %(kpi)s of %(account)s in %(period)s") % {
        name: str(told.get(name, "?"))[:80] for name in ("kpi", "account", "period")
    }
    return {
        "row": refusal.row,
        "field": refusal.field,
        "asked": asked,
        "found": refusal.found,
        "allowed": refusal.allowed,
        "saved": _("Nothing of this row; %(n)s of the other rows are stored.") % {"n": f"{stored:,}"},
        "next": refusal.next,
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
def values(request: HttpRequest, asked: Query[Asked]) -> list[dict[str, Any]]:
    """The values that stand, or stood before an instant. Amounts are left out where the key's person sees none."""
    key: ApiKey = request.auth  # type: ignore[attr-defined]  # what Holder let in
    lookup = references.accounts()
    lookup.learn([asked.account])
    found = lookup.get(asked.account)
    account = reachable(key).filter(pk=found.pk).first() if found else None
    if account is None:
        raise ApiError(
            404,
            "no_such_account",
            asked=_("the values of an account"),
            found=asked.account[:200],
            allowed=_("the id of an account that the key reaches"),
            saved=_("Nothing was changed."),
            next=_("Correct the id."),
        )
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
