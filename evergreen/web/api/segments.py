"""Segments by API, read only: what is asked, how many accounts and how much revenue, and which accounts."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Count, Sum
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from evergreen.customers.figures import SegmentMember
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.segments.models import Segment
from evergreen.metrics.segments.queries import segments, text_of
from evergreen.web.api.admission import Holder, KeyedRequest
from evergreen.web.api.errors import ApiError, Failure
from evergreen.web.api.keys import reachable

router = Router(tags=["Segments"])
MOST_ROWS = 1_000


class Listed(Schema):
    """A segment with the accounts that the key reaches. ``condition`` as text, empty where it names amounts that the key's role
    does not see; ``arr_cents`` in minor units of the vendor's currency, null likewise.
    """

    key: str
    name: dict[str, str]
    note: str
    condition: str
    version: int
    computed_on: dt.date | None
    accounts: int
    arr_cents: int | None


class Member(Schema):
    account: str
    name: str
    since: dt.date


class Members(Schema):
    """A page of accounts in order of their ids; ``next`` is the ``after`` of the following page, null on the last."""

    accounts: list[Member]
    next: str | None


class Page(Schema):
    after: str = Field("", description="Only accounts whose id comes after this one.")
    limit: int = Field(MOST_ROWS, ge=1, le=MOST_ROWS)


@router.get(
    "/segments", response={200: list[Listed], 401: Failure, 403: Failure, 429: Failure},
    auth=Holder("segments.read"), summary="The segments in use", url_name="segments",
)  # fmt: skip
def listed(request: KeyedRequest) -> list[dict[str, Any]]:
    """By key, as the newest night told them."""
    key = request.auth
    sees_money = key.staff is None or key.staff.sees_money
    mine = SegmentMember.objects.filter(account__in=reachable(key).order_by())
    rows = mine.values_list("segment").annotate(n=Count("pk"), arr=Sum("account__arr_base_cents"))
    sums = {segment: (n, arr or 0) for segment, n, arr in rows}
    fields = catalogue.all_fields()
    return [
        {
            "key": one.key,
            "name": one.name,
            "note": one.note,
            "condition": text_of(one, fields, hides_money=not sees_money),
            "version": one.version,
            "computed_on": one.computed_on,
            "accounts": sums.get(one.key, (0, 0))[0],
            "arr_cents": sums.get(one.key, (0, 0))[1] if sees_money else None,
        }
        for one in segments()
    ]


@router.get(
    "/segments/{segment}/accounts",
    response={200: Members, 401: Failure, 403: Failure, 404: Failure, 422: Failure, 429: Failure},
    auth=Holder("segments.read"), summary="The accounts of a segment", url_name="segment-accounts",
)  # fmt: skip
def members(request: KeyedRequest, segment: str, page: Query[Page]) -> dict[str, Any]:
    """With the day since which each is in it."""
    one = _segment(request, segment)
    mine = SegmentMember.objects.filter(segment=one.key, account__in=reachable(request.auth).order_by())
    rows = mine.filter(account__external_id__gt=page.after).order_by("account__external_id")
    found = list(rows.values_list("account__external_id", "account__name", "since")[: page.limit + 1])
    shown = found[: page.limit]
    return {
        "accounts": [{"account": account, "name": name, "since": since} for account, name, since in shown],
        "next": shown[-1][0] if len(found) > page.limit else None,
    }


def _segment(request: KeyedRequest, key: str) -> Segment:
    found = segments().filter(key=key).first()
    if found is None:
        raise ApiError(
            404,
            "no_such_segment",
            asked=f"{request.method} {request.path}",
            found=key[:200],
            allowed=_("the key of a segment in use"),
            saved=_("Nothing was changed."),
            next=_("Correct the key; /api/v1/segments lists them."),
        )
    return found
