"""KPIs of an account: values and targets written by hand, all of them as a file."""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from evergreen.base.actions import audit
from evergreen.customers.models import Account
from evergreen.customers.queries import account_for
from evergreen.events.kpis.actions import Aimed, Recorded, Reported, record_kpi_values, set_kpi_targets
from evergreen.events.kpis.models import Kpi
from evergreen.web import formats
from evergreen.web.downloads import csv_file
from evergreen.web.forms.kpis import TargetForm, ValueForm
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.account.kpis import detail, file_rows
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import say

SOURCE = "page"


def _readable(request: StaffRequest, account_id: int, kpi_id: int) -> tuple[Account, Kpi]:
    account = account_for(request.user, account_id)
    kpi = get_object_or_404(Kpi, pk=kpi_id)
    if kpi.unit == Kpi.Unit.MONEY and not request.user.sees_money:
        raise Http404("There is no such KPI among those you may see.")
    return account, kpi


def _writable(request: StaffRequest, account_id: int, kpi_id: int) -> tuple[Account, Kpi]:
    account, kpi = _readable(request, account_id, kpi_id)
    if not may_edit(request.user):
        raise PermissionDenied
    return account, kpi


@require_GET
def course(request: StaffRequest, account_id: int, kpi_id: int) -> HttpResponse:
    """The chart of a KPI, its newest values and every target."""
    account, kpi = _readable(request, account_id, kpi_id)
    found = detail(account, kpi, request.today, request.vendor["currency"])
    return render(request, "pages/account/kpi.html", {"detail": found})


def _sheet(
    request: StaffRequest, form: forms.Form, title: str, save: Callable[[], Recorded], words: str
) -> HttpResponse:
    """A form in the sheet: what the action refuses stands at its field."""
    if request.method == "POST" and form.is_valid():
        recorded = save()
        for refusal in recorded.refusals:
            said = _("Found: %(found)s. Allowed: %(allowed)s. %(next)s") % {
                "found": refusal.found, "allowed": refusal.allowed, "next": refusal.next,
            }  # fmt: skip
            form.add_error(refusal.field if refusal.field in form.fields else None, said)
        if not recorded.refusals:
            say(request, words)
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return render(request, "pages/account/sheet.html", {"form": form, "title": title, "target": request.path})


@require_http_methods(["GET", "POST"])
def values(request: StaffRequest, account_id: int, kpi_id: int) -> HttpResponse:
    account, kpi = _writable(request, account_id, kpi_id)
    form = ValueForm(request.POST or None, kpi=kpi, today=request.today)

    def save() -> Recorded:
        given = form.cleaned_data
        row = Reported(account.pk, kpi.key, given["period"], given["value"])
        return record_kpi_values([row], source=SOURCE, by=request.user, now=request.now)

    return _sheet(request, form, formats.named(kpi.name), save, _("The value is kept."))


@require_http_methods(["GET", "POST"])
def targets(request: StaffRequest, account_id: int, kpi_id: int) -> HttpResponse:
    account, kpi = _writable(request, account_id, kpi_id)
    form = TargetForm(request.POST or None, kpi=kpi, today=request.today)

    def save() -> Recorded:
        given = form.cleaned_data
        row = Aimed(account.pk, kpi.key, given["target"], given["starts_on"], given["target_by"])
        return set_kpi_targets([row], source=SOURCE, by=request.user, now=request.now)

    return _sheet(request, form, formats.named(kpi.name), save, _("The target is kept."))


@require_GET
def file(request: StaffRequest, account_id: int) -> HttpResponse:
    """Every value with its usual range and target."""
    account = account_for(request.user, account_id)
    rows = file_rows(account, request.user, request.vendor["currency"])
    audit("kpi.exported", "account", [account.pk], by=request.user, now=request.now)
    return csv_file(rows, f"kpis-{account.pk}-{request.today:%Y-%m-%d}.csv")


urls = [
    path("accounts/<int:account_id>/kpis.csv", file, name="account-kpis-file"),
    path("accounts/<int:account_id>/kpis/<int:kpi_id>/", course, name="account-kpi"),
    path("accounts/<int:account_id>/kpis/<int:kpi_id>/values/", values, name="account-kpi-values"),
    path("accounts/<int:account_id>/kpis/<int:kpi_id>/targets/", targets, name="account-kpi-targets"),
]
