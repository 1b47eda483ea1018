"""The portfolio: revenue, renewals, lifetime and cost, voice and desk, the accounts behind a figure, files of each table."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from evergreen.base.actions import audit
from evergreen.base.roles import Role
from evergreen.customers.queries import sees_every_account
from evergreen.outcomes.actions import set_acquisition_cost
from evergreen.outcomes.portfolio import worth
from evergreen.web.downloads import csv_file
from evergreen.web.forms.costs import CostForm
from evergreen.web.presenters.portfolio import exporting
from evergreen.web.presenters.portfolio.accounts import AccountsPage
from evergreen.web.presenters.portfolio.asking import Wanted
from evergreen.web.presenters.portfolio.costs import cost_history
from evergreen.web.presenters.portfolio.lifetime import LifetimePage
from evergreen.web.presenters.portfolio.renewals import DuesPage, RenewalsPage
from evergreen.web.presenters.portfolio.revenue import RevenuePage
from evergreen.web.presenters.portfolio.voice import VoicePage
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import say


def wanted(request: StaffRequest) -> Wanted:
    return Wanted(request.user, request.GET.dict(), request.vendor, request.today)


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    return render(request, "pages/portfolio/revenue.html", {"page": RevenuePage(wanted(request))})


@require_GET
def renewals(request: StaffRequest) -> HttpResponse:
    page = RenewalsPage(wanted(request), request.GET.dict())
    return render(request, "pages/portfolio/renewals.html", {"page": page})


@require_GET
def dues(request: StaffRequest) -> HttpResponse:
    page = DuesPage(wanted(request), request.GET.dict())
    return render(request, "pages/portfolio/dues.html", {"page": page})


@require_GET
def lifetime(request: StaffRequest) -> HttpResponse:
    page = LifetimePage(wanted(request), request.GET.dict())
    return render(request, "pages/portfolio/lifetime.html", {"page": page})


@require_GET
def voice(request: StaffRequest) -> HttpResponse:
    return render(request, "pages/portfolio/voice.html", {"page": VoicePage(wanted(request))})


@require_http_methods(["GET", "POST"])
def costs(request: StaffRequest) -> HttpResponse:
    """What winning accounts cost by month; POST sets one."""
    if not (request.user.sees_money and sees_every_account(request.user)):
        raise PermissionDenied
    form = CostForm(request.POST or None, currency=request.vendor["currency"])
    if request.method == "POST":
        if not (request.user.may_configure or request.user.role == Role.FINANCE):
            raise PermissionDenied
        if form.is_valid():
            given = form.cleaned_data
            set_acquisition_cost(
                given["month"], given["cost"], note=given["note"], by=request.user, now=request.now
            )
            say(request, _("The cost of %(month)s is saved.") % {"month": f"{given['month']:%Y-%m}"})
            return HttpResponseRedirect(reverse("portfolio-costs"))
    context = {"form": form, "costs": worth.costs(), "history": cost_history(request.vendor["currency"])}
    return render(request, "pages/portfolio/costs.html", context, status=422 if form.errors else 200)


@require_GET
def accounts(request: StaffRequest) -> HttpResponse:
    page = AccountsPage(wanted(request), request.GET.dict())
    return render(request, "pages/portfolio/accounts.html", {"page": page})


@require_GET
def file(request: StaffRequest, table: str) -> HttpResponse:
    """A table as it is filtered, as CSV."""
    rows = exporting.file_rows(table, wanted(request), request.GET.dict())
    audit("portfolio.exported", "portfolio", [], by=request.user, now=request.now, after={"table": table, "query": request.GET.urlencode()})  # fmt: skip
    return csv_file(rows, f"portfolio-{table}-{request.today:%Y-%m-%d}.csv")


urls = [
    path("portfolio/", index, name="portfolio"),
    path("portfolio/renewals/", renewals, name="portfolio-renewals"),
    path("portfolio/dues/", dues, name="portfolio-dues"),
    path("portfolio/lifetime/", lifetime, name="portfolio-lifetime"),
    path("portfolio/voice/", voice, name="portfolio-voice"),
    path("portfolio/costs/", costs, name="portfolio-costs"),
    path("portfolio/accounts/", accounts, name="portfolio-accounts"),
    path("portfolio/files/<slug:table>/", file, name="portfolio-file"),
]
