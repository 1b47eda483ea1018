"""Health scorecards: the list, one explained, which one is the default."""

from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from evergreen.base.actions import change_setting
from evergreen.health.models import Scorecard
from evergreen.web import formats
from evergreen.web.presenters.scorecards.comparing import side_by_side
from evergreen.web.presenters.scorecards.page import ScorecardPage
from evergreen.web.presenters.scorecards.record import RecordPage
from evergreen.web.presenters.scorecards.tiles import tiles
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import say


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    listed = tiles(request.user, request.vendor)
    return render(request, "pages/health/index.html", {"tiles": listed})


@require_GET
def show(request: StaffRequest, key: str) -> HttpResponse:
    page = ScorecardPage(request.user, key, request.GET, request.vendor)
    return render(request, "pages/health/scorecard.html", {"page": page})


@require_GET
def record(request: StaffRequest, key: str) -> HttpResponse:
    page = RecordPage(request.user, get_object_or_404(Scorecard, key=key), request.GET, request.vendor)
    return render(request, "pages/health/record.html", {"page": page})


@require_GET
def comparison(request: StaffRequest, key: str, other: str) -> HttpResponse:
    """Two scorecards on the endings that both scored, computed when it is asked for."""
    cards = [get_object_or_404(Scorecard, key=one, is_active=True) for one in (key, other)]
    return render(request, "pages/health/comparison.html", {"comparison": side_by_side(cards[0], cards[1])})


@require_POST
def default(request: StaffRequest) -> HttpResponse:
    """Choose the scorecard of accounts that have none of their own."""
    if not request.user.may_configure:
        raise Http404
    card = get_object_or_404(Scorecard, key=request.POST.get("scorecard", ""), is_active=True)
    change_setting("scorecard", card.key, by=request.user, now=request.now)
    said = _("%(name)s is the default scorecard. Lists and alerts go by it from the next night on.")
    say(request, said % {"name": formats.named(card.name)})
    return HttpResponseRedirect(reverse("scorecards"))


urls = [
    path("health/", index, name="scorecards"),
    path("health/default/", default, name="scorecard-default"),
    path("health/<slug:key>/", show, name="scorecard"),
    path("health/<slug:key>/record/", record, name="scorecard-record"),
    path("health/<slug:key>/record/<slug:other>/", comparison, name="scorecard-comparison"),
]
