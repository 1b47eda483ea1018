"""Risks of being lost by API, read only: each account's probability of the newest night with its reasons."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from evergreen.base.languages import in_words
from evergreen.foresight.models import Risk
from evergreen.foresight.risks import telling, words
from evergreen.web.api.admission import Holder, KeyedRequest
from evergreen.web.api.errors import ApiError, Failure
from evergreen.web.api.keys import reachable

router = Router(tags=["Risks"])
MOST_ROWS = 1_000


class Reason(Schema):
    """A column that the model looked at: ``pull`` in log-odds, above 0 raising the risk; no cause."""

    column: str
    pull: float
    zh: str
    en: str


class Told(Schema):
    account: str
    name: str
    probability: float
    reasons: list[Reason]


class Risks(Schema):
    """A page of accounts in order of their ids, as of the night of ``day``; ``average`` is of the whole book, ``next`` the
    ``after`` of the following page, null on the last.
    """

    horizon_days: int
    day: dt.date | None
    model: dt.datetime | None
    average: float | None
    accounts: list[Told]
    next: str | None


class Page(Schema):
    days: int = Field(90, description="Lost within so many days: 30, 90 or 180.")
    after: str = Field("", description="Only accounts whose id comes after this one.")
    limit: int = Field(MOST_ROWS, ge=1, le=MOST_ROWS)


@router.get(
    "/risks", response={200: Risks, 401: Failure, 403: Failure, 404: Failure, 422: Failure, 429: Failure},
    auth=Holder("risks.read"), summary="Who may be lost", url_name="risks",
)  # fmt: skip
def risks(request: KeyedRequest, page: Query[Page]) -> dict[str, Any]:
    """Of every account that the key reaches and whose cover goes on."""
    model = telling.champion(page.days)
    if model is None:
        raise ApiError(
            404,
            "no_model",
            asked=f"{request.method} {request.path}",
            found=in_words(telling.why_none(page.days)),
            allowed=_("a number of days for which a model serves"),
            saved=_("Nothing was changed."),
            next=_("Ask for other days, or learn a model: docs/churn.md."),
        )
    key = request.auth
    sees_money = key.staff is None or key.staff.sees_money
    mine = telling.risks_of(reachable(key), page.days).order_by("account__external_id")
    rows = mine.filter(account__external_id__gt=page.after).select_related("account")[: page.limit + 1]
    found = list(rows)
    shown = found[: page.limit]
    return {
        "horizon_days": page.days,
        "day": max((row.day for row in shown), default=None),
        "model": model.made_at,
        "average": telling.average(page.days),
        "accounts": [_told(row, sees_money=sees_money) for row in shown],
        "next": shown[-1].account.external_id if len(found) > page.limit else None,
    }


def _told(row: Risk, *, sees_money: bool) -> dict[str, Any]:
    return {
        "account": row.account.external_id,
        "name": row.account.name,
        "probability": row.probability,
        "reasons": [
            {
                "column": told[0],
                "pull": told[2],
                "zh": words.phrase(told, "zh", sees_money=sees_money),
                "en": words.phrase(told, "en", sees_money=sees_money),
            }
            for told in row.reasons
        ],
    }
