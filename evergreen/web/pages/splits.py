"""Splits and branches of playbooks: what became of whom each way was given; a reading kept to decide on."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from evergreen.outcomes.experiments import actions
from evergreen.playbooks.models import Playbook
from evergreen.playbooks.rules import Branch, Split
from evergreen.web.configuring import configurers
from evergreen.web.presenters.playbooks.divided import BranchPage, SplitPage
from evergreen.web.presenters.playbooks.page import PlaybookPage
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain


@require_GET
def show(request: StaffRequest, key: str, step: str) -> HttpResponse:
    """One step that sends accounts different ways. Of the whole book: it names no account."""
    number = request.GET.get("version", "")
    page, heading, line = _page(request, key, step, number, request.GET.get("days", ""))
    context = {
        "page": page, "playbook": page.version.playbook, "heading": heading, "line": line, "asked_version": number
    }  # fmt: skip
    return render(request, "pages/playbooks/divided.html", context)


@configurers
@require_POST
def reading(request: StaffRequest, key: str, step: str) -> HttpResponse:
    """Keep what a split's comparison says now, and go where it is decided on."""
    page, heading, line = _page(
        request, key, step, request.POST.get("version", ""), request.POST.get("days", "")
    )
    if not isinstance(page, SplitPage):
        raise Http404
    try:
        kept = actions.keep(
            page.found, name=f"{line}: {heading}", arms=page.names,
            origin=("split", f"{key}/{step}/{page.days}"), by=request.user, now=request.now,
        )  # fmt: skip
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        return HttpResponseRedirect(reverse("playbook-split", args=[key, step]))
    return HttpResponseRedirect(reverse("experiment", args=[kept.pk]))


def _page(
    request: StaffRequest, key: str, step: str, number: str, days: str
) -> tuple[SplitPage | BranchPage, str, str]:
    shown = PlaybookPage(request.user, get_object_or_404(Playbook, key=key), request.now, number)
    of, version = shown.definition, shown.version
    found = of.step(step) if of is not None else None
    if of is None or version is None:
        raise Http404
    heading = shown.words.step(found, of).title if found is not None else ""
    if isinstance(found, Split):
        return SplitPage(version, of, found, shown.words, days), heading, shown.name
    if isinstance(found, Branch):
        return BranchPage(version, of, found, shown.words, days), heading, shown.name
    raise Http404


urls = [
    path("playbooks/<slug:key>/splits/<slug:step>/", show, name="playbook-split"),
    path("playbooks/<slug:key>/splits/<slug:step>/readings/", reading, name="playbook-split-reading"),
]
