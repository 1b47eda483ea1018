"""Alerts and the rules that raise them."""

from __future__ import annotations

import math

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from evergreen.alerts import actions
from evergreen.alerts.models import Rule
from evergreen.alerts.rules import SHIPPED
from evergreen.web import formats
from evergreen.web.presenters.alert_rules import rule_cards
from evergreen.web.presenters.alerts import AlertList
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    listed = AlertList(request.user, request.GET, request.vendor, request.today)
    return render(request, "pages/alerts/index.html", {"list": listed})


@require_GET
def rules(request: StaffRequest) -> HttpResponse:
    """What raises alerts; everybody reads it, those who configure change it."""
    return render(request, "pages/alerts/rules.html", {"cards": rule_cards(request.now)})


@require_POST
def rule(request: StaffRequest, key: str) -> HttpResponse:
    """Change a rule's switch, severity and thresholds; refused input is shown again."""
    if not request.user.may_configure:
        raise Http404
    changed = get_object_or_404(Rule, key=key)
    typed = {name: request.POST.get(name, "").strip() for name in SHIPPED[key].params}
    try:
        actions.change_rule(
            changed,
            by=request.user,
            now=request.now,
            is_on=request.POST.get("is_on") == "on",
            severity=_severity(request.POST.get("severity", "")),
            params={name: _number(text) for name, text in typed.items()},
        )
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        cards = rule_cards(request.now, {key: typed})
        return render(request, "pages/alerts/rules.html", {"cards": cards}, status=422)
    name = formats.named(changed.name) or key
    say(request, _("“%(name)s” is changed. The next night goes by it.") % {"name": name})
    return HttpResponseRedirect(reverse("alert-rules") + f"#{key}")


def _severity(text: str) -> int:
    if text not in {"1", "2", "3"}:
        raise ValidationError(_("The severity is %(found)s; allowed are 1 to 3.") % {"found": text or "-"})
    return int(text)


def _number(text: str) -> float | str:
    """The number typed, or the text itself, which the rule then refuses by name."""
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        return text
    return int(number) if number.is_integer() else number


urls = [
    path("alerts/", index, name="alerts"),
    path("alerts/rules/", rules, name="alert-rules"),
    path("alerts/rules/<slug:key>/", rule, name="alert-rule"),
]
