"""The vendor's settings and its exchange rates."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base import actions, queries
from evergreen.base.models import ExchangeRate
from evergreen.customers.models import Account, Contract
from evergreen.events import traffic
from evergreen.web.configuring import configurers
from evergreen.web.forms.settings.options import OptionsForm
from evergreen.web.forms.settings.people import RateForm
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import say


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    return HttpResponseRedirect(reverse("settings-vendor" if request.user.may_configure else "profile"))


@configurers
@require_http_methods(["GET", "POST"])
def vendor(request: StaffRequest) -> HttpResponse:
    """Every setting; POST keeps what differs, or nothing when something is wrong."""
    post = request.POST if request.method == "POST" else None
    form = OptionsForm(request.vendor, post, has_events=traffic.has_events())
    if post is None or not form.is_valid:
        status = 200 if post is None else 422
        return render(request, "pages/settings/vendor.html", {"form": form}, status=status)
    with transaction.atomic():
        for key, value in _in_order(form.changes, request.vendor):
            actions.change_setting(key, value, by=request.user, now=request.now)
    count = len(form.changes)
    said = ngettext("%(n)s setting changed.", "%(n)s settings changed.", count) % {"n": count}
    say(request, said if count else _("Nothing differs from before."))
    return HttpResponseRedirect(request.path)


def _in_order(changes: dict[str, object], vendor: dict[str, object]) -> list[tuple[str, object]]:
    """Each step has to hold by itself: the day's end moves before its start when that goes beyond the old end."""
    start = str(changes.get("workday_starts", ""))
    first = "workday_ends" if start >= str(vendor["workday_ends"]) else "workday_starts"
    return sorted(changes.items(), key=lambda item: item[0] != first)


@configurers
@require_http_methods(["GET", "POST"])
def rates(request: StaffRequest) -> HttpResponse:
    """What other currencies are worth in the vendor's; POST keeps one."""
    form = RateForm(request.POST or None, initial={"valid_from": request.today})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        actions.set_rate(
            given["currency"], given["rate"], given["valid_from"], by=request.user, now=request.now
        )
        said = _("The rate of %(currency)s is kept. Amounts in lists follow with the next night.")
        say(request, said % {"currency": given["currency"]})
        return HttpResponseRedirect(request.path)
    used = set(Contract.objects.order_by().values_list("currency", flat=True).distinct())
    used |= set(Account.objects.order_by().exclude(currency="").values_list("currency", flat=True).distinct())
    context = {
        "form": form,
        "rates": ExchangeRate.objects.all(),
        "missing": sorted(used - set(queries.rates(request.today))),
    }
    return render(request, "pages/settings/rates.html", context, status=422 if form.errors else 200)


@configurers
@require_POST
def rate_removal(request: StaffRequest, rate_id: int) -> HttpResponse:
    rate = get_object_or_404(ExchangeRate, pk=rate_id)
    actions.remove_rate(rate, by=request.user, now=request.now)
    say(request, _("The rate is removed."))
    return HttpResponseRedirect(reverse("settings-rates"))


urls = [
    path("settings/", index, name="settings"),
    path("settings/vendor/", vendor, name="settings-vendor"),
    path("settings/rates/", rates, name="settings-rates"),
    path("settings/rates/<int:rate_id>/removal/", rate_removal, name="settings-rate-removal"),
]
