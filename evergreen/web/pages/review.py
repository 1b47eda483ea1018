"""The service review of a quarter: what was done, what it cost, what is proposed; decisions are recorded."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from evergreen.base.actions import audit
from evergreen.outcomes.actions import decide_review
from evergreen.outcomes.review import quarter_days
from evergreen.touches.surveys.rules import period_of
from evergreen.web.configuring import configurers
from evergreen.web.downloads import csv_file
from evergreen.web.presenters.review import ReviewPage
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


def _page(request: StaffRequest) -> ReviewPage:
    newest = period_of(request.today)[0]
    quarter = request.GET.get("quarter", "") or newest
    try:
        quarter_days(quarter)
    except ValueError as error:
        raise Http404(str(error)) from error
    return ReviewPage(quarter, request.GET.get("kind", ""), newest)


@configurers
@require_GET
def index(request: StaffRequest) -> HttpResponse:
    return render(request, "pages/review/index.html", {"page": _page(request)})


@configurers
@require_POST
def decision(request: StaffRequest) -> HttpResponse:
    """Record what was decided on one thing of the quarter in the address."""
    page = _page(request)
    found = next((one for one in page.all if one.mark == request.POST.get("what", "")), None)
    if found is None:
        raise Http404("There is no such thing in this quarter.")
    try:
        decide_review(
            found.line,
            page.quarter,
            request.POST.get("decision", ""),
            request.POST.get("note", ""),
            by=request.user,
            now=request.now,
        )
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        say(
            request,
            _("Recorded for %(name)s. Switching it off or changing it is done on its own page.")
            % {"name": found.name},
        )
    return HttpResponseRedirect(f"{reverse('review')}?quarter={page.quarter}&kind={page.kind}")


@configurers
@require_POST
def export(request: StaffRequest) -> HttpResponse:
    """The quarter as CSV."""
    from evergreen.web.presenters.review import file_rows

    page = _page(request)
    audit("review.exported", "export", [], by=request.user, now=request.now, after={"quarter": page.quarter})
    return csv_file(file_rows(page), f"review-{page.quarter}.csv")


urls = [
    path("review/", index, name="review"),
    path("review/decision/", decision, name="review-decision"),
    path("review/export/", export, name="review-export"),
]
