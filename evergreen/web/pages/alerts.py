"""Alerts and the rules that raise them."""

from __future__ import annotations

import math

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.alerts import actions
from evergreen.alerts.models import Rule
from evergreen.alerts.rules import SHIPPED
from evergreen.alerts.words import rule_name
from evergreen.base.conditions import ConditionError
from evergreen.base.declarations import detach
from evergreen.metrics.segments import fields as catalogue
from evergreen.web import formats
from evergreen.web.configuring import configurers, kept_in_files
from evergreen.web.presenters.alert_rules.editor import RuleEditor
from evergreen.web.presenters.alert_rules.events import EventEditor
from evergreen.web.presenters.alert_rules.listing import rule_lines
from evergreen.web.presenters.alert_rules.page import RulePage, TrialPage
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
    lines = rule_lines(request.now, request.user, catalogue.all_fields())
    return render(request, "pages/alerts/rules.html", {"lines": lines})


@require_http_methods(["GET", "POST"])
def rule(request: StaffRequest, key: str) -> HttpResponse:
    """One rule; sent, a detector's switch, severity and thresholds. Refused input is shown again."""
    shown = _rule(key)
    if request.method == "GET":
        return render(request, "pages/alerts/rule.html", {"page": RulePage(request.user, shown, request.now)})
    if not request.user.may_configure or not shown.is_detector:
        raise Http404
    typed = {name: request.POST.get(name, "").strip() for name in SHIPPED[key].params}
    try:
        actions.change_rule(
            shown,
            by=request.user,
            now=request.now,
            is_on=request.POST.get("is_on") == "on",
            severity=_severity(request.POST.get("severity", "")),
            params={name: _number(text) for name, text in typed.items()},
        )
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        page = RulePage(request.user, shown, request.now, typed)
        return render(request, "pages/alerts/rule.html", {"page": page}, status=422)
    say(request, _("“%(name)s” is changed. The next night goes by it.") % {"name": _name(shown)})
    return HttpResponseRedirect(reverse("alert-rule", args=[key]))


@configurers
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    return _edited(request, None)


@configurers
@require_http_methods(["GET", "POST"])
def condition(request: StaffRequest, key: str) -> HttpResponse:
    found = _rule(key)
    if not found.is_condition:
        raise Http404
    if found.is_in_files:
        return kept_in_files(request, found, "alert-rule")
    return _edited(request, found)


