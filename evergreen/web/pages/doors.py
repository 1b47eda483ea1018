"""Where providers post what became of messages and what people answered: the address itself is the right."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from evergreen.base import clock
from evergreen.touches import actions
from evergreen.touches.models import Channel
from evergreen.touches.ways import adapter_of


@login_not_required
@csrf_exempt
@require_POST
def door(request: HttpRequest, token: str) -> HttpResponse:
    """Write down what the provider of one channel tells, and thank it in its own way; it posts again what got another answer.

    Nobody can make the address up. 400 with a reason for what is none of the provider's.
    """
    channel = Channel.objects.filter(door=token).first() if token else None
    if channel is None:
        raise Http404("No channel has this address.")
    adapter = adapter_of(channel)
    try:
        told = adapter.heard(request.body, request.POST.dict())
    except ValueError as error:
        return HttpResponse(
            f"Not understood: {error}\n", status=400, content_type="text/plain; charset=utf-8"
        )
    actions.hear(channel, told, now=clock.utc_now())
    kind, words = adapter.thanks or ("text/plain", "")
    return HttpResponse(words, content_type=kind)


urls = [path("in/<str:token>/", door, name="door")]
