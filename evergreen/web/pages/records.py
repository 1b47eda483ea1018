"""What people write down on an account's page: conversations, notes with files, tasks, contacts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.customers import actions as customers
from evergreen.customers.actions.notes import stored_file
from evergreen.customers.models import Account, Note
from evergreen.customers.queries import account_for, attachment_for, contact_for, note_for
from evergreen.web.downloads import download
from evergreen.web.forms.errors import add_errors
from evergreen.web.forms.records import AccountTaskForm, ContactForm, ConversationForm, NoteForm
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say
from evergreen.work import actions as work

Save = Callable[[], object]


def _writable(request: StaffRequest, account_id: int) -> Account:
    account = account_for(request.user, account_id)
    if not may_edit(request.user):
        raise PermissionDenied
    return account


def _own_note(request: StaffRequest, note_id: int) -> Note:
    found = note_for(request.user, note_id)
    if not may_edit(request.user):
        raise PermissionDenied
    return found


def _sheet(request: StaffRequest, form: forms.Form, title: str, save: Save, said: str) -> HttpResponse:
    """A form in the sheet: GET shows it, POST saves and shows the page again, or the form with what is wrong."""
    if request.method == "POST" and form.is_valid():
        try:
            save()
        except ValidationError as error:
            add_errors(form, error)
        else:
            say(request, said)
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    context: dict[str, Any] = {"form": form, "title": title, "target": request.path}
    return render(request, "pages/account/sheet.html", context)


@require_http_methods(["GET", "POST"])
def conversations(request: StaffRequest, account_id: int) -> HttpResponse:
    account = _writable(request, account_id)
    form = ConversationForm(request.POST or None, account=account, now=request.now)

    def save() -> object:
        return work.record_conversation(account, **form.changes, by=request.user, now=request.now)

    return _sheet(request, form, _("Record a conversation"), save, _("The conversation was recorded."))


@require_http_methods(["GET", "POST"])
def tasks(request: StaffRequest, account_id: int) -> HttpResponse:
    account = _writable(request, account_id)
    form = AccountTaskForm(request.POST or None, user=request.user, initial={"due_on": request.today})

    def save() -> object:
        return work.add_task(account=account, **form.changes, by=request.user, now=request.now)

    return _sheet(request, form, _("Add a task"), save, _("The task was added."))


@require_http_methods(["GET", "POST"])
def notes(request: StaffRequest, account_id: int) -> HttpResponse:
    account = _writable(request, account_id)
    form = NoteForm(request.POST or None, request.FILES or None)

    def save() -> object:
        body, files = form.cleaned_data["body"], form.cleaned_data["attachments"]
        return customers.add_note(account, body, files=files, by=request.user, now=request.now)

    return _sheet(request, form, _("Add a note"), save, _("The note was added."))


@require_http_methods(["GET", "POST"])
def note(request: StaffRequest, note_id: int) -> HttpResponse:
    """A note's text: GET the form, POST writes it anew (its author and administrators)."""
    found = _own_note(request, note_id)
    form = NoteForm(request.POST or None, initial={"body": found.body})
    del form.fields["attachments"]

    def save() -> object:
        return customers.edit_note(found, form.cleaned_data["body"], by=request.user, now=request.now)

    return _sheet(request, form, _("Edit the note"), save, _("The note was changed."))


@require_POST
def note_pin(request: StaffRequest, note_id: int) -> HttpResponse:
    found = _own_note(request, note_id)
    customers.pin_note(found, not found.is_pinned, by=request.user, now=request.now)
    return HttpResponse(status=204, headers={"HX-Refresh": "true"})


@require_POST
def note_removal(request: StaffRequest, note_id: int) -> HttpResponse:
    found = _own_note(request, note_id)
    try:
        customers.delete_note(found, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        return HttpResponse(status=204)
    say(request, _("The note was deleted."))
    return HttpResponse(status=204, headers={"HX-Refresh": "true"})


@require_GET
def file(request: StaffRequest, attachment_id: int) -> StreamingHttpResponse:
    """A note's file, always to be saved, never shown as a page of ours."""
    attachment = attachment_for(request.user, attachment_id)
    return download(request, stored_file(attachment), attachment.name)


@require_http_methods(["GET", "POST"])
def contacts(request: StaffRequest, account_id: int) -> HttpResponse:
    account = _writable(request, account_id)
    form = ContactForm(request.POST or None, account=account)

    def save() -> object:
        return customers.add_contact(account, **form.changes, by=request.user, now=request.now)

    return _sheet(request, form, _("Add a contact"), save, _("The contact was added."))


@require_http_methods(["GET", "POST"])
def contact(request: StaffRequest, contact_id: int) -> HttpResponse:
    found = contact_for(request.user, contact_id)
    if not may_edit(request.user):
        raise PermissionDenied
    form = ContactForm.of(found)
    if request.method == "POST":
        form = ContactForm(request.POST, account=found.account, contact=found, initial=form.initial)

    def save() -> object:
        return customers.update_contact(found, form.changes, by=request.user, now=request.now)

    return _sheet(request, form, found.name, save, _("The contact was changed."))


urls = [
    path("accounts/<int:account_id>/conversations/", conversations, name="account-conversations"),
    path("accounts/<int:account_id>/tasks/", tasks, name="account-tasks"),
    path("accounts/<int:account_id>/notes/", notes, name="account-notes"),
    path("accounts/<int:account_id>/contacts/", contacts, name="account-contacts"),
    path("contacts/<int:contact_id>/", contact, name="contact"),
    path("notes/<int:note_id>/", note, name="note"),
    path("notes/<int:note_id>/pin/", note_pin, name="note-pin"),
    path("notes/<int:note_id>/removal/", note_removal, name="note-removal"),
    path("files/<int:attachment_id>/", file, name="file"),
]
