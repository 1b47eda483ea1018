"""Tags in WeCom, both ways: groups that Evergreen keeps there, groups whose tags become tags of accounts."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.touches.models import TagGroup
from evergreen.touches.tags import marking, reading
from evergreen.touches.ties.keeping import read_ties
from evergreen.web.configuring import configurers
from evergreen.web.presenters.tags import TagForm, TagPage
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say

OUT = TagGroup.Direction.OUT


@configurers
@require_GET
def index(request: StaffRequest) -> HttpResponse:
    return render(request, "pages/tags/index.html", {"page": TagPage()})


@configurers
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    return _edit(request, None)


@configurers
@require_http_methods(["GET", "POST"])
def settings(request: StaffRequest, group_id: int) -> HttpResponse:
    return _edit(request, get_object_or_404(TagGroup, pk=group_id, direction=OUT))


def _edit(request: StaffRequest, group: TagGroup | None) -> HttpResponse:
    form = TagForm(group, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        asked = marking.Wanted(form.channel, form.name, form.field, form.segments)
        try:
            if "foresee" in request.POST:
                marking.check(group, asked)
            else:
                made = marking.save_group(group, asked, by=request.user, now=request.now)
                say(
                    request,
                    _("%(name)s is kept from now on; WeCom is told within a minute.") % {"name": made.name},
                )
                return _back()
        except ValidationError as error:
            form.problems = error.messages
    return render(request, "pages/tags/form.html", {"form": form}, status=422 if form.problems else 200)


@configurers
@require_POST
def ending(request: StaffRequest, group_id: int) -> HttpResponse:
    """Delete a group that Evergreen keeps, in WeCom too."""
    group = get_object_or_404(TagGroup, pk=group_id, direction=OUT)
    try:
        marking.end_group(group, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        say(request, _("%(name)s is gone, in WeCom too.") % {"name": group.name})
    return _back()


@configurers
@require_POST
def turning(request: StaffRequest, group_id: int) -> HttpResponse:
    """Let a group's tags become tags of accounts, or no more."""
    group = get_object_or_404(TagGroup.objects.exclude(direction=OUT), pk=group_id)
    inward = group.direction != TagGroup.Direction.IN
    reading.turn(group, inward=inward, by=request.user, now=request.now)
    said = (
        _("The tags of %(name)s are tags of accounts now.")
        if inward
        else _("The tags of %(name)s left the accounts.")
    )
    say(request, said % {"name": group.name})
    return _back()


@configurers
@require_POST
def readings(request: StaffRequest) -> HttpResponse:
    """Read groups and who has which tag from WeCom now."""
    for channel in marking.channels():
        if read_ties(channel, now=request.now) is None:
            channel.refresh_from_db()
            complain(request, f"{channel.name}: {channel.inbox_fault}")
        else:
            say(request, _("%(name)s is read.") % {"name": channel.name})
    return _back()


def _back() -> HttpResponse:
    return HttpResponseRedirect(reverse("tags"))


urls = [
    path("wecom-tags/", index, name="tags"),
    path("wecom-tags/new/", new, name="tag-group-new"),
    path("wecom-tags/readings/", readings, name="tag-readings"),
    path("wecom-tags/<int:group_id>/settings/", settings, name="tag-group-settings"),
    path("wecom-tags/<int:group_id>/ending/", ending, name="tag-group-ending"),
    path("wecom-tags/<int:group_id>/turning/", turning, name="tag-group-turning"),
]
