"""Sources of events, their write keys, and what did not find its place."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base.jobs import start_job
from evergreen.events import actions
from evergreen.events.models import Source, WriteKey
from evergreen.web.configuring import configurers
from evergreen.web.forms.settings.correction import CorrectionForm
from evergreen.web.presenters.settings.source import SourcePage
from evergreen.web.presenters.settings.sources import Sources
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@configurers
@require_http_methods(["GET", "POST"])
def sources(request: StaffRequest) -> HttpResponse:
    """Every source with its keys; POST makes a source and its first key."""
    typed, error = "", ""
    if request.method == "POST":
        typed = request.POST.get("name", "")
        try:
            with transaction.atomic():
                source = actions.create_source(typed, by=request.user, now=request.now)
                return _new_key(request, source)
        except ValueError:
            error = _("A source's name has 1 to 60 characters and is not “evergreen”. Nothing was made.")
    context = {"page": Sources(request.today), "typed": typed, "error": error}
    return render(request, "pages/settings/sources.html", context, status=422 if error else 200)


@configurers
@require_POST
def keys(request: StaffRequest, source_id: int) -> HttpResponse:
    """One more key for a source, so that keys can be changed without a gap."""
    return _new_key(request, get_object_or_404(Source, pk=source_id))


@sensitive_variables("key")
def _new_key(request: StaffRequest, source: Source) -> HttpResponse:
    key = actions.create_key(source, by=request.user, now=request.now)
    context = {"source": source, "key": key, "host": request.build_absolute_uri("/").rstrip("/")}
    return render(request, "pages/settings/key_once.html", context)


@configurers
@require_POST
def revocation(request: StaffRequest, key_id: int) -> HttpResponse:
    key = get_object_or_404(WriteKey.objects.select_related("source"), pk=key_id)
    actions.revoke_key(key, by=request.user, now=request.now)
    said = _("The key %(hint)s… of %(source)s is taken back; within two seconds it is refused.")
    say(request, said % {"hint": key.hint, "source": key.source.name})
    return HttpResponseRedirect(reverse("settings-sources"))


@configurers
@require_GET
def rejected(request: StaffRequest) -> HttpResponse:
    """Events that were not taken, with the reason."""
    return render(request, "pages/settings/rejected.html", {"page": Sources(request.today)})


@configurers
@require_GET
def source(request: StaffRequest, source_id: int) -> HttpResponse:
    """One source with its traffic, keys, rejected events and what its events hold."""
    found = get_object_or_404(Source.objects.prefetch_related("keys"), pk=source_id)
    asked = {name: request.GET.get(name, "") for name in ("by", "reason", "events")}
    page = SourcePage(found, request.now, request.today, **asked)
    return render(request, "pages/settings/source.html", {"page": page})


@configurers
@require_POST
def replays(request: StaffRequest, source_id: int) -> HttpResponse:
    """Read rejected events of the source again: those of a reason, or one with a corrected body."""
    found = get_object_or_404(Source, pk=source_id)
    params: dict[str, Any] = {"source": found.name, "reason": request.POST.get("reason", "")}
    if "body" in request.POST:
        form = CorrectionForm(request.POST)
        if not form.is_valid():
            complain(
                request,
                _("The event could not be read from the form. Nothing was changed; load the page again."),
            )
            return HttpResponseRedirect(reverse("settings-source", args=[found.pk]))
        params["corrected"] = [form.cleaned_data]
    title = _("Rejected events of %(source)s read again") % {"source": found.name}
    start_job("replay", params, title=title, by=request.user, now=request.now)
    return HttpResponseRedirect(reverse("settings-source", args=[found.pk]) + "#rejected")


urls = [
    path("settings/sources/", sources, name="settings-sources"),
    path("settings/sources/<int:source_id>/", source, name="settings-source"),
    path("settings/sources/<int:source_id>/replays/", replays, name="settings-source-replays"),
    path("settings/sources/<int:source_id>/keys/", keys, name="settings-source-keys"),
    path("settings/sources/keys/<int:key_id>/revocation/", revocation, name="settings-key-revocation"),
    path("settings/sources/rejected/", rejected, name="settings-rejected"),
]
