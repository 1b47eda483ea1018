"""Forecasts: who is likely to be lost, how far to believe it, an account's risk."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from evergreen.base.actions import audit
from evergreen.customers.queries import account_for
from evergreen.foresight.jobs import start_risks
from evergreen.web.configuring import configurers
from evergreen.web.downloads import csv_file
from evergreen.web.presenters.forecast.card import risk_card
from evergreen.web.presenters.forecast.listing import ForecastPage, horizon_of
from evergreen.web.presenters.forecast.model import ModelPage
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import say


def _page(request: StaffRequest) -> ForecastPage:
    return ForecastPage(request.user, request.GET, request.vendor, request.today)


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    return render(request, "pages/forecast/index.html", {"page": _page(request)})


@require_GET
def file(request: StaffRequest) -> HttpResponse:
    """The list as it is filtered, as CSV."""
    page = _page(request)
    audit("forecast.exported", "churn_model", [], by=request.user, now=request.now, after={"query": request.GET.urlencode()})  # fmt: skip
    return csv_file(page.file_rows(), f"churn-risk-{page.horizon}d-{request.today:%Y-%m-%d}.csv")


@require_GET
def model(request: StaffRequest) -> HttpResponse:
    return render(request, "pages/forecast/model.html", {"page": ModelPage(request.user, request.GET)})


@configurers
@require_POST
def learning(request: StaffRequest) -> HttpResponse:
    """Learn the models anew now."""
    start_risks(by=request.user, now=request.now)
    say(
        request,
        _("Learning goes on while you do something else. A new model serves only where it is no worse."),
    )
    return HttpResponseRedirect(f"{reverse('forecast-model')}?days={horizon_of(request.POST)}")


@require_GET
def card(request: StaffRequest, account_id: int) -> HttpResponse:
    """The risk of one account, as a card."""
    account = account_for(request.user, account_id)
    context = {"account": account, "risk": risk_card(account, request.user, request.today)}
    return render(request, "pages/forecast/card.html", context)


urls = [
    path("forecast/", index, name="forecast"),
    path("forecast/file/", file, name="forecast-file"),
    path("forecast/model/", model, name="forecast-model"),
    path("forecast/learning/", learning, name="forecast-learning"),
    path("accounts/<int:account_id>/risk/", card, name="account-risk"),
]
