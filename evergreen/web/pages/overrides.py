"""A person's verdict in the place of a score: set on the account's page, taken back there."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from evergreen.customers.queries import account_for
from evergreen.health import queries
from evergreen.health.actions import end_override, override
from evergreen.health.models import Override
from evergreen.web.forms.errors import add_errors
from evergreen.web.forms.overrides import OverrideForm
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import say


@require_http_methods(["GET", "POST"])
def account_override(request: StaffRequest, account_id: int) -> HttpResponse:
    """GET the form, POST sets the verdict."""
    account = account_for(request.user, account_id)
    if not may_edit(request.user):
        raise PermissionDenied
    standing = queries.standing_of(account)
    scorecard = standing.scorecard if standing else None
    card = queries.definition(queries.current_version(scorecard)) if scorecard else None
    sent = request.POST if request.method == "POST" else None
    form = OverrideForm(sent, scorecard=scorecard, card=card, today=request.today)
    if request.method == "POST" and form.is_valid():
        try:
            override(
                account,
                form.cleaned_data["value"],
                reason=form.cleaned_data["reason"],
                expires_on=form.cleaned_data["expires_on"],
                scorecard=scorecard,
                level=form.level,
                key=form.key,
                by=request.user,
                now=request.now,
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            say(request, _("Set. It counts from the next night on and can be taken back."))
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    target = reverse("account-override", args=[account.pk])
    context = {"form": form, "title": _("Override the score"), "target": target}
    return render(request, "pages/account/sheet.html", context)


@require_POST
def end(request: StaffRequest, override_id: int) -> HttpResponse:
    """Take a verdict back."""
    given = get_object_or_404(Override, pk=override_id)
    account_for(request.user, given.account_id)
    if not may_edit(request.user):
        raise PermissionDenied
    if end_override(given, by=request.user, now=request.now):
        say(request, _("Taken back; the figures decide from the next night on."))
    return HttpResponse(status=204, headers={"HX-Refresh": "true"})


urls = [
    path("accounts/<int:account_id>/override/", account_override, name="account-override"),
    path("overrides/<int:override_id>/end/", end, name="override-end"),
]
