"""Ids of accounts and contacts, and merging doubles: sheets of the account page."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from evergreen.base.models import AuditEntry
from evergreen.customers import actions
from evergreen.customers.models import Account, Contact, ContactId, ExternalId
from evergreen.customers.queries import account_for, contact_for
from evergreen.events import matching
from evergreen.flow import merging
from evergreen.web.chosen import account_typed
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.account.identity import Sheet
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


def _shown(request: StaffRequest, sheet: Sheet) -> HttpResponse:
    status = 422 if sheet.error and not request.htmx else 200
    return render(request, "pages/account/identity.html", {"sheet": sheet}, status=status)


def _refreshed() -> HttpResponse:
    return HttpResponse(status=204, headers={"HX-Refresh": "true"})


@require_http_methods(["GET", "POST"])
def account_ids(request: StaffRequest, account_id: int) -> HttpResponse:
    """The ids of an account and what was merged into it; POST adds an id."""
    account = account_for(request.user, account_id)
    return _ids(request, account)


@require_http_methods(["GET", "POST"])
def contact_ids(request: StaffRequest, contact_id: int) -> HttpResponse:
    """The ids of a contact and what was merged into it; POST adds an id."""
    return _ids(request, contact_for(request.user, contact_id))


def _ids(request: StaffRequest, row: Account | Contact) -> HttpResponse:
    if not may_edit(request.user):
        raise PermissionDenied
    error = ""
    if request.method == "POST":
        system, value = request.POST.get("system", ""), request.POST.get("value", "")
        try:
            if isinstance(row, Account):
                actions.add_external_id(row, system, value, by=request.user, now=request.now)
            else:
                actions.add_contact_id(row, system, value, by=request.user, now=request.now)
        except ValidationError as refusal:
            error = " ".join(refusal.messages)
    return _shown(request, Sheet(row, request.user, error=error))


@require_POST
def account_id_removal(request: StaffRequest, row_id: int) -> HttpResponse:
    """Take an id from its account; events that carry it find their account anew."""
    row = get_object_or_404(ExternalId, pk=row_id)
    account = account_for(request.user, row.account_id)
    if not may_edit(request.user):
        raise PermissionDenied
    with transaction.atomic():
        matching.unsettle_keys([row.value], now=request.now)
        actions.remove_external_id(row, by=request.user, now=request.now)
    return _shown(request, Sheet(account, request.user))


@require_POST
def contact_id_removal(request: StaffRequest, row_id: int) -> HttpResponse:
    row = get_object_or_404(ContactId, pk=row_id)
    contact = contact_for(request.user, row.contact_id)
    if not may_edit(request.user):
        raise PermissionDenied
    actions.remove_contact_id(row, by=request.user, now=request.now)
    return _shown(request, Sheet(contact, request.user))


@require_http_methods(["GET", "POST"])
def account_merger(request: StaffRequest, account_id: int) -> HttpResponse:
    """GET shows what merging another account into this one would move; POST merges them."""
    into = account_for(request.user, account_id)
    if not request.user.may_assign:
        raise PermissionDenied
    typed = (request.POST if request.method == "POST" else request.GET).get("typed", "")
    try:
        other = account_typed(request.user, typed)
        if request.method == "POST":
            entry = merging.merge(other, into, by=request.user, now=request.now)
            said = _("%(one)s is merged into %(other)s; its events follow within a minute.")
            say(request, said % {"one": other.name, "other": into.name}, undo=[entry])
            return _refreshed()
        if other.pk == into.pk:
            raise ValidationError(
                _("Choose another one: these two are the same already. Nothing was changed.")
            )
    except ValidationError as refusal:
        return _shown(request, Sheet(into, request.user, typed=typed, error=" ".join(refusal.messages)))
    return _shown(request, Sheet(into, request.user, typed=typed, other=other))


@require_http_methods(["GET", "POST"])
def contact_merger(request: StaffRequest, contact_id: int) -> HttpResponse:
    """GET shows what merging another contact into this one would move; POST merges them."""
    into = contact_for(request.user, contact_id)
    if not may_edit(request.user):
        raise PermissionDenied
    typed = (request.POST if request.method == "POST" else request.GET).get("typed", "")
    if not typed.isdecimal() or len(typed) > 18:
        raise Http404("There is no such contact.")
    other = contact_for(request.user, int(typed))
    try:
        if request.method == "POST":
            entry = actions.merge_contacts(other, into, by=request.user, now=request.now)
            say(request, _("%(one)s is merged into %(other)s.") % {"one": other, "other": into}, undo=[entry])
            return _refreshed()
    except ValidationError as refusal:
        return _shown(request, Sheet(into, request.user, error=" ".join(refusal.messages)))
    return _shown(request, Sheet(into, request.user, typed=typed, other=other))


@require_POST
def merger_undoing(request: StaffRequest, entry_id: int) -> HttpResponse:
    """Give both rows of a merge back what they had, whoever made it."""
    entry = get_object_or_404(AuditEntry, pk=entry_id, kind="merger", verb="merger.made")
    if entry.before["model"] == "account":
        account_for(request.user, entry.object_ids[1])
        allowed = request.user.may_assign
    else:
        contact_for(request.user, entry.object_ids[1])
        allowed = may_edit(request.user)
    if not allowed:
        raise PermissionDenied
    try:
        merging.undo(entry, by=request.user, now=request.now)
    except ValidationError as refusal:
        complain(request, " ".join(refusal.messages))
    else:
        say(request, _("The merge is undone; both have what they had."))
    return _refreshed()


urls = [
    path("accounts/<int:account_id>/ids/", account_ids, name="account-ids"),
    path("accounts/ids/<int:row_id>/removal/", account_id_removal, name="account-id-removal"),
    path("accounts/<int:account_id>/merger/", account_merger, name="account-merger"),
    path("contacts/<int:contact_id>/ids/", contact_ids, name="contact-ids"),
    path("contacts/ids/<int:row_id>/removal/", contact_id_removal, name="contact-id-removal"),
    path("contacts/<int:contact_id>/merger/", contact_merger, name="contact-merger"),
    path("mergers/<int:entry_id>/undoing/", merger_undoing, name="merger-undoing"),
]
