"""Where the script inside the vendor's product comes from and what it asks: a person's signature is the right, its site must be known."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.utils import translation
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from evergreen.base import clock
from evergreen.base.languages import spoken
from evergreen.customers.models import Contact
from evergreen.touches.channels.in_app import InApp, InAppConfig
from evergreen.touches.in_app import boxes, hearing, rules
from evergreen.touches.models import Channel, Message
from evergreen.touches.queries import language_of
from evergreen.touches.ways import adapter_of
from evergreen.web.presenters.messages.templates import looks
from evergreen.web.requests import StaffRequest

SCRIPT = Path(__file__).parent.parent / "static" / "vendor" / "in-app.min.js"
_MOST_BYTES = 64_000
_AGAIN_SECONDS = 300


class _RefusedError(Exception):
    """A call that is not answered: its status, and a word for it that stays the same."""

    def __init__(self, status: int, fault: str, said: str) -> None:
        super().__init__(said)
        self.status, self.fault = status, fault


@dataclass(frozen=True, slots=True)
class _Caller:
    channel: Channel
    config: InAppConfig
    contact: Contact | None
    body: dict[str, Any]
    now: dt.datetime

    @property
    def message(self) -> Message:
        """The message that the call is about."""
        key = str(self.body.get("message", ""))
        found = hearing.message_of(self.channel, self.contact, key) if self.contact is not None else None
        if found is None:
            raise _RefusedError(404, "message", "This person has no such message.")
        return found


@cache
def _script() -> bytes:
    return SCRIPT.read_bytes()


def _channel(token: str) -> Channel:
    found = Channel.objects.filter(door=token, kind=InApp.kind).first() if token else None
    if found is None:
        raise Http404("No channel has this address.")
    return found


@login_not_required
@require_GET
@cache_control(public=True, max_age=3600)
def script(request: HttpRequest, token: str) -> HttpResponse:
    """The script itself, the same for everybody; it asks at the address that it came from."""
    _channel(token)
    answer = HttpResponse(_script(), content_type="text/javascript; charset=utf-8")
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer


def _told(act: Callable[[_Caller], HttpResponse]) -> Callable[[HttpRequest, str], HttpResponse]:
    """A call of the script: its site, its body and its signature are looked at first; a refusal says what to do."""

    @login_not_required
    @csrf_exempt
    @never_cache
    @require_POST
    @wraps(act)
    def view(request: HttpRequest, token: str) -> HttpResponse:
        channel, now = _channel(token), clock.utc_now()
        try:
            config: InAppConfig = adapter_of(channel).config
        except ValueError:
            # Its page says so too; the product shows nothing meanwhile.
            return JsonResponse(
                {"error": "The channel's secret cannot be opened: enter it again in Evergreen."}, status=503
            )
        origin = request.headers.get("Origin", "")
        fault = ""
        try:
            if not rules.is_site(origin, config.listed):
                raise _RefusedError(
                    403, "site", f"The site “{origin[:200]}” is not among the channel's. Add it in Evergreen."
                )
            body = _body(request)
            answer = act(_Caller(channel, config, _contact(config, body), body, now))
        except _RefusedError as refusal:
            fault = refusal.fault
            answer = JsonResponse({"error": str(refusal)}, status=refusal.status)
        if origin:
            hearing.note_site(channel, origin, fault, now=now)
        if fault != "site":
            answer["Access-Control-Allow-Origin"] = origin
        answer["Vary"] = "Origin"
        return answer

    return view


def _body(request: HttpRequest) -> dict[str, Any]:
    # A plain text, as browsers send it without asking first.
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > _MOST_BYTES:
        raise _RefusedError(413, "body", f"A call has at most {_MOST_BYTES:,} bytes.")
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _RefusedError(400, "body", "A call is a JSON object with user and signature.")
    return found


def _contact(config: InAppConfig, body: dict[str, Any]) -> Contact | None:
    user, account = str(body.get("user", ""))[:200], str(body.get("account", ""))[:200]
    if not rules.is_signed(config.secret, user, account, str(body.get("signature", ""))):
        said = "The signature does not fit: HMAC-SHA256, hexadecimal, of the user's id (with account: account, a line feed, user) under the channel's secret, made on your server."
        raise _RefusedError(403, "signature", said)
    try:
        return boxes.contact_of(user, account)
    except boxes.UnclearError:
        raise _RefusedError(
            409, "account", "Several accounts have a user with this id: send and sign the account's id too."
        ) from None


@_told
def messages(caller: _Caller) -> HttpResponse:
    """What to show this person now; nothing for one whom nobody knows yet."""
    found = []
    if caller.contact is not None and caller.channel.is_on:
        found = boxes.messages_of(caller.channel, caller.contact, config=caller.config, now=caller.now)
    language = language_of(caller.contact) if caller.contact is not None else "en"
    return JsonResponse(
        {
            "messages": [boxes.drawn(message, ask) for message, ask in found],
            "look": boxes.look_of(caller.config),
            "words": boxes.words(language) if found else {},
            "again": _AGAIN_SECONDS,
        }
    )


@_told
def receipts(caller: _Caller) -> HttpResponse:
    try:
        hearing.hear(caller.message, str(caller.body.get("kind", "")), now=caller.now)
    except ValidationError as error:
        raise _RefusedError(422, "kind", " ".join(error.messages)) from None
    return JsonResponse({})


@_told
def answers(caller: _Caller) -> HttpResponse:
    """422 with what is missing by field where something is; nothing is kept then."""
    with translation.override(language_of(caller.contact) if caller.contact else "en"):
        try:
            wrong = hearing.take_answer(caller.message, _fields(caller.body.get("fields")), now=caller.now)
        except ValidationError as error:
            raise _RefusedError(409, "closed", " ".join(error.messages)) from None
    return JsonResponse({"wrong": wrong}, status=422 if wrong else 200)


def _fields(given: object) -> dict[str, list[str]]:
    """A form's fields: each a list of texts."""
    if not isinstance(given, dict):
        raise _RefusedError(422, "fields", "fields is an object: each name with a list of texts.")
    return {
        str(name): [str(one) for one in (told if isinstance(told, list) else [told])]
        for name, told in given.items()
    }


def asked_language(request: StaffRequest) -> str:
    """The language that a preview is asked in, else the reader's."""
    return {"zh": "zh-hans", "en": "en"}.get(request.GET.get("lang", ""), request.LANGUAGE_CODE)


def in_a_product(request: StaffRequest, message: dict[str, Any], *, back: str) -> HttpResponse:
    """A page like one of a product, on which our script draws a message, in each look, without telling anybody."""
    channel = Channel.objects.filter(kind=InApp.kind).order_by("-is_on", "pk").first()
    config: InAppConfig | None = adapter_of(channel).config if channel is not None else None
    asked = request.GET.get("look", "")
    language = asked_language(request)
    shown = {
        "message": {**message, "look": asked if asked in rules.LOOKS else message["look"]},
        "look": boxes.look_of(config) if config is not None else boxes.DEFAULT_LOOK,
        "words": boxes.words(language),
    }
    choices = [(key, label, key == shown["message"]["look"]) for key, label in looks()]
    context = {"shown": shown, "back": back, "looks": choices, "lang": spoken(language)}
    return render(request, "pages/messages/in_app.html", context)


urls = [
    path("in-app/<str:token>/script.js", script, name="in-app-script"),
    path("in-app/<str:token>/messages/", messages, name="in-app-messages"),
    path("in-app/<str:token>/receipts/", receipts, name="in-app-receipts"),
    path("in-app/<str:token>/answers/", answers, name="in-app-answers"),
]
