"""Metrics: the list, one explained, its history."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from evergreen.web.presenters.metrics.listing import groups
from evergreen.web.presenters.metrics.page import MetricPage
from evergreen.web.requests import StaffRequest


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    text = request.GET.get("q", "")[:100]
    return render(request, "pages/metrics/index.html", {"groups": groups(text), "text": text})


@require_GET
def show(request: StaffRequest, key: str) -> HttpResponse:
    return render(request, "pages/metrics/metric.html", {"page": MetricPage(request.user, key)})


@require_GET
def history(request: StaffRequest, key: str) -> HttpResponse:
    """The chart over time, asked for after the page stands: it reads half a year."""
    return render(request, "pages/metrics/history.html", {"page": MetricPage(request.user, key)})


urls = [
    path("metrics/", index, name="metrics"),
    path("metrics/<slug:key>/", show, name="metric"),
    path("metrics/<slug:key>/history/", history, name="metric-history"),
]
