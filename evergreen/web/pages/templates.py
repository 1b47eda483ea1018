"""Templates of messages: written with a preview on a real contact, sent to oneself, archived."""

from __future__ import annotations

import datetime as dt
import secrets

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base.declarations import detach, free_key
from evergreen.touches import actions, values
from evergreen.touches.channels import registry
from evergreen.touches.channels.contract import CONTACTS
from evergreen.touches.language import MissingError
from evergreen.touches.models import Channel, Medium, Template, Topic
from evergreen.touches.values import Person
from evergreen.web import formats
from evergreen.web.configuring import configurers, kept_in_files
from evergreen.web.pages.in_app import asked_language, in_a_product
from evergreen.web.presenters.messages.templates import TemplateEditor, lines
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    archived = request.GET.get("state") == "archived"
    context = {"lines": lines(request.now, archived=archived), "archived": archived}
    return render(request, "pages/messages/templates.html", context)


@configurers
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    return _edit(request, None)


@configurers
@require_http_methods(["GET", "POST"])
def show(request: StaffRequest, key: str) -> HttpResponse:
    return _edit(request, get_object_or_404(Template, key=key))


def _edit(request: StaffRequest, template: Template | None) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    editor = TemplateEditor(request.user, template, request.now, posted)
    if posted is not None:
        if template is not None and template.is_in_files:
            return kept_in_files(request, template, "template")
        name = editor.given["name"]
        key = template.key if template else free_key(name, "template", Template.objects.all())
        try:
            made = actions.save_template(template, key, editor.given, by=request.user, now=request.now)
        except ValidationError as error:
            editor.problems = error.messages
        else:
            say(
                request,
                _("%(name)s is saved. What is planned already keeps its text.")
                % {"name": formats.named(made.name)},
            )
            return HttpResponseRedirect(reverse("template", args=[made.key]))
    return render(
        request, "pages/messages/editor.html", {"editor": editor}, status=422 if editor.problems else 200
    )


@configurers
@require_POST
def preview(request: StaffRequest) -> HttpResponse:
    """What a contact would read, as it is being written."""
    template = Template.objects.filter(key=request.POST.get("key", "")).first()
    editor = TemplateEditor(request.user, template, request.now, request.POST)
    return render(request, "pages/messages/preview.html", {"editor": editor})


@configurers
@require_POST
def trial(request: StaffRequest, key: str) -> HttpResponse:
    """Send it to oneself, as the contact chosen would read it."""
    template = get_object_or_404(Template, key=key)
    editor = TemplateEditor(request.user, template, request.now, contact=request.POST.get("contact", ""))
    channel = next((one for one in Channel.objects.filter(is_on=True).order_by("pk") if _is_mail(one)), None)
    if channel is None:
        complain(request, _("No channel for e-mail is on. Set one up first; nothing was sent."))
        return _to(template)
    try:
        written = editor.written(request.user.language or formats.language())
    except MissingError as error:
        complain(
            request,
            _("This contact has no value for: %(names)s. Nothing was sent.")
            % {"names": ", ".join(error.paths)},
        )
        return _to(template)
    draft = actions.Draft(
        "trial", f"{template.pk}:{secrets.token_hex(8)}", channel, Medium.MAIL, Person(None, staff=request.user.pk),
        subject=f"[{_('Test')}] {written.subject}", body=written.body, topic=Topic.SERVICE,
        due_at=request.now, expires_at=request.now + dt.timedelta(hours=1),
    )  # fmt: skip
    with transaction.atomic():
        actions.plan([draft], now=request.now)
    say(request, _("A test is on its way to %(email)s.") % {"email": request.user.email})
    return _to(template)


@configurers
@require_GET
def in_app(request: StaffRequest, key: str) -> HttpResponse:
    """The message as a contact would meet it inside the product; nothing is kept."""
    template = get_object_or_404(Template, key=key)
    editor = TemplateEditor(request.user, template, request.now, contact=request.GET.get("contact", ""))
    back = reverse("template", args=[key])
    try:
        message = editor.in_product(asked_language(request))
    except MissingError as error:
        names = pgettext("list", ", ").join(values.names(error.paths)[path] for path in error.paths)
        complain(
            request, _("This contact has no value for: %(names)s. Choose another one.") % {"names": names}
        )
        return HttpResponseRedirect(back)
    return in_a_product(request, message, back=back)


def _to(template: Template) -> HttpResponse:
    return HttpResponseRedirect(reverse("template", args=[template.key]))


def _is_mail(channel: Channel) -> bool:
    adapter = registry.adapter_class(channel.kind)
    return adapter.medium == Medium.MAIL and adapter.audience == CONTACTS


@configurers
@require_POST
def archive(request: StaffRequest, key: str) -> HttpResponse:
    template = get_object_or_404(Template, key=key)
    archived = request.POST.get("archived") == "yes"
    actions.archive_template(template, is_archived=archived, by=request.user, now=request.now)
    said = (
        _("%(name)s is archived: playbooks that use it go on with it.")
        if archived
        else _("%(name)s is back among the templates.")
    )
    say(request, said % {"name": formats.named(template.name)})
    return HttpResponseRedirect(reverse("templates"))


@configurers
@require_POST
def detachment(request: StaffRequest, key: str) -> HttpResponse:
    template = get_object_or_404(Template, key=key)
    if not template.is_in_files:
        raise Http404("It is not kept in files.")
    detach(template, "template", by=request.user, now=request.now)
    return _to(template)


urls = [
    path("templates/", index, name="templates"),
    path("templates/new/", new, name="template-new"),
    path("templates/preview/", preview, name="template-preview"),
    path("templates/<slug:key>/", show, name="template"),
    path("templates/<slug:key>/trial/", trial, name="template-trial"),
    path("templates/<slug:key>/in-app/", in_app, name="template-in-app"),
    path("templates/<slug:key>/archive/", archive, name="template-archive"),
    path("templates/<slug:key>/detachment/", detachment, name="template-detachment"),
]
