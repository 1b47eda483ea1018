"""Connections: what is read from other systems, how well, and what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base import clock, queries
from evergreen.events.connections import actions, running, sampling
from evergreen.events.connections.models import Connection, ConnectionRun
from evergreen.events.imports.records import RECORDS
from evergreen.events.sources import registry
from evergreen.events.sources.adapter import SourceError, Stream
from evergreen.web.configuring import configurers
from evergreen.web.downloads import download
from evergreen.web.forms.connections import ConnectionForm, FeedForm, HistoryForm
from evergreen.web.forms.errors import add_errors
from evergreen.web.presenters import connections as shown
from evergreen.web.presenters import feeds
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@configurers
@require_GET
def index(request: StaffRequest) -> HttpResponse:
    """Every connection with its state and freshness; the kinds that can be added."""
    context = {"lines": shown.lines(request.now), "choices": shown.choices()}
    return render(request, "pages/connections/index.html", context)


@sensitive_post_parameters()
@configurers
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest, kind: str) -> HttpResponse:
    if kind not in registry.kinds():
        raise Http404("There is no such connector.")
    form = ConnectionForm(kind, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.add_connection(
                kind, form.cleaned_data["name"], form.given, every_minutes=form.cleaned_data["every_minutes"],
                by=request.user, now=request.now,
            )  # fmt: skip
        except ValidationError as error:
            add_errors(form, error)
        else:
            say(request, _("%(name)s is saved. Test it, then try a dry run.") % {"name": made.name})
            return _to(made)
    context = {"form": form, "label": shown.label_of(kind)}
    return render(request, "pages/connections/form.html", context, status=422 if form.errors else 200)


@configurers
@require_GET
def connection(request: StaffRequest, connection_id: int) -> HttpResponse:
    """One connection: its lists, its runs, what can be done."""
    page = shown.Detail(get_object_or_404(Connection, pk=connection_id), request.now)
    return render(request, "pages/connections/connection.html", {"page": page, "history": HistoryForm()})


@sensitive_post_parameters()
@configurers
@require_http_methods(["GET", "POST"])
def settings(request: StaffRequest, connection_id: int) -> HttpResponse:
    """How it is reached. A secret that is left empty stays."""
    found = get_object_or_404(Connection, pk=connection_id)
    form = ConnectionForm(found.kind, request.POST, stored=found) if request.method == "POST" else ConnectionForm.of(found)  # fmt: skip
    if request.method == "POST" and form.is_valid():
        try:
            actions.update_connection(
                found, name=form.cleaned_data["name"], every_minutes=form.cleaned_data["every_minutes"],
                given=form.given, by=request.user, now=request.now,
            )  # fmt: skip
        except ValidationError as error:
            add_errors(form, error)
        else:
            say(request, _("%(name)s is saved.") % {"name": found.name})
            return _to(found)
    context = {"form": form, "label": shown.label_of(found.kind), "connection": found}
    return render(request, "pages/connections/form.html", context, status=422 if form.errors else 200)


@configurers
@require_http_methods(["GET", "POST"])
def feed(request: StaffRequest, connection_id: int, stream: str) -> HttpResponse:
    """One list of a connection, column by column: what becomes what, on its way through which rule."""
    found, listed = _listed(connection_id, stream)
    sample = sampling.path_of(found.pk, listed.name)
    form = feeds.FeedMapping(listed, sample, shown.mapping_of(found, listed))
    problems: list[str] = []
    if request.method == "POST":
        definition, problems = form.changed(request.POST)
        problems = problems or _saved(request, found, listed, definition)
        if not problems:
            return HttpResponseRedirect(request.path) if request.POST.get("do") == "look" else _to(found)
        form = feeds.FeedMapping(listed, sample, definition)
    context = {"form": form, "preview": form.preview, "connection": found, "problems": problems, **shown.feed_words(found, listed)}  # fmt: skip
    return render(request, "pages/connections/feed.html", context, status=422 if problems else 200)


@configurers
@require_http_methods(["GET", "POST"])
def feed_text(request: StaffRequest, connection_id: int, stream: str) -> HttpResponse:
    """The same as text; what the columns cannot show is written here."""
    found, listed = _listed(connection_id, stream)
    begun = {
        "is_on": shown.is_on(found, listed),
        "mapping": shown.mapping_text(listed, shown.mapping_of(found, listed)),
    }
    form = FeedForm(request.POST or None, initial=begun)
    if request.method == "POST" and "default" in request.POST:
        actions.set_feed(
            found, stream, is_on=shown.is_on(found, listed), mapping=None, by=request.user, now=request.now
        )
        return _to(found)
    if request.method == "POST" and form.is_valid():
        problems = _saved(request, found, listed, form.cleaned_data["mapping"])
        if not problems:
            return _to(found)
        add_errors(form, ValidationError(problems))
    context = {
        "form": form,
        "connection": found,
        "record": RECORDS[listed.record],
        **shown.feed_words(found, listed),
    }
    return render(request, "pages/connections/feed_text.html", context, status=422 if form.errors else 200)


@configurers
@require_POST
def feed_sample(request: StaffRequest, connection_id: int, stream: str) -> HttpResponse:
    """Fetch the first rows of a list now."""
    found, listed = _listed(connection_id, stream)
    try:
        count = running.sampled(found, listed)
    except SourceError as error:
        complain(request, str(error))
    else:
        say(request, _("%(n)s rows were fetched; nothing was loaded.") % {"n": count})
    return HttpResponseRedirect(reverse("connection-feed", args=[found.pk, stream]))


def _listed(connection_id: int, stream: str) -> tuple[Connection, Stream]:
    found = get_object_or_404(Connection, pk=connection_id)
    try:
        return found, running.adapter_of(found).stream(stream)
    except SourceError as error:
        raise Http404(str(error)) from error


def _saved(
    request: StaffRequest, found: Connection, listed: Stream, definition: Mapping[str, Any]
) -> list[str]:
    """Save a mapping; what is wrong with it."""
    try:
        actions.set_feed(
            found, listed.name, is_on=bool(request.POST.get("is_on")), mapping=shown.own_mapping(listed, definition),
            by=request.user, now=request.now,
        )  # fmt: skip
    except ValidationError as error:
        return error.messages
    return []


@configurers
@require_POST
def test(request: StaffRequest, connection_id: int) -> HttpResponse:
    """Ask the source a first question now and say what came of it."""
    found = get_object_or_404(Connection, pk=connection_id)
    try:
        say(request, running.tried(found))
    except SourceError as error:
        complain(request, str(error))
    return _to(found)


@configurers
@require_POST
def runs(request: StaffRequest, connection_id: int) -> HttpResponse:
    """Read it now: for good, as a dry run, or again from a day on."""
    found = get_object_or_404(Connection, pk=connection_id)
    why, since = request.POST.get("why", ConnectionRun.Why.PERSON), None
    if why not in {ConnectionRun.Why.PERSON, ConnectionRun.Why.TRIAL, ConnectionRun.Why.HISTORY}:
        why = ConnectionRun.Why.PERSON
    if why == ConnectionRun.Why.HISTORY:
        form = HistoryForm(request.POST)
        if not form.is_valid() or form.cleaned_data["since"] > request.today:
            complain(request, _("Say from which past day on. Nothing was started."))
            return _to(found)
        since = clock.day_start(form.cleaned_data["since"], queries.vendor_zone())
    try:
        run = actions.start_run(found, why=why, since=since, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        return _to(found)
    return HttpResponseRedirect(reverse("connection-run", args=[run.pk]))


@configurers
@require_POST
def pause(request: StaffRequest, connection_id: int) -> HttpResponse:
    found = get_object_or_404(Connection, pk=connection_id)
    actions.pause_connection(found, is_paused=not found.is_paused, by=request.user, now=request.now)
    said = _("%(name)s is switched off.") if found.is_paused else _("%(name)s is read again by its schedule.")
    say(request, said % {"name": found.name})
    return _to(found)


@configurers
@require_POST
def removal(request: StaffRequest, connection_id: int) -> HttpResponse:
    found = get_object_or_404(Connection, pk=connection_id)
    actions.remove_connection(found, by=request.user, now=request.now)
    say(request, _("%(name)s and its credentials are deleted. What it brought stays.") % {"name": found.name})
    return HttpResponseRedirect(reverse("connections"))


@configurers
@require_GET
def run(request: StaffRequest, run_id: int) -> HttpResponse:
    """A run with its progress, then what came of it."""
    found = get_object_or_404(ConnectionRun.objects.select_related("connection", "job", "by"), pk=run_id)
    is_stuck = bool(found.job and found.job.state == "waiting" and request.now - found.job.created_at > dt.timedelta(seconds=20))  # fmt: skip
    context = {"page": shown.RunPage(found), "run": found, "is_stuck": is_stuck}
    return render(request, "pages/connections/run.html", context)


@configurers
@require_POST
def cancellation(request: StaffRequest, run_id: int) -> HttpResponse:
    found = get_object_or_404(ConnectionRun.objects.select_related("connection", "job"), pk=run_id)
    actions.cancel_run(found, by=request.user, now=request.now)
    return HttpResponseRedirect(reverse("connection-run", args=[found.pk]))


@configurers
@require_GET
def rejects(request: StaffRequest, run_id: int, stream: str) -> StreamingHttpResponse:
    """The rejected rows of a list with their reasons."""
    found = get_object_or_404(ConnectionRun.objects.select_related("connection"), pk=run_id)
    kept = shown.RunPage(found).rejects(stream)
    if kept is None:
        raise Http404("There is no such file: nothing was rejected, or it was tidied away.")
    return download(request, kept, f"rejected-{stream}-{found.pk}.csv")


def _to(found: Connection) -> HttpResponse:
    return HttpResponseRedirect(reverse("connection", args=[found.pk]))


urls = [
    path("connections/", index, name="connections"),
    path("connections/new/<slug:kind>/", new, name="connection-new"),
    path("connections/<int:connection_id>/", connection, name="connection"),
    path("connections/<int:connection_id>/settings/", settings, name="connection-settings"),
    path("connections/<int:connection_id>/feeds/<str:stream>/", feed, name="connection-feed"),
    path("connections/<int:connection_id>/feeds/<str:stream>/text/", feed_text, name="connection-feed-text"),
    path(
        "connections/<int:connection_id>/feeds/<str:stream>/sample/",
        feed_sample,
        name="connection-feed-sample",
    ),
    path("connections/<int:connection_id>/test/", test, name="connection-test"),
    path("connections/<int:connection_id>/runs/", runs, name="connection-runs"),
    path("connections/<int:connection_id>/pause/", pause, name="connection-pause"),
    path("connections/<int:connection_id>/removal/", removal, name="connection-removal"),
    path("connections/runs/<int:run_id>/", run, name="connection-run"),
    path("connections/runs/<int:run_id>/cancellation/", cancellation, name="connection-run-cancellation"),
    path("connections/runs/<int:run_id>/rejects/<str:stream>/", rejects, name="connection-run-rejects"),
]
