"""Messages: what waits, went, is unknown or was held back and why; one or many withdrawn, sent again, settled."""

from __future__ import annotations

import datetime as dt

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from evergreen.base.actions import audit
from evergreen.base.roles import Role
from evergreen.flow.needs.choosing import MOST
from evergreen.touches import actions
from evergreen.touches.queries import messages_for
from evergreen.web import formats
from evergreen.web.downloads import csv_file
from evergreen.web.pages.work import rows_changed
from evergreen.web.presenters.messages.listing import MessageList, MessagePage, file_rows
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    return render(
        request, "pages/messages/index.html", {"list": MessageList(request.user, request.GET, request.vendor)}
    )


@require_POST
def export(request: StaffRequest) -> HttpResponse:
    """The messages of the address as CSV."""
    after = {"query": request.GET.urlencode()[:1000]}
    audit("messages.exported", "export", [], by=request.user, now=request.now, after=after)
    rows = MessageList(request.user, request.GET, request.vendor).rows
    return csv_file(file_rows(rows), f"messages-{request.today:%Y-%m-%d}.csv")


@require_GET
def show(request: StaffRequest, message_id: int) -> HttpResponse:
    found = get_object_or_404(messages_for(request.user), pk=message_id)
    return render(request, "pages/messages/message.html", {"page": MessagePage(request.user, found)})


def _chosen(request: StaffRequest) -> list[int]:
    """The messages that the form names, as far as the person may see them. Raises Http404 when none is."""
    asked = [int(key) for key in request.POST.getlist("ids") if key.isdecimal() and len(key) < 19]
    if request.user.role == Role.PARTNER or not asked or len(asked) > MOST:
        raise Http404("There are no such messages.")
    found = list(messages_for(request.user).filter(pk__in=asked).order_by("pk").values_list("pk", flat=True))
    if not found:
        raise Http404("There are no such messages among those you may see.")
    return found


def _tell(request: StaffRequest, done: int, said: str, none: str) -> HttpResponse:
    if done:
        say(request, said % {"n": formats.number(done)})
    else:
        complain(request, none)
    return rows_changed(request)


@require_POST
def withdrawals(request: StaffRequest) -> HttpResponse:
    """Take back what is not sent yet."""
    done = actions.cancel(_chosen(request), by=request.user, now=request.now)
    said = ngettext("%(n)s message is withdrawn.", "%(n)s messages are withdrawn.", done)
    return _tell(request, done, said, _("These were sent already, or will never be. Nothing was changed."))


@require_POST
def repeats(request: StaffRequest) -> HttpResponse:
    """Send again what is unknown, refused, held back or withdrawn."""
    late = dt.timedelta(hours=int(request.vendor["message_late_hours"]))
    done = actions.send_again(_chosen(request), by=request.user, now=request.now, late=late)
    said = ngettext("%(n)s message is planned again.", "%(n)s messages are planned again.", done)
    return _tell(
        request, done, said, _("These arrived, wait still, or have no text to send. Nothing was changed.")
    )


@require_POST
def verdicts(request: StaffRequest) -> HttpResponse:
    """Say of unknown messages whether they arrived."""
    arrived = request.POST.get("arrived") == "yes"
    done = actions.settle(_chosen(request), has_arrived=arrived, by=request.user, now=request.now)
    said = ngettext("%(n)s message is settled.", "%(n)s messages are settled.", done)
    return _tell(request, done, said, _("Only unknown messages are settled. Nothing was changed."))


urls = [
    path("messages/", index, name="messages"),
    path("messages/export/", export, name="messages-export"),
    path("messages/withdrawals/", withdrawals, name="message-withdrawals"),
    path("messages/repeats/", repeats, name="message-repeats"),
    path("messages/verdicts/", verdicts, name="message-verdicts"),
    path("messages/<int:message_id>/", show, name="message"),
]
