"""The API of /api/v1: its resources, its errors, its addresses."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.utils import translation
from django.utils.translation import gettext as _
from ninja import NinjaAPI, Swagger
from ninja.errors import AuthenticationError, ValidationError
from ninja.responses import Response

from evergreen.web.api import in_app, kpis, metrics, portfolio, recommendations, risks, segments, targets
from evergreen.web.api.errors import ApiError

DOCS = {"openapi-json", "openapi-view", "api-root"}

api = NinjaAPI(
    title="Evergreen 常青",
    version="1",
    description=(
        "Send `Authorization: Bearer KEY`; keys are made under Settings → API keys or by `evergreen api-key create`. "
        "Errors say what was asked, found, allowed and saved, and what to do next, in the language of `Accept-Language`."
    ),
    docs=Swagger(settings={"persistAuthorization": False}),
    urls_namespace="api",
)
api.add_router("", kpis.router)
api.add_router("", metrics.router)
api.add_router("", segments.router)
api.add_router("", targets.router)
api.add_router("", portfolio.router)
api.add_router("", risks.router)
api.add_router("", recommendations.router)
api.add_router("", in_app.router)


@api.exception_handler(ApiError)
def refused(request: HttpRequest, error: ApiError | type[ApiError]) -> HttpResponse:
    assert isinstance(error, ApiError)
    return Response(error.body, status=error.status, headers=error.headers)


@api.exception_handler(AuthenticationError)
def without_key(request: HttpRequest, error: Any) -> HttpResponse:
    given = request.headers.get("Authorization", "")
    found = _("no Authorization header") if not given else _("a key that is unknown or was taken back")
    if given and not given.lower().startswith("bearer "):
        found = _("an Authorization header that is not “Bearer KEY”")
    answer = ApiError(
        401,
        "no_key",
        asked=f"{request.method} {request.path}",
        found=found,
        allowed=_(
            "the header “Authorization: Bearer KEY” with an API key in force (write keys send events only)"
        ),
        next=_("Make a key under Settings → API keys, or by “evergreen api-key create”."),
        headers={"WWW-Authenticate": "Bearer"},
    )
    return refused(request, answer)


@api.exception_handler(ValidationError)
def misread(request: HttpRequest, error: ValidationError | type[ValidationError]) -> HttpResponse:
    """Parameters of the address that cannot be read."""
    assert isinstance(error, ValidationError)
    first = error.errors[0] if error.errors else {}
    answer = ApiError(
        422,
        "parameter",
        asked=f"{request.method} {request.path}",
        found=", ".join(str(part) for part in first.get("loc", ())[-1:]),
        allowed=str(first.get("msg", "")),
        saved=_("Nothing was changed."),
        next=_("Correct the address; /api/v1/docs shows its parameters."),
    )
    return refused(request, answer)


@api.exception_handler(Http404)
def nothing_there(request: HttpRequest, error: Any) -> HttpResponse:
    answer = ApiError(
        404,
        "not_found",
        asked=f"{request.method} {request.path}",
        found=_("nothing there"),
        allowed=_("an address of /api/v1/docs"),
        next=_("Correct the address."),
    )
    return refused(request, answer)


def _spoken(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view open to keys instead of sessions, its words in the language that the request asks for."""

    @wraps(view)
    def speaking(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        asked = request.headers.get("Accept-Language", "").strip().lower()
        language = "zh-hans" if asked.startswith("zh") else "en"
        with translation.override(language):
            answer = view(request, *args, **kwargs)
        answer["Content-Language"] = language
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    return login_not_required(speaking)


def _patterns() -> list[URLPattern]:
    """The addresses of the API; its description alone is shown to people who are signed in."""
    found = [pattern for pattern in api.urls[0] if isinstance(pattern, URLPattern)]
    for pattern in found:
        if pattern.name not in DOCS:
            pattern.callback = _spoken(pattern.callback)
    return found


patterns = _patterns()
urls: list[URLPattern | URLResolver] = [path("api/v1/", (patterns, "ninja", "api"))]
