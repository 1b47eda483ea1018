"""What belongs to the frame itself: how fresh the data is, the person's language and theme."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from evergreen.base.models import User
from evergreen.web.requests import StaffRequest


@require_GET
def as_of(request: StaffRequest) -> HttpResponse:
    """The line "data as of …", asked for again every minute."""
    return render(request, "parts/asof.html")


@require_POST
def preferences(request: StaffRequest) -> HttpResponse:
    """Keep the language or theme that the person chose and show the same page again."""
    user = request.user
    if (language := request.POST.get("language", "")) in {"zh-hans", "en"}:
        user.language = language
    if (theme := request.POST.get("theme", "")) in User.Theme.values:
        user.theme = theme
    user.save(update_fields=["language", "theme"])
    here = request.POST.get("next", "/")
    safe = url_has_allowed_host_and_scheme(here, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(here if safe else "/")


urls = [path("as-of/", as_of, name="as-of"), path("preferences/", preferences, name="preferences")]
