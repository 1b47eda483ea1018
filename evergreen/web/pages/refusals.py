"""Where a contact refuses further messages: without signing in, by one click, and only by POST (RFC 8058)."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from evergreen.base import clock
from evergreen.base.queries import setting
from evergreen.touches import actions, outgoing


@login_not_required
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def refusal(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows what would be refused and changes nothing, for scanners follow links; POST refuses. The link itself is the right:
    nobody can make one up, and a mail program posts without a cookie.
    """
    message = outgoing.message_of(token)
    if message is None:
        return render(request, "pages/messages/refusal.html", {"vendor": setting("vendor_name")}, status=404)
    done = ""
    if request.method == "POST":
        done = _asked(request)
        if done == "back":
            actions.take_back(message, now=clock.utc_now())
        else:
            actions.refuse_by_link(token, now=clock.utc_now(), everything=done == "everything")
    with translation.override(message.language or str(setting("language"))):
        context = {
            "message": message,
            "vendor": setting("vendor_name"),
            "done": done,
            "topic": message.get_topic_display(),
        }
        return render(request, "pages/messages/refusal.html", context)


def _asked(request: HttpRequest) -> str:
    """What a POST wants: a mail program says List-Unsubscribe=One-Click, our page's buttons say more."""
    asked = request.POST.get("what", "")
    return asked if asked in {"everything", "back"} else "topic"


urls = [path("refusals/<str:token>/", refusal, name="refusal")]
