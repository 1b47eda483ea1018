"""Recommendations by API: what to show in the vendor's product, and what came of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from evergreen.base import clock
from evergreen.events.models import EndUser
from evergreen.foresight.recommendations import actions, recommending, words
from evergreen.foresight.recommendations.models import ItemKind
from evergreen.web.api.admission import Holder, KeyedRequest
from evergreen.web.api.errors import ApiError, Failure
from evergreen.web.api.keys import account_reached

router = Router(tags=["Recommendations"])
_FAILURES = {401: Failure, 403: Failure, 404: Failure, 422: Failure, 429: Failure}


class Asked(Schema):
    account: str = Field(description="The account's external id.")
    user: str = Field(
        "",
        description="The end user's id as events name it; without it for the account as a whole.",
        max_length=200,
    )
    kind: str = Field(
        "",
        description="Only feature, touch, playbook, lesson or article. An end user is told features, lessons and articles.",
    )
    limit: int = Field(3, ge=1, le=recommending.MOST, description="The best so many.")


class Item(Schema):
    """Something to show. ``score`` orders within a kind; ``reason`` is in the language of `Accept-Language`."""

    kind: str
    key: str
    name: dict[str, str]
    score: float
    reason: list[str]
    address: str


class Recommended(Schema):
    """What to show now. ``held_back``: the account belongs to the share that sees nothing, so that the effect can be measured."""

    account: str
    user: str
    learned_on: dt.date | None
    held_back: bool
    items: list[Item]


class Told(Schema):
    """What came of something that was shown."""

    account: str
    user: str = Field("", max_length=200)
    kind: str
    key: str
    outcome: str = Field(
        description="seen, taken or dismissed; dismissed items are not shown again for 90 days."
    )


class Noted(Schema):
    account: str
    user: str
    kind: str
    key: str
    outcome: str


@router.get(
    "/recommendations", response={200: Recommended, **_FAILURES}, auth=Holder("recommendations.read"),
    summary="What to show an account or an end user next", url_name="recommendations",
)  # fmt: skip
def recommended(request: KeyedRequest, asked: Query[Asked]) -> dict[str, Any]:
    """Read with the newest behaviour: events count some seconds after they were acknowledged. What is answered counts as shown."""
    account = account_reached(request.auth, asked.account, _("recommendations of an account"))
    if asked.kind and asked.kind not in ItemKind.values:
        raise _refused(f"kind={asked.kind}", ", ".join(ItemKind.values))
    owners = (
        set(EndUser.objects.filter(key=asked.user).values_list("account", flat=True)) if asked.user else set()
    )
    # One of another account is no business of this one; one that was never named may be new.
    if owners - {None} and account.pk not in owners:
        raise _refused(f"user={asked.user}", _("an end user of this account"))
    now = clock.utc_now()
    found = recommending.recommend(
        account, now=now, end_user=asked.user, kinds=[asked.kind] if asked.kind else ()
    )
    items = found.items[: asked.limit]
    actions.expose(account, items, is_held=found.is_held, now=now, end_user=asked.user)
    names = words.feature_names()
    return {
        "account": account.external_id,
        "user": asked.user,
        "learned_on": found.day,
        "held_back": found.is_held,
        "items": [] if found.is_held else [
            {
                "kind": one.kind, "key": one.key, "name": one.name, "score": round(one.score, 6), "address": one.address,
                "reason": words.reasons(one, names, for_user=bool(asked.user)),
            }
            for one in items
        ],
    }  # fmt: skip


@router.post(
    "/recommendations/outcomes", response={200: Noted, **_FAILURES}, auth=Holder("recommendations.write"),
    summary="Say what came of a recommendation", url_name="recommendation-outcomes",
)  # fmt: skip
def outcome(request: KeyedRequest, told: Told) -> dict[str, Any]:
    """The last word stands; saying the same again changes nothing, so a request may be sent again."""
    account = account_reached(request.auth, told.account, _("the outcome of a recommendation"))
    try:
        row = actions.note_outcome(
            account,
            told.kind,
            told.key,
            told.outcome,
            by=request.auth.staff,
            now=clock.utc_now(),
            end_user=told.user,
        )
    except ValidationError as error:
        raise _refused(
            " ".join(error.messages), _("seen, taken or dismissed, of what was answered before")
        ) from None
    return {
        "account": account.external_id,
        "user": told.user,
        "kind": row.kind,
        "key": row.key,
        "outcome": row.outcome,
    }


def _refused(found: str, allowed: str) -> ApiError:
    return ApiError(
        422, "recommendation", asked=_("recommendations"), found=found[:300], allowed=allowed, saved=_("Nothing was changed."),
        next=_("Correct the request; /api/v1/docs shows its fields."),
    )  # fmt: skip
