"""Search over everything a person may see."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from evergreen.web.presenters import search
from evergreen.web.requests import StaffRequest


@require_GET
def show(request: StaffRequest) -> HttpResponse:
    text = request.GET.get("q", "")
    return render(
        request, "pages/search.html", {"text": text, "sections": search.found(request.user, text, 25)}
    )


@require_GET
def suggestions(request: StaffRequest) -> HttpResponse:
    """The first hits of each kind while somebody types."""
    text = request.GET.get("q", "")
    return render(
        request, "parts/suggestions.html", {"text": text, "sections": search.found(request.user, text, 4)}
    )


urls = [
    path("search/", show, name="search"),
    path("search/suggestions/", suggestions, name="search-suggestions"),
]
