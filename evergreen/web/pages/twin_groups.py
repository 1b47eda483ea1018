"""A segment, or the book, twelve months ahead: what each lever would bring beside doing nothing, and what levers cost."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base.actions import audit
from evergreen.foresight import jobs
from evergreen.foresight.twin import outlooks
from evergreen.metrics.models import Segment
from evergreen.web import formats
from evergreen.web.downloads import csv_file
from evergreen.web.forms.costs import LeverCostForm
from evergreen.web.presenters.twin import NAMES
from evergreen.web.presenters.twin_groups import GroupPage
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import say


def _page(request: StaffRequest) -> GroupPage:
    return GroupPage(request.user, request.GET, request.vendor["currency"])


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    """The kept answer for the segment of the address; a job's progress, or how to ask, where there is none."""
    return render(request, "pages/twin/group.html", {"page": _page(request)})


@require_POST
def asking(request: StaffRequest) -> HttpResponse:
    """Have the worker compute the segment anew."""
    key = request.POST.get("segment", "")
    name = _("All accounts")
    if key:
        name = formats.named(get_object_or_404(Segment, key=key).name)
    jobs.start_outlook(key, name=name, by=request.user, now=request.now)
    query = request.POST.get("query", "")[:500]
    return HttpResponseRedirect(f"{reverse('ahead')}?{query}")


@require_GET
def file(request: StaffRequest) -> HttpResponse:
    """The months of the answer, by doing nothing and by each chosen lever, as CSV."""
    page = _page(request)
    after = {"query": request.GET.urlencode()[:1000]}
    audit("ahead.exported", "export", [], by=request.user, now=request.now, after=after)
    return csv_file(page.file_rows(), f"ahead-{page.segment or 'all'}-{request.today:%Y-%m-%d}.csv")


@require_http_methods(["GET", "POST"])
def costs(request: StaffRequest) -> HttpResponse:
    """What each lever costs at one account; without a cost no return is told."""
    if not request.user.sees_money:
        raise PermissionDenied
    held = outlooks.costs()
    form = LeverCostForm(
        request.POST or None,
        currency=request.vendor["currency"],
        levers={key: str(name) for key, name in NAMES.items()},
        costs={key: one.cost_cents for key, one in held.items()},
    )
    if request.method == "POST":
        if not request.user.may_configure:
            raise PermissionDenied
        if form.is_valid():
            for key in NAMES:
                outlooks.set_cost(key, form.cleaned_data[key], by=request.user, now=request.now)
            say(request, _("The costs are saved."))
            return HttpResponseRedirect(reverse("ahead-costs"))
    changes = sorted(held.values(), key=lambda one: one.changed_at, reverse=True)
    context = {"form": form, "changes": [(NAMES[one.lever], one) for one in changes]}
    return render(request, "pages/twin/costs.html", context, status=422 if form.errors else 200)


urls = [
    path("ahead/", index, name="ahead"),
    path("ahead/asking/", asking, name="ahead-asking"),
    path("ahead/file/", file, name="ahead-file"),
    path("ahead/costs/", costs, name="ahead-costs"),
]
