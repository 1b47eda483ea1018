"""Metrics: the list, one explained, its history; declaring one while seeing what it would give; past days; retiring."""

from __future__ import annotations

import datetime as dt

from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base.declarations import detach
from evergreen.base.models import User
from evergreen.metrics.declared import filling
from evergreen.metrics.declared.actions import retire_metric, save_metric
from evergreen.metrics.declared.definition import DefinitionError
from evergreen.metrics.models import DeclaredMetric
from evergreen.web import formats
from evergreen.web.configuring import configurers, kept_in_files
from evergreen.web.downloads import csv_file
from evergreen.web.presenters.metrics.editor import Editor
from evergreen.web.presenters.metrics.listing import Listing
from evergreen.web.presenters.metrics.page import MetricPage
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    return render(request, "pages/metrics/index.html", {"list": Listing(request.GET)})


@require_GET
def show(request: StaffRequest, key: str) -> HttpResponse:
    return render(request, "pages/metrics/metric.html", {"page": MetricPage(request.user, key)})


@require_GET
def history(request: StaffRequest, key: str) -> HttpResponse:
    """The chart over time, asked for after the page stands: it reads half a year."""
    return render(request, "pages/metrics/history.html", {"page": MetricPage(request.user, key)})


@require_GET
def values(request: StaffRequest, key: str) -> HttpResponse:
    """The newest value of each account that the person may see, as a file."""
    page = MetricPage(request.user, key)
    return csv_file(page.file_rows(), f"{key}-{page.day or request.today}.csv")


@configurers
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    return _edited(request, None)


@configurers
@require_http_methods(["GET", "POST"])
def definition(request: StaffRequest, key: str) -> HttpResponse:
    metric = _declared(key)
    if metric.is_in_files:
        return kept_in_files(request, metric, "metric")
    return _edited(request, metric)


def _edited(request: StaffRequest, metric: DeclaredMetric | None) -> HttpResponse:
    """The form; saved, the days asked for are computed in the background."""
    editor = Editor(request.user, metric, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        try:
            saved = _saved(editor, request)
        except DefinitionError as error:
            editor.problems = error.problems
        except ValidationError as error:
            editor.problems = error.messages
        else:
            say(request, _("%(name)s is saved.") % {"name": formats.named(saved.name)})
            _fill_since(request, saved, editor.since)
            return HttpResponseRedirect(reverse("metric", args=[saved.key]))
    status = 422 if editor.problems else 200
    return render(request, "pages/metrics/editor.html", {"editor": editor}, status=status)


def _saved(editor: Editor, request: StaffRequest) -> DeclaredMetric:
    return save_metric(
        editor.key,
        name=editor.both("name"),
        explanation=editor.both("explanation"),
        unit=editor.both("unit"),
        group=editor.group,
        better=editor.better,
        owner=User.objects.filter(pk=editor.owner, is_active=True).first()
        if editor.owner.isdecimal()
        else None,
        of=editor.data,
        note=editor.note,
        is_new=editor.metric is None,
        by=request.user,
        now=request.now,
    )


def _fill_since(request: StaffRequest, metric: DeclaredMetric, since: str) -> None:
    """Start computing past days where there are any to compute; says why not where it was asked for by itself."""
    try:
        day = dt.date.fromisoformat(since)
    except ValueError:
        return
    version = filling.newest_version(metric.key)
    if day < version.counts_from and filling.days_to_fill(day, version.counts_from):
        try:
            filling.start_filling(metric, day, by=request.user, now=request.now)
        except ValidationError as error:
            complain(request, " ".join(error.messages))


@configurers
@require_POST
def preview(request: StaffRequest) -> HttpResponse:
    """What the definition in the form says and would give; writes nothing."""
    metric = DeclaredMetric.objects.filter(key=request.GET.get("of", "")).first()
    editor = Editor(request.user, metric, request.POST)
    return render(request, "pages/metrics/preview.html", {"editor": editor})


@configurers
@require_POST
def shape(request: StaffRequest) -> HttpResponse:
    """The fields that a source asks for."""
    editor = Editor(request.user, None, request.POST)
    return render(request, "pages/metrics/shape.html", {"editor": editor})


@configurers
@require_POST
def past_days(request: StaffRequest, key: str) -> HttpResponse:
    """Compute the newest version for days that it does not count on yet."""
    metric = _declared(key)
    try:
        since = dt.date.fromisoformat(request.POST.get("since", ""))
        filling.start_filling(metric, since, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    except ValueError:
        complain(request, _("Write the first day as 2026-11-30."))
    return HttpResponseRedirect(reverse("metric", args=[key]) + "#past")


@configurers
@require_POST
def retirement(request: StaffRequest, key: str) -> HttpResponse:
    metric = _declared(key)
    if metric.is_in_files:
        return kept_in_files(request, metric, "metric")
    try:
        retire_metric(metric, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        said = _("%(name)s is not computed any more. Its values stay; saving it again brings it back.")
        say(request, said % {"name": formats.named(metric.name)})
    return HttpResponseRedirect(reverse("metric", args=[key]))


@configurers
@require_POST
def detachment(request: StaffRequest, key: str) -> HttpResponse:
    """Let a metric that is kept in files be changed here."""
    detach(_declared(key), "metric", by=request.user, now=request.now)
    return HttpResponseRedirect(reverse("metric-definition", args=[key]))


def _declared(key: str) -> DeclaredMetric:
    return get_object_or_404(DeclaredMetric, key=key)


urls = [
    path("metrics/", index, name="metrics"),
    path("metrics/new/", new, name="metric-new"),
    path("metrics/preview/", preview, name="metric-preview"),
    path("metrics/shape/", shape, name="metric-shape"),
    path("metrics/<slug:key>/", show, name="metric"),
    path("metrics/<slug:key>/history/", history, name="metric-history"),
    path("metrics/<slug:key>/values/", values, name="metric-values"),
    path("metrics/<slug:key>/definition/", definition, name="metric-definition"),
    path("metrics/<slug:key>/past-days/", past_days, name="metric-past-days"),
    path("metrics/<slug:key>/retirement/", retirement, name="metric-retirement"),
    path("metrics/<slug:key>/detachment/", detachment, name="metric-detachment"),
]
