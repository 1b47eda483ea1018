"""Who may buy more: the list, what is done with it, how far to believe it, and the card on an account's page."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from evergreen.base.actions import audit
from evergreen.base.roles import Role
from evergreen.customers.queries import account_for, accounts_for
from evergreen.flow.needs.choosing import MOST
from evergreen.foresight import jobs
from evergreen.foresight.expansion import actions, telling
from evergreen.foresight.expansion.models import Suggestion
from evergreen.web.downloads import csv_file
from evergreen.web.pages.work import rows_changed
from evergreen.web.presenters.expansion import Record, SuggestionList, file_rows, lines
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    return render(request, "pages/expansion/index.html", {"list": _listed(request)})


@require_GET
def record(request: StaffRequest) -> HttpResponse:
    """How well purchases would have been foretold, and which signs they followed."""
    return render(request, "pages/expansion/record.html", {"page": Record(telling.newest())})


@require_GET
def of_account(request: StaffRequest, account_id: int) -> HttpResponse:
    """What is suggested for an account, as a card; nothing where nothing is."""
    account = account_for(request.user, account_id)
    found = lines(telling.open_of(account), accounts_for(request.user))
    return render(request, "pages/expansion/card.html", {"account": account, "lines": found})


@require_POST
def export(request: StaffRequest) -> HttpResponse:
    """The suggestions of the address as CSV."""
    after = {"query": request.GET.urlencode()[:1000]}
    audit("suggestions.exported", "export", [], by=request.user, now=request.now, after=after)
    rows = _listed(request).rows
    told = file_rows(rows, sees_money=request.user.sees_money, currency=request.vendor["currency"])
    return csv_file(told, f"expansion-{request.today:%Y-%m-%d}.csv")


@require_POST
def tasks(request: StaffRequest) -> HttpResponse:
    """Make a task of each chosen suggestion."""
    made = actions.make_tasks(_chosen(request), by=request.user, now=request.now)
    if len(made) == 1:
        say(request, _("The task is on the list of %(name)s.") % {"name": made[0].assignee or _("nobody")})
    else:
        say(request, ngettext("%(n)s task made.", "%(n)s tasks made.", len(made)) % {"n": len(made)})
    return rows_changed(request)


@require_POST
def dismissal(request: StaffRequest) -> HttpResponse:
    """Take the chosen suggestions off the list, with a reason."""
    ids = [row.pk for row in _chosen(request)]
    try:
        entries = actions.dismiss(
            ids,
            request.POST.get("reason", ""),
            by=request.user,
            now=request.now,
            note=request.POST.get("note", ""),
        )
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        return rows_changed(request)
    count = sum(entry.objects_count for entry in entries)
    say(
        request,
        ngettext("%(n)s suggestion dismissed.", "%(n)s suggestions dismissed.", count) % {"n": count},
        undo=entries,
    )
    return rows_changed(request)


@require_POST
def winning(request: StaffRequest) -> HttpResponse:
    """Mark the chosen suggestions as bought."""
    entries = actions.win([row.pk for row in _chosen(request)], by=request.user, now=request.now)
    count = sum(entry.objects_count for entry in entries)
    say(
        request,
        ngettext("%(n)s suggestion won.", "%(n)s suggestions won.", count) % {"n": count},
        undo=entries,
    )
    return rows_changed(request)


@require_POST
def learning(request: StaffRequest) -> HttpResponse:
    """Learn anew now; the worker does it."""
    if not request.user.may_configure:
        raise PermissionDenied
    jobs.start_expansion(by=request.user, now=request.now)
    say(request, _("The worker learns anew; the list changes when it is done."))
    return HttpResponseRedirect(reverse("jobs"))


def _listed(request: StaffRequest) -> SuggestionList:
    return SuggestionList(request.user, request.GET, request.vendor, accounts_for(request.user))


def _chosen(request: StaffRequest) -> list[Suggestion]:
    """The rows named, as far as the person may see them; a partner reads only."""
    if request.user.role == Role.PARTNER:
        raise PermissionDenied
    ids = [int(text) for text in request.POST.getlist("ids") if text.isdecimal() and len(text) < 19]
    found = list(telling.suggestions_for(request.user).filter(pk__in=ids[:MOST]))
    if not found:
        raise Http404("There is no such row among those you may see.")
    return found


urls = [
    path("expansion/", index, name="expansion"),
    path("expansion/record/", record, name="expansion-record"),
    path("expansion/export/", export, name="expansion-export"),
    path("expansion/tasks/", tasks, name="expansion-tasks"),
    path("expansion/dismissal/", dismissal, name="expansion-dismissal"),
    path("expansion/winning/", winning, name="expansion-winning"),
    path("expansion/learning/", learning, name="expansion-learning"),
    path("accounts/<int:account_id>/expansion/", of_account, name="account-expansion"),
]
