"""What a contact agreed to or refused: the ledger, and a new line in it."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_http_methods

from evergreen.customers.queries import contact_for
from evergreen.touches import actions
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.messages.consents import ConsentSheet
from evergreen.web.requests import StaffRequest


@require_http_methods(["GET", "POST"])
def consents(request: StaffRequest, contact_id: int) -> HttpResponse:
    """The ledger of a contact; POST adds a line."""
    contact = contact_for(request.user, contact_id)
    error = ""
    if request.method == "POST":
        if not may_edit(request.user):
            raise PermissionDenied
        told = request.POST
        try:
            actions.record_consent(
                contact, medium=told.get("medium", ""), topic=told.get("topic", ""), is_given=told.get("state") == "given",
                source=told.get("source", "spoken"), proof=told.get("proof", ""), by=request.user, now=request.now,
            )  # fmt: skip
        except ValidationError as refusal:
            error = " ".join(refusal.messages)
    sheet = ConsentSheet(contact, may_write=may_edit(request.user), error=error)
    return render(request, "pages/account/consents.html", {"sheet": sheet}, status=422 if error else 200)


urls = [path("contacts/<int:contact_id>/consents/", consents, name="contact-consents")]
