"""In-app messages by API, for products that draw them on their own: what waits for a person, and what came of it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from evergreen.base import clock
from evergreen.customers.models import Contact
from evergreen.touches.channels.in_app import InApp
from evergreen.touches.in_app import boxes, hearing
from evergreen.touches.models import Channel, Message
from evergreen.touches.ways import adapter_of
from evergreen.web.api.admission import Holder, KeyedRequest
from evergreen.web.api.errors import ApiError, Failure
from evergreen.web.api.keys import account_reached, reachable

router = Router(tags=["In-app messages"])
_FAILURES = {401: Failure, 403: Failure, 404: Failure, 409: Failure, 422: Failure, 429: Failure}


class Person(Schema):
    """Somebody who uses the product."""

    user: str = Field(description="The user's id, as events and contacts name it.", max_length=200)
    account: str = Field(
        "", description="The account's external id, where ids of users repeat.", max_length=200
    )
    channel: str = Field("", description="The channel's key, where there are several of this kind.")


class Waiting(Schema):
    """What to show now, best first; show one at a time. ``text`` is made of paragraphs ``{"p": runs}`` and points ``{"li": runs}``; a
    run is ``{"t": text}`` with ``b``, ``i``, ``a`` (address), or ``{"br": 1}``.
    """

    user: str
    messages: list[dict[str, Any]]


class Told(Person):
    message: str = Field(description="The message's `id`.")
    kind: str = Field(description="opened, clicked, dismissed or unsubscribed.")


class Answered(Person):
    message: str = Field(description="The message's `id`.")
    fields: dict[str, list[str]] = Field(
        description="`score`, `comment`, and `q-<key>` of each further question, each a list of texts."
    )


class Noted(Schema):
    message: str
    wrong: dict[str, str]


@router.get(
    "/in-app/messages", response={200: Waiting, **_FAILURES}, auth=Holder("in_app.read"),
    summary="What waits for a person in the product", url_name="in-app-messages",
)  # fmt: skip
def waiting(request: KeyedRequest, asked: Query[Person]) -> dict[str, Any]:
    """Reading shows nothing: tell what was shown, clicked or closed by `/in-app/receipts`."""
    channel, contact, now = _channel(asked), _contact(request, asked), clock.utc_now()
    found = []
    if channel.is_on:
        found = boxes.messages_of(channel, contact, config=adapter_of(channel).config, now=now)
    return {"user": asked.user, "messages": [boxes.drawn(message, ask) for message, ask in found]}


@router.post(
    "/in-app/receipts", response={200: Noted, **_FAILURES}, auth=Holder("in_app.write"),
    summary="Say what came of a message", url_name="in-app-receipts",
)  # fmt: skip
def receipt(request: KeyedRequest, told: Told) -> dict[str, Any]:
    """Told twice it comes to the same; shown counts once a day."""
    message = _message(request, told, told.message)
    try:
        hearing.hear(message, told.kind, now=clock.utc_now())
    except ValidationError as error:
        raise _refused(422, "kind", told.kind, " ".join(error.messages)) from None
    return {"message": told.message, "wrong": {}}


@router.post(
    "/in-app/answers", response={200: Noted, **_FAILURES}, auth=Holder("in_app.write"),
    summary="Answer the survey of a message", url_name="in-app-answers",
)  # fmt: skip
def answer(request: KeyedRequest, told: Answered) -> dict[str, Any]:
    """The newest answer counts. 422 where something is missing; nothing is kept then."""
    message = _message(request, told, told.message)
    try:
        wrong = hearing.take_answer(message, told.fields, now=clock.utc_now())
    except ValidationError as error:
        raise _refused(409, "closed", told.message, " ".join(error.messages)) from None
    if wrong:
        found = ", ".join(f"{name}: {why}" for name, why in wrong.items())
        raise _refused(422, "answer", found, _("a mark of the scale, and every question that is required"))
    return {"message": told.message, "wrong": {}}


def _channel(asked: Person) -> Channel:
    rows = Channel.objects.filter(kind=InApp.kind).order_by("-is_on", "pk")
    found = (rows.filter(key=asked.channel) if asked.channel else rows).first()
    if found is None:
        raise _refused(
            404, "no_channel", asked.channel or "-", _("a channel “In your product” that was set up")
        )
    return found


def _contact(request: KeyedRequest, asked: Person) -> Contact:
    if asked.account:
        account_reached(request.auth, asked.account, _("messages of a person"))
    try:
        found = boxes.contact_of(asked.user, asked.account)
    except boxes.UnclearError:
        allowed = _("the account's id too: users of several accounts have this id")
        raise _refused(409, "account", asked.user, allowed) from None
    if found is None or not reachable(request.auth).filter(pk=found.account_id).exists():
        allowed = _("the id in the product of a contact whose account the key reaches")
        raise _refused(404, "no_such_user", asked.user, allowed)
    return found


def _message(request: KeyedRequest, told: Person, key: str) -> Message:
    found = hearing.message_of(_channel(told), _contact(request, told), key)
    if found is None:
        raise _refused(404, "no_such_message", key[:200], _("a message that was sent to this person"))
    return found


def _refused(status: int, code: str, found: str, allowed: str) -> ApiError:
    return ApiError(
        status,
        code,
        asked=_("messages of a person"),
        found=found,
        allowed=allowed,
        saved=_("Nothing was changed."),
        next=_("Correct the request; /api/v1/docs shows its fields."),
    )
