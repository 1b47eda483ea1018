"""Around every page: sign-in first, the reader's language, the vendor's zone, words on what was just done."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils import timezone, translation

from evergreen.base import clock, queries
from evergreen.metrics import registry
from evergreen.web import shell

Answer = Callable[[HttpRequest], HttpResponse]
# Where somebody may be who signed in with a one-time password and has to choose an own one first.
FIRST_PLACES = {"profile", "profile-password", "preferences", "sign-out", "sign-in", "as-of"}


class SignedInMiddleware(LoginRequiredMiddleware):
    """Every page needs a signed-in person unless it says ``login_not_required``; no cache keeps it.

    A fragment asked for after the session ended takes the whole page to the sign-in.
    """

    def handle_no_permission(  # type: ignore[override]  # a fragment gets no redirect
        self, request: HttpRequest, view_func: Callable[..., Any]
    ) -> HttpResponseBase:
        answer = super().handle_no_permission(request, view_func)
        if request.headers.get("HX-Request") == "true":
            here = request.headers.get("HX-Current-URL", "/")
            fragment = HttpResponse(status=204)
            fragment["HX-Redirect"] = self.get_login_url(view_func) + "?next=" + _path_of(here)
            return fragment
        return answer

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], *arguments: Any
    ) -> HttpResponseBase | None:
        answer: HttpResponseBase | None = super().process_view(request, view_func, *arguments)
        place = request.resolver_match.url_name if request.resolver_match else ""
        if (
            answer is None
            and getattr(request.user, "has_one_time_password", False)
            and place not in FIRST_PLACES
        ):
            return HttpResponseRedirect("/profile/")
        return answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = cast(HttpResponse, super().__call__(request))
        if request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "no-store")
        return response


def _path_of(url: str) -> str:
    from urllib.parse import quote, urlsplit

    parts = urlsplit(url)
    return quote(parts.path + (f"?{parts.query}" if parts.query else ""))


class PreferencesMiddleware:
    """Show pages in the person's language, else the vendor's, and in the vendor's time zone."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        vendor = queries.all_settings()
        request.vendor = vendor  # type: ignore[attr-defined]
        zone = clock.zone(vendor["timezone"])
        now = clock.utc_now()
        request.now = now  # type: ignore[attr-defined]
        request.today = clock.local_day(now, zone)  # type: ignore[attr-defined]
        chosen = getattr(request.user, "language", "") or _asked_for(request) or vendor["language"]
        # What the vendor declares as metrics is looked at once a page.
        with translation.override(chosen), timezone.override(zone), registry.held():
            request.LANGUAGE_CODE = chosen
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", chosen)
        return response


def _asked_for(request: HttpRequest) -> str:
    """The language that somebody chose on the sign-in page."""
    asked = request.COOKIES.get("language", "")
    return asked if asked in {"zh-hans", "en"} else ""


class ToastMiddleware:
    """Hand words on what was just done to the page that asked: a fragment's answer carries them in a header.

    A whole page (also after a redirect) shows them itself. A change makes the rail's counts fresh.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method not in {"GET", "HEAD", "OPTIONS"} and request.user.is_authenticated:
            shell.forget_counts(request.user.pk)
        moves_on = response.has_header("HX-Redirect") or response.has_header("HX-Refresh")
        if (
            getattr(request, "htmx", False)
            and not moves_on
            and not isinstance(response, HttpResponseRedirect)
        ):
            said = [
                {"text": str(m), "tone": m.level_tag, "undo": m.extra_tags}
                for m in get_messages(request)  # reading them takes them off the session
            ]
            if said:
                known = json.loads(response.headers.get("HX-Trigger") or "{}")
                response["HX-Trigger"] = json.dumps({**known, "toast": said})
        return response
