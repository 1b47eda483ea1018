"""Segments: the list, one with its accounts, making and changing one while seeing what it would hold for."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base.conditions import ConditionError
from evergreen.base.declarations import detach
from evergreen.events import store
from evergreen.metrics import queries as metrics
from evergreen.metrics.models import Segment
from evergreen.metrics.segments.actions import (
    archive_segment,
    free_key,
    refresh_segments,
    save_segment,
)
from evergreen.web import formats
from evergreen.web.configuring import configurers, kept_in_files
from evergreen.web.presenters.segments.editor import Editor
from evergreen.web.presenters.segments.listing import lines
from evergreen.web.presenters.segments.page import SegmentPage
from evergreen.web.presenters.segments.row import TestRow
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import say


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    text = request.GET.get("q", "")[:100]
    listed = lines(request.user, text)
    return render(request, "pages/segments/index.html", {"lines": listed, "text": text})


@require_GET
def show(request: StaffRequest, key: str) -> HttpResponse:
    page = SegmentPage(request.user, _segment(key), request.GET, request.today)
    return render(request, "pages/segments/segment.html", {"page": page})


@configurers
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    return _edited(request, None)


@configurers
@require_http_methods(["GET", "POST"])
def condition(request: StaffRequest, key: str) -> HttpResponse:
    segment = _segment(key)
    if segment.is_in_files:
        return kept_in_files(request, segment, "segment")
    return _edited(request, segment)


def _edited(request: StaffRequest, segment: Segment | None) -> HttpResponse:
    """The form; saved, its members are told at once."""
    editor = Editor(request.user, segment, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        try:
            saved = save_segment(
                segment.key if segment else free_key(),
                name={"zh": editor.name_zh, "en": editor.name_en},
                condition=editor.text,
                note=editor.note,
                is_new=segment is None,
                by=request.user,
                now=request.now,
            )
        except ConditionError as error:
            editor.problems = error.problems
        except ValidationError as error:
            editor.problems = error.messages
        else:
            if (day := metrics.newest_day()) is not None:
                refresh_segments(store.reading(), day, keys=[saved.key])
            say(request, _("%(name)s is saved.") % {"name": formats.named(saved.name)})
            return HttpResponseRedirect(reverse("segment", args=[saved.key]))
    status = 422 if editor.problems else 200
    return render(request, "pages/segments/editor.html", {"editor": editor}, status=status)


@configurers
@require_POST
def preview(request: StaffRequest) -> HttpResponse:
    """What the condition in the form would hold for; writes nothing."""
    editor = Editor(request.user, None, request.POST)
    return render(request, "pages/segments/preview.html", {"editor": editor})


@configurers
@require_GET
def test(request: StaffRequest) -> HttpResponse:
    """The signs and values that a field allows."""
    return render(request, "pages/segments/test.html", {"test": TestRow(request.user, request.GET)})


@configurers
@require_POST
def tests(request: StaffRequest) -> HttpResponse:
    """The condition in the form with a test added, changed or taken away."""
    editor = Editor(request.user, None, request.POST)
    editor.change(request.POST.get("act", "add"), request.POST)
    response = render(request, "pages/segments/condition.html", {"editor": editor})
    # The preview beside it looks again.
    response.headers["HX-Trigger-After-Settle"] = "tests-changed"
    return response


@configurers
@require_POST
def archive(request: StaffRequest, key: str) -> HttpResponse:
    segment = _segment(key)
    if segment.is_in_files:
        return kept_in_files(request, segment, "segment")
    archive_segment(segment, by=request.user, now=request.now)
    said = _("%(name)s was put away. Its history stays; saving it again brings it back.")
    say(request, said % {"name": formats.named(segment.name)})
    return HttpResponseRedirect(reverse("segments"))


@configurers
@require_POST
def detachment(request: StaffRequest, key: str) -> HttpResponse:
    """Let a segment that is kept in files be changed here."""
    segment = _segment(key)
    detach(segment, "segment", by=request.user, now=request.now)
    return HttpResponseRedirect(reverse("segment-condition", args=[key]))


def _segment(key: str) -> Segment:
    return get_object_or_404(Segment, key=key)


urls = [
    path("segments/", index, name="segments"),
    path("segments/new/", new, name="segment-new"),
    path("segments/preview/", preview, name="segment-preview"),
    path("segments/test/", test, name="segment-test"),
    path("segments/tests/", tests, name="segment-tests"),
    path("segments/<slug:key>/", show, name="segment"),
    path("segments/<slug:key>/condition/", condition, name="segment-condition"),
    path("segments/<slug:key>/archive/", archive, name="segment-archive"),
    path("segments/<slug:key>/detachment/", detachment, name="segment-detachment"),
]
