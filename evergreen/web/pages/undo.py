"""Undo of what a person just did to several rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.urls import path
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from evergreen.alerts import actions as alerts
from evergreen.base.models import AuditEntry
from evergreen.customers import actions as customers
from evergreen.events.unmatched import actions as unmatched
from evergreen.flow import merging
from evergreen.foresight.expansion import actions as expansion
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say
from evergreen.work import actions as work

# Which room gives back changes of which kind of row.
ROOMS: dict[str, Callable[..., Any]] = {
    "account": customers.undo,
    "alert": alerts.undo,
    "task": work.undo,
    "workorder": alerts.undo_orders,
    unmatched.KIND: unmatched.undo,
    "merger": merging.undo,
    "suggestion": expansion.undo,
}


@require_POST
def undo(request: StaffRequest) -> HttpResponse:
    """Give back the batches named by ``entries``; the page then shows itself again."""
    ids = [int(part) for part in request.GET.get("entries", "").split(",") if part.isdigit()]
    entries = list(AuditEntry.objects.filter(pk__in=ids[:100], by=request.user, kind__in=ROOMS))
    if not entries:
        raise Http404("There is no such change of yours.")
    try:
        for entry in entries:
            ROOMS[entry.kind](entry, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        count = sum(entry.objects_count for entry in entries)
        say(request, ngettext("Undone for %(n)s row.", "Undone for %(n)s rows.", count) % {"n": count})
    # A page that can show its rows again does so; any other loads anew, and then says what was undone.
    if request.headers.get("X-Whole-Page"):
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    return HttpResponse(status=204, headers={"HX-Trigger": '{"rows-changed": true}'})


urls = [path("undo/", undo, name="undo")]