def _edited(request: StaffRequest, found: Rule | None) -> HttpResponse:
    editor = RuleEditor(request.user, found, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        try:
            saved = actions.save_rule(
                found.key if found else actions.free_key(),
                is_new=found is None,
                by=request.user,
                now=request.now,
                **editor.asked(),
            )
        except ConditionError as error:
            editor.problems = error.problems
        except ValidationError as error:
            editor.problems = error.messages
        else:
            said = (
                _("%(name)s is saved. The next night goes by it.")
                if saved.is_on
                else _("%(name)s is saved; it is off.")
            )
            say(request, said % {"name": _name(saved)})
            return HttpResponseRedirect(reverse("alert-rule", args=[saved.key]))
    status = 422 if editor.problems else 200
    return render(request, "pages/alerts/editor.html", {"editor": editor}, status=status)


@configurers
@require_http_methods(["GET", "POST"])
def new_event(request: StaffRequest) -> HttpResponse:
    return _edited_event(request, None)


@configurers
@require_http_methods(["GET", "POST"])
def event(request: StaffRequest, key: str) -> HttpResponse:
    found = _rule(key)
    if not found.is_event:
        raise Http404
    return _edited_event(request, found)


def _edited_event(request: StaffRequest, found: Rule | None) -> HttpResponse:
    editor = EventEditor(request.user, found, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        try:
            saved = actions.save_event_rule(
                found.key if found else actions.free_key(),
                is_new=found is None,
                by=request.user,
                now=request.now,
                **editor.asked(),
            )
        except ValidationError as error:
            editor.problems = error.messages
        else:
            said = (
                _("%(name)s is saved. It looks at what comes in from now on.")
                if saved.is_on
                else _("%(name)s is saved; it is off.")
            )
            say(request, said % {"name": _name(saved)})
            return HttpResponseRedirect(reverse("alert-rule", args=[saved.key]))
    status = 422 if editor.problems else 200
    return render(request, "pages/alerts/event.html", {"editor": editor}, status=status)


@configurers
@require_POST
def event_draft(request: StaffRequest) -> HttpResponse:
    """What the event rule in the form would have raised; writes nothing."""
    made = EventEditor(request.user, None, request.POST).draft()
    page = TrialPage(request.user, made) if made is not None else None
    return render(request, "pages/alerts/trial.html", {"page": page, "is_event": True})


@require_GET
def trial(request: StaffRequest, key: str) -> HttpResponse:
    """What a rule would have raised; asked for after its page stands, for it reads 90 nights."""
    return render(request, "pages/alerts/trial.html", {"page": TrialPage(request.user, _rule(key))})


@configurers
@require_POST
def draft(request: StaffRequest) -> HttpResponse:
    """What the rule in the form would have raised; writes nothing."""
    made = RuleEditor(request.user, None, request.POST).draft()
    page = TrialPage(request.user, made) if made is not None else None
    return render(request, "pages/alerts/trial.html", {"page": page})


@configurers
@require_POST
def approval(request: StaffRequest, key: str) -> HttpResponse:
    """Open what the storm guard held."""
    found = _rule(key)
    opened = actions.approve_held(found, by=request.user, now=request.now)
    said = ngettext("%(n)s alert is open now.", "%(n)s alerts are open now.", opened)
    say(request, said % {"n": formats.number(opened)})
    return HttpResponseRedirect(reverse("alert-rule", args=[key]))


@configurers
@require_POST
def switch(request: StaffRequest, key: str) -> HttpResponse:
    """Turn a rule on or off."""
    found = _rule(key)
    if found.is_in_files:
        return kept_in_files(request, found, "alert-rule")
    is_on = request.POST.get("is_on") == "on"
    actions.switch_rule(found, is_on, by=request.user, now=request.now)
    said = (
        _("“%(name)s” is on. The next night goes by it.")
        if is_on
        else _("“%(name)s” is off. Its open alerts close with the next night.")
    )
    say(request, said % {"name": _name(found)})
    return HttpResponseRedirect(reverse("alert-rule", args=[key]))


@configurers
@require_POST
def archive(request: StaffRequest, key: str) -> HttpResponse:
    found = _rule(key)
    if found.is_in_files:
        return kept_in_files(request, found, "alert-rule")
    actions.archive_rule(found, by=request.user, now=request.now)
    said = _("“%(name)s” was put away. What it raised stays; saving it again brings it back.")
    say(request, said % {"name": _name(found)})
    return HttpResponseRedirect(reverse("alert-rules"))


@configurers
@require_POST
def detachment(request: StaffRequest, key: str) -> HttpResponse:
    """Let a rule that is kept in files be changed here."""
    detach(_rule(key), "rule", by=request.user, now=request.now)
    return HttpResponseRedirect(reverse("alert-rule-condition", args=[key]))


def _rule(key: str) -> Rule:
    return get_object_or_404(Rule, key=key)


def _name(found: Rule) -> str:
    return rule_name(found, formats.language())


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
    path("alerts/rules/new/", new, name="alert-rule-new"),
    path("alerts/rules/trial/", draft, name="alert-rule-draft"),
    path("alerts/rules/events/new/", new_event, name="alert-rule-event-new"),
    path("alerts/rules/events/trial/", event_draft, name="alert-rule-event-draft"),
    path("alerts/rules/<slug:key>/", rule, name="alert-rule"),
    path("alerts/rules/<slug:key>/condition/", condition, name="alert-rule-condition"),
    path("alerts/rules/<slug:key>/event/", event, name="alert-rule-event"),
    path("alerts/rules/<slug:key>/trial/", trial, name="alert-rule-trial"),
    path("alerts/rules/<slug:key>/approval/", approval, name="alert-rule-approval"),
    path("alerts/rules/<slug:key>/switch/", switch, name="alert-rule-switch"),
    path("alerts/rules/<slug:key>/archive/", archive, name="alert-rule-archive"),
    path("alerts/rules/<slug:key>/detachment/", detachment, name="alert-rule-detachment"),
]
