"""Product analytics: the board, one analysis, who stands behind a figure, saved analyses."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from evergreen.base import jobs
from evergreen.base.actions import audit
from evergreen.metrics.analytics import queries
from evergreen.metrics.analytics.actions import remove_analysis, save_analysis
from evergreen.metrics.analytics.jobs import KIND
from evergreen.metrics.analytics.questions import KINDS
from evergreen.web.downloads import csv_file
from evergreen.web.presenters.analytics.behind import BehindPage
from evergreen.web.presenters.analytics.board import Board
from evergreen.web.presenters.analytics.page import AnalysisPage
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    return render(request, "pages/analytics/index.html", {"board": Board(request.user)})


@require_GET
def show(request: StaffRequest, kind: str) -> HttpResponse:
    page = _page(request, kind, request.GET)
    return render(
        request, "pages/analytics/analysis.html", {"page": page}, status=422 if page.problems else 200
    )


@require_GET
def figure(request: StaffRequest, kind: str) -> HttpResponse:
    """The figure alone, asked for after the page stands; ``tile`` draws it small for the board."""
    page = _page(request, kind, request.GET)
    template = "tile" if request.GET.get("tile") else "figure"
    return render(request, f"pages/analytics/{template}.html", {"page": page})


@require_POST
def file(request: StaffRequest, kind: str) -> HttpResponse:
    """The figure's numbers as CSV."""
    page = _page(request, kind, QueryDict(request.POST.get("query", "")))
    after = {"kind": kind, "query": page.query}
    audit("analysis.exported", "export", [], by=request.user, now=request.now, after=after)
    return csv_file(page.file_rows(), page.file_name)


@require_GET
def behind(request: StaffRequest, kind: str) -> HttpResponse:
    """The accounts of one figure, of those that the person may see."""
    page = BehindPage(_page(request, kind, request.GET), request.GET.get("place", ""))
    shown = Paginator(page.lines, 50).get_page(request.GET.get("page"))
    return render(request, "pages/analytics/behind.html", {"page": page, "shown": shown})


@require_POST
def exact(request: StaffRequest, kind: str) -> HttpResponse:
    """Have a worker answer over everybody and keep the answer."""
    page = _page(request, kind, QueryDict(request.POST.get("query", "")))
    if page.problems or page.lacks:
        raise Http404
    if page.job is None or page.job.is_over:
        params = {"user": request.user.pk, "kind": kind, "query": page.query}
        jobs.start_job(KIND, params, title=page.title, total=100, by=request.user, now=request.now)
    return HttpResponseRedirect(page.address)


@require_POST
def saved(request: StaffRequest) -> HttpResponse:
    """Keep the question of an address under a name; ``saved`` changes the one that it names."""
    page = _page(request, request.POST.get("kind", ""), QueryDict(request.POST.get("query", "")))
    if page.problems:
        raise Http404
    number = request.POST.get("saved", "")
    row = queries.analysis_for(request.user, int(number)) if number.isdecimal() and len(number) < 19 else None
    try:
        row = save_analysis(
            page.question,
            name=request.POST.get("name", ""),
            is_shared=bool(request.POST.get("shared")),
            is_on_board=bool(request.POST.get("board")),
            analysis=row,
            by=request.user,
            now=request.now,
        )
    except ValidationError as error:
        complain(request, " ".join(error.messages) + " " + _("Nothing was saved."))
        return HttpResponseRedirect(page.address)
    say(request, _("%(name)s is saved.") % {"name": row.name})
    return HttpResponseRedirect(_address(row.kind, row.query, row.pk))


@require_GET
def opened(request: StaffRequest, analysis_id: int) -> HttpResponse:
    row = queries.analysis_for(request.user, analysis_id)
    return HttpResponseRedirect(_address(row.kind, row.query, row.pk))


@require_POST
def removal(request: StaffRequest, analysis_id: int) -> HttpResponse:
    row = queries.analysis_for(request.user, analysis_id)
    name = row.name
    remove_analysis(row, by=request.user, now=request.now)
    say(request, _("%(name)s was removed.") % {"name": name})
    return HttpResponseRedirect(reverse("analytics"))


def _address(kind: str, query: str, key: int) -> str:
    return f"{reverse('analysis', args=[kind])}?{query}&saved={key}"


def _page(request: StaffRequest, kind: str, asked: QueryDict) -> AnalysisPage:
    if kind not in KINDS:
        raise Http404("There is no such analysis.")
    return AnalysisPage(request.user, kind, asked, request.today)


urls = [
    path("analytics/", index, name="analytics"),
    path("analytics/saved/", saved, name="analyses-saved"),
    path("analytics/saved/<int:analysis_id>/", opened, name="analysis-saved"),
    path("analytics/saved/<int:analysis_id>/removal/", removal, name="analysis-removal"),
    path("analytics/<slug:kind>/", show, name="analysis"),
    path("analytics/<slug:kind>/figure/", figure, name="analysis-figure"),
    path("analytics/<slug:kind>/file/", file, name="analysis-file"),
    path("analytics/<slug:kind>/accounts/", behind, name="analysis-accounts"),
    path("analytics/<slug:kind>/exact/", exact, name="analysis-exact"),
]
