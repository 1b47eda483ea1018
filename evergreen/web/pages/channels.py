"""Channels by which messages leave: set up, tried, switched on and off."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.touches import actions
from evergreen.touches.channels import registry
from evergreen.touches.models import Channel, DeadAddress
from evergreen.web.configuring import configurers
from evergreen.web.forms.channels import ChannelForm
from evergreen.web.forms.errors import add_errors
from evergreen.web.presenters.messages import channels as shown
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@configurers
@require_GET
def index(request: StaffRequest) -> HttpResponse:
    context = {
        "lines": shown.lines(request.now),
        "offers": shown.offers(),
        "public_url": request.vendor["public_url"],
    }
    return render(request, "pages/channels/index.html", context)


@sensitive_post_parameters()
@configurers
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest, kind: str) -> HttpResponse:
    if kind not in registry.kinds():
        raise Http404("There is no such channel.")
    return _edit(request, kind, None, ChannelForm(kind, request.POST or None))


@sensitive_post_parameters()
@configurers
@require_http_methods(["GET", "POST"])
def settings(request: StaffRequest, key: str) -> HttpResponse:
    """How it is reached. A secret that is left empty stays."""
    found = get_object_or_404(Channel, key=key)
    form = (
        ChannelForm(found.kind, request.POST, stored=found)
        if request.method == "POST"
        else ChannelForm.of(found)
    )
    return _edit(request, found.kind, found, form)


def _edit(request: StaffRequest, kind: str, channel: Channel | None, form: ChannelForm) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            made = actions.save_channel(
                channel, kind=kind, name=form.cleaned_data["name"], given=form.given, limits=form.limits,
                by=request.user, now=request.now,
            )  # fmt: skip
        except ValidationError as error:
            add_errors(form, error)
        else:
            said = _("%(name)s is saved.") if channel else _("%(name)s is saved. Test it, then switch it on.")
            say(request, said % {"name": made.name})
            return _to(made)
    line = shown.label_of(kind) if channel else shown.about_of(kind)
    context = {"form": form, "label": shown.label_of(kind), "line": line, "channel": channel}
    return render(request, "pages/channels/form.html", context, status=422 if form.errors else 200)


@configurers
@require_GET
def show(request: StaffRequest, key: str) -> HttpResponse:
    page = shown.ChannelPage(get_object_or_404(Channel, key=key), request.now)
    return render(request, "pages/channels/channel.html", {"page": page})


@configurers
@require_POST
def test(request: StaffRequest, key: str) -> HttpResponse:
    """Ask the provider now and say what came of it."""
    found = get_object_or_404(Channel, key=key)
    try:
        say(request, actions.try_channel(found, by=request.user, now=request.now))
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    return _to(found)


@configurers
@require_POST
def switch(request: StaffRequest, key: str) -> HttpResponse:
    found = get_object_or_404(Channel, key=key)
    try:
        actions.switch_channel(found, is_on=not found.is_on, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        said = (
            _("%(name)s is on: what waits goes now.")
            if found.is_on
            else _("%(name)s is off: its messages wait.")
        )
        say(request, said % {"name": found.name})
    return _to(found)


@configurers
@require_POST
def removal(request: StaffRequest, key: str) -> HttpResponse:
    found = get_object_or_404(Channel, key=key)
    try:
        actions.remove_channel(found, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        return _to(found)
    say(request, _("%(name)s and its credentials are deleted.") % {"name": found.name})
    return HttpResponseRedirect(reverse("channels"))


@configurers
@require_POST
def revival(request: StaffRequest, key: str, address_id: int) -> HttpResponse:
    """Write to an address again that was found dead."""
    found = get_object_or_404(Channel, key=key)
    dead = get_object_or_404(DeadAddress, pk=address_id, medium=registry.adapter_class(found.kind).medium)
    actions.revive(dead, by=request.user, now=request.now)
    say(request, _("%(address)s is written to again.") % {"address": dead.address})
    return _to(found)


def _to(found: Channel) -> HttpResponse:
    return HttpResponseRedirect(reverse("channel", args=[found.key]))


urls = [
    path("channels/", index, name="channels"),
    path("channels/new/<slug:kind>/", new, name="channel-new"),
    path("channels/<slug:key>/", show, name="channel"),
    path("channels/<slug:key>/settings/", settings, name="channel-settings"),
    path("channels/<slug:key>/test/", test, name="channel-test"),
    path("channels/<slug:key>/switch/", switch, name="channel-switch"),
    path("channels/<slug:key>/removal/", removal, name="channel-removal"),
    path("channels/<slug:key>/addresses/<int:address_id>/revival/", revival, name="address-revival"),
]
