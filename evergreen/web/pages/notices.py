"""Notices of releases and incidents: written, looked at, told, stopped."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.touches.models import Notice
from evergreen.touches.notices import writing
from evergreen.web import formats
from evergreen.web.configuring import configurers
from evergreen.web.presenters.notices.page import NoticePage
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    context = {
        "notices": Notice.objects.order_by("-created_at", "-pk")[:200],
        "kinds": NoticePage(request.user, None, request.now).kinds,
    }
    return render(request, "pages/notices/index.html", context)


@configurers
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    return _edit(request, None)


@require_http_methods(["GET", "POST"])
def show(request: StaffRequest, notice_id: int) -> HttpResponse:
    """A draft is written by those who may configure; what was told is shown to everybody."""
    found = get_object_or_404(Notice, pk=notice_id)
    if found.state == Notice.State.DRAFT and request.user.may_configure:
        return _edit(request, found)
    return render(
        request, "pages/notices/notice.html", {"page": NoticePage(request.user, found, request.now)}
    )


def _edit(request: StaffRequest, notice: Notice | None) -> HttpResponse:
    posted = request.POST if request.method == "POST" else None
    page = NoticePage(request.user, notice, request.now, posted, request.GET.get("kind", "release"))
    if posted is not None:
        try:
            made = writing.save_notice(notice, page.given, by=request.user, now=request.now)
        except ValidationError as error:
            page.problems = error.messages
        else:
            say(
                request,
                _("%(name)s is saved. See whom it reaches, then tell them.")
                % {"name": formats.named(made.title)},
            )
            return _to(made)
    return render(
        request,
        "pages/notices/editor.html",
        {"page": page},
        status=422 if posted is not None and page.problems else 200,
    )


@configurers
@require_POST
def start(request: StaffRequest, notice_id: int) -> HttpResponse:
    found = get_object_or_404(Notice, pk=notice_id)
    try:
        writing.start_notice(found, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        say(request, _("It is being told."))
    return _to(found)


@configurers
@require_POST
def stop(request: StaffRequest, notice_id: int) -> HttpResponse:
    found = get_object_or_404(Notice, pk=notice_id)
    count = writing.stop_notice(found, by=request.user, now=request.now)
    said = ngettext(
        "Nobody more is told; %(n)s message was withdrawn.",
        "Nobody more is told; %(n)s messages were withdrawn.",
        count,
    )
    say(request, said % {"n": formats.number(count)})
    return _to(found)


@configurers
@require_POST
def removal(request: StaffRequest, notice_id: int) -> HttpResponse:
    found = get_object_or_404(Notice, pk=notice_id)
    try:
        writing.remove_notice(found, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        return _to(found)
    return HttpResponseRedirect(reverse("notices"))


def _to(notice: Notice) -> HttpResponse:
    return HttpResponseRedirect(reverse("notice", args=[notice.pk]))


urls = [
    path("notices/", index, name="notices"),
    path("notices/new/", new, name="notice-new"),
    path("notices/<int:notice_id>/", show, name="notice"),
    path("notices/<int:notice_id>/start/", start, name="notice-start"),
    path("notices/<int:notice_id>/stop/", stop, name="notice-stop"),
    path("notices/<int:notice_id>/removal/", removal, name="notice-removal"),
]
