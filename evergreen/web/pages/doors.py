"""Where providers post what became of messages and what people answered: the address itself is the right."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from evergreen.base import clock
from evergreen.base.queries import setting
from evergreen.flow.notifying.answering import press
from evergreen.touches import actions
from evergreen.touches.channels.contract import ChannelAdapter
from evergreen.touches.channels.told import Posted, Pressed, Rung, Tied
from evergreen.touches.models import Channel
from evergreen.touches.ties.keeping import hear_ties
from evergreen.touches.ways import adapter_of


@login_not_required
@csrf_exempt
@require_http_methods(["GET", "POST"])
def door(request: HttpRequest, token: str) -> HttpResponse:
    """Write down what the provider of one channel tells, and thank it in its own way; it posts again what got another answer.

    Nobody can make the address up, and what its provider signs is held against its signature. 400 with a reason for what is none of the provider's. A GET is a provider that asks whether the
    address is ours (WeCom does before it saves it).
    """
    channel = Channel.objects.filter(door=token).first() if token else None
    if channel is None:
        raise Http404("No channel has this address.")
    adapter = adapter_of(channel)
    try:
        if request.method == "GET":
            return _greeting(adapter, request)
        adapter.proved(_posted(request))
        told = adapter.heard(request.body, {**request.GET.dict(), **request.POST.dict()})
    except ValueError as error:
        return HttpResponse(
            f"Not understood: {error}\n", status=400, content_type="text/plain; charset=utf-8"
        )
    now = clock.utc_now()
    actions.take_in(channel, told, now=now)
    hear_ties(channel, [one for one in told if isinstance(one, Tied)], now=now)
    for one in told:
        if isinstance(one, Pressed):
            press(channel, one, now=now)
        elif isinstance(one, Rung) and channel.is_on:
            actions.look_into(channel, now=now, handle=one.handle)
    kind, words = adapter.thanks or ("text/plain", "")
    return HttpResponse(words, content_type=kind)


def _posted(request: HttpRequest) -> Posted:
    """With the address that the channel's page shows, and with the one that we see ourselves."""
    seen = request.build_absolute_uri()
    shown = str(setting("public_url")).rstrip("/") + request.get_full_path()
    addresses = [shown, seen, f"https:{seen.partition(':')[2]}"]
    return Posted(request.body, request.POST.dict(), request.headers, addresses)


def _greeting(adapter: ChannelAdapter, request: HttpRequest) -> HttpResponse:
    words = adapter.greeted(request.GET.dict())
    if words is None:
        return HttpResponseNotAllowed(["POST"])
    return HttpResponse(words, content_type="text/plain; charset=utf-8")


urls = [path("in/<str:token>/", door, name="door")]
