"""The working calendar."""

from __future__ import annotations

import datetime as dt

from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from evergreen.base import calendar_days
from evergreen.web.configuring import configurers
from evergreen.web.presenters.settings.calendar import Calendar
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@configurers
@require_http_methods(["GET", "POST"])
def calendar(request: StaffRequest) -> HttpResponse:
    """What is known; POST shows what loading days would change, then (``sure``) loads them."""
    context: dict[str, object] = {"page": Calendar(request.today), "typed": request.POST}
    if request.method == "GET":
        return render(request, "pages/settings/calendar.html", context)
    source = request.POST.get("source", "notice")
    try:
        days = calendar_days.read_days(request.POST.get("days", "")[:200_000])
        if not request.POST.get("sure"):
            context["preview"] = calendar_days.preview_calendar(days, source)
            return render(request, "pages/settings/calendar.html", context)
        loaded = calendar_days.load_calendar(days, source, by=request.user, now=request.now)
    except ValidationError as error:
        context["problems"] = error.messages
        return render(request, "pages/settings/calendar.html", context, status=422)
    count = len(loaded.changed)
    text = ngettext(
        "Loaded; %(n)s day is worked otherwise.", "Loaded; %(n)s days are worked otherwise.", count
    )
    say(request, text % {"n": count})
    return HttpResponseRedirect(request.path)


@configurers
@require_POST
def removal(request: StaffRequest) -> HttpResponse:
    """Take one day that was set by hand out again."""
    try:
        day = dt.date.fromisoformat(request.POST.get("day", ""))
    except ValueError:
        complain(request, _("There is no such day."))
    else:
        calendar_days.forget_days([day], request.POST.get("source", ""), by=request.user, now=request.now)
        say(request, _("%(day)s is taken out.") % {"day": day})
    return HttpResponseRedirect(reverse("settings-calendar"))


urls = [
    path("settings/calendar/", calendar, name="settings-calendar"),
    path("settings/calendar/removal/", removal, name="settings-calendar-removal"),
]
