"""The queue of account keys and end users that wait for an account."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from evergreen.base.actions import audit
from evergreen.base.models import AuditEntry
from evergreen.customers.listing import Filters, selected
from evergreen.customers.queries import account_for
from evergreen.events.unmatched import actions
from evergreen.events.unmatched.queries import Ref, ref_of, waiting
from evergreen.web.chosen import account_typed
from evergreen.web.configuring import configurers
from evergreen.web.downloads import csv_file
from evergreen.web.forms.tasks import account_label
from evergreen.web.pages.work import rows_changed
from evergreen.web.presenters.unmatched import QueuePage, file_rows
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say

Act = Callable[[StaffRequest, list[Ref]], tuple[str, list[AuditEntry]]]


@configurers
@require_GET
def index(request: StaffRequest) -> HttpResponse:
    return render(request, "pages/unmatched/index.html", {"list": QueuePage(request.GET)})


def acts(act: Act) -> Callable[[StaffRequest], HttpResponse]:
    """A view that does something to the chosen rows and says what, with undo. Wrong input changes nothing."""

    @configurers
    @require_POST
    @wraps(act)
    def view(request: StaffRequest) -> HttpResponse:
        try:
            refs = list(dict.fromkeys(ref_of(token) for token in request.POST.getlist("ids")))
        except ValueError:
            raise Http404("There is no such row.") from None
        try:
            said, entries = act(request, refs)
        except ValidationError as error:
            complain(request, " ".join(error.messages))
        else:
            say(request, said, undo=entries)
        return rows_changed(request)

    return view


@acts
def assignments(request: StaffRequest, refs: list[Ref]) -> tuple[str, list[AuditEntry]]:
    """Give the chosen rows to one account: a suggested one by its key, or one picked by typing."""
    suggested = request.POST.get("account", "")
    account = (
        account_for(request.user, int(suggested))
        if suggested.isdecimal() and len(suggested) < 19
        else account_typed(request.user, request.POST.get("typed", ""))
    )
    entry = actions.assign(refs, account, by=request.user, now=request.now)
    said = ngettext(
        "%(n)s row is of %(name)s now; its events follow within a minute.",
        "%(n)s rows are of %(name)s now; their events follow within a minute.",
        len(refs),
    )
    return said % {"n": len(refs), "name": account.name}, [entry]


@acts
def accounts(request: StaffRequest, refs: list[Ref]) -> tuple[str, list[AuditEntry]]:
    """Make an account of each chosen account key."""
    rows = waiting(set(refs)).rows
    made = actions.make_accounts(rows, by=request.user, now=request.now)
    said = ngettext(
        "The account %(name)s was made; its events follow within a minute.",
        "%(n)s accounts were made; their events follow within a minute.",
        len(made),
    )
    return said % {"n": len(made), "name": made[0].name}, []


@acts
def ignored(request: StaffRequest, refs: list[Ref]) -> tuple[str, list[AuditEntry]]:
    """Put the chosen rows aside."""
    entry = actions.ignore(refs, by=request.user, now=request.now)
    said = ngettext("%(n)s row ignored.", "%(n)s rows ignored.", len(refs))
    return said % {"n": len(refs)}, [entry]


@acts
def returns(request: StaffRequest, refs: list[Ref]) -> tuple[str, list[AuditEntry]]:
    """Bring the chosen rows back into the queue."""
    entry = actions.notice(refs, by=request.user, now=request.now)
    said = ngettext("%(n)s row waits again.", "%(n)s rows wait again.", len(refs))
    return said % {"n": len(refs)}, [entry]


@require_GET
def choices(request: StaffRequest) -> HttpResponse:
    """Accounts whose name or id has the letters typed so far."""
    text = request.GET.get("typed", "").strip()[:100]
    rows = selected(request.user, Filters(text=text), request.today).order_by("name_key", "pk")[:12]
    labels = [account_label(account) for account in rows] if text else []
    return render(request, "pages/tasks/accounts.html", {"labels": labels})


@configurers
@require_POST
def export(request: StaffRequest) -> HttpResponse:
    """The rows of the address as CSV."""
    rows = QueuePage(request.GET).rows
    after = {"query": request.GET.urlencode()[:1000], "rows": len(rows)}
    audit("unmatched.exported", "export", [], by=request.user, now=request.now, after=after)
    return csv_file(file_rows(rows), f"unmatched-{request.today:%Y-%m-%d}.csv")


urls = [
    path("unmatched/", index, name="unmatched"),
    path("unmatched/assignments/", assignments, name="unmatched-assignments"),
    path("unmatched/accounts/", accounts, name="unmatched-accounts"),
    path("unmatched/ignored/", ignored, name="unmatched-ignored"),
    path("unmatched/returns/", returns, name="unmatched-returns"),
    path("unmatched/choices/", choices, name="unmatched-choices"),
    path("unmatched/export/", export, name="unmatched-export"),
]
