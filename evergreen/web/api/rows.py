"""Rows of a body stored one by one: good ones in one transaction, bad ones told with what is allowed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Schema
from ninja.responses import Response
from pydantic import Field

from evergreen.base import clock, queries
from evergreen.base.upserts import Outcome
from evergreen.events.kpis.actions import Recorded, Refusal
from evergreen.web.api.admission import KeyedRequest
from evergreen.web.api.bodies import read_object, too_large, unreadable
from evergreen.web.api.errors import Marks
from evergreen.web.api.models import ApiKey
from evergreen.web.api.repeats import Answer, answered_once

Row = dict[str, Any]
Read = Callable[[Row], Any]  # raises RowError


class RowError(Exception):
    """Why a row cannot be read: the field, what was found, what is allowed."""

    def __init__(self, field: str, found: object, allowed: str) -> None:
        super().__init__(field)
        self.field, self.found, self.allowed = field, str(found)[:200], allowed


class RowProblem(Marks):
    """Why a row was not stored; the others are."""

    row: int = Field(description="Its place among those sent, from 0.")
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


IDEMPOTENCY_KEY = {
    "in": "header", "name": "Idempotency-Key", "required": False, "schema": {"type": "string", "maxLength": 200},
    "description": "The same request under the same name is answered as the first time and does nothing more.",
}  # fmt: skip


def described(body: type[Schema], field: str) -> dict[str, Any]:
    """What a POST of rows takes, for the description alone: a row that is wrong must not refuse its neighbours."""
    schema = body.model_json_schema()
    schema["properties"][field]["items"] = schema.pop("$defs")["Row"]
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "parameters": [IDEMPOTENCY_KEY],
    }


def take(
    request: KeyedRequest,
    field: str,
    shape: str,
    store: Callable[[list[Any], ApiKey, dt.datetime, bool], Answer],
) -> HttpResponse:
    """Answer a body of ``{field: [rows], "history": bool}``; ``shape`` is an example of it."""
    key = request.auth
    body, found = read_object(request, shape)
    rows = found.get(field)
    is_history = found.get("history", False)
    unknown = sorted(set(found) - {field, "history"})
    if not isinstance(rows, list) or not isinstance(is_history, bool) or unknown:
        raise unreadable(", ".join(unknown) or ", ".join(sorted(found)) or "{}", shape)
    most = queries.setting("api_rows")
    if len(rows) > most:
        raise too_large(
            _("%(n)s rows") % {"n": f"{len(rows):,}"}, _("%(most)s rows a request") % {"most": f"{most:,}"}
        )
    now = clock.utc_now()
    (status, said), is_repeat = answered_once(
        request, key, body, now, lambda: store(rows, key, now, is_history)
    )
    answer = Response(said, status=status)
    if is_repeat:
        answer["Idempotency-Replayed"] = "true"
    return answer


def stored(
    rows: list[Any], read: Read, record: Callable[[list[Any]], Recorded], asked: Callable[[Row], str]
) -> Answer:
    """Read each row, record those that could be read, and say what became of all; ``asked`` names a row."""
    good: list[Any] = []
    places: list[int] = []
    refusals: list[Refusal] = []
    for place, row in enumerate(rows):
        try:
            good.append(read(_object(row)))
            places.append(place)
        except RowError as error:
            correct = _("Correct the row and send it again.")
            refusals.append(Refusal(place, error.field, error.found, error.allowed, correct))
    recorded = record(good)
    refusals += [
        Refusal(places[one.row], one.field, one.found, one.allowed, one.next) for one in recorded.refusals
    ]
    kept = len(rows) - len(refusals)
    said = {
        "rows": len(rows),
        "created": recorded.count(Outcome.CREATED),
        "updated": recorded.count(Outcome.UPDATED),
        "unchanged": recorded.count(Outcome.UNCHANGED),
        "duplicates": recorded.count(Outcome.DUPLICATE),
        "rejected": len(refusals),
        "errors": [
            {
                "row": one.row,
                "field": one.field,
                "asked": asked(rows[one.row] if isinstance(rows[one.row], dict) else {}),
                "found": one.found,
                "allowed": one.allowed,
                "saved": _("Nothing of this row; %(n)s of the other rows are stored.") % {"n": f"{kept:,}"},
                "next": one.next,
            }
            for one in sorted(refusals, key=lambda one: one.row)
        ],
    }
    return (422 if refusals and not kept else 200), said


def _object(row: Any) -> Row:
    if not isinstance(row, dict):
        raise RowError("", row, _("an object"))
    return row


def only(row: Row, fields: Sequence[str]) -> None:
    if unknown := sorted(set(row) - set(fields)):
        raise RowError(unknown[0], unknown[0], ", ".join(fields))


def text(row: Row, name: str) -> str:
    """A text that must be there; a whole number is taken for its digits as an account's id."""
    given = row.get(name)
    if name == "account" and isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    if not isinstance(given, str) or not given.strip() or len(given) > 200 or "\0" in given:
        raise RowError(name, row.get(name, ""), _("a text of 1 to 200 characters"))
    return given.strip()


def system(row: Row) -> str:
    given = row.get("system", "")
    if not isinstance(given, str) or len(given) > 60 or "\0" in given:
        raise RowError("system", given, _("a text of at most 60 characters"))
    return given.strip()


def value(row: Row) -> Any:
    if "value" not in row:
        raise RowError("value", "", _("a number, or null to take it back"))
    return row["value"]


def day(row: Row, name: str) -> dt.date:
    try:
        return dt.date.fromisoformat(row[name])
    except (KeyError, TypeError, ValueError):
        raise RowError(name, row.get(name, ""), _("a date such as 2026-10-01")) from None
