"""Surveys: the list, one with its answers, writing one, asking many in one go."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base.actions import audit
from evergreen.base.declarations import detach, free_key
from evergreen.touches.in_app import boxes
from evergreen.touches.models import Survey, Wave
from evergreen.touches.recipients import read_ways
from evergreen.touches.surveys import declaring, waves
from evergreen.web import formats
from evergreen.web.configuring import configurers
from evergreen.web.downloads import csv_file
from evergreen.web.pages.answers import preview_of
from evergreen.web.pages.in_app import asked_language, in_a_product
from evergreen.web.presenters.surveys.editor import SurveyEditor
from evergreen.web.presenters.surveys.listing import lines
from evergreen.web.presenters.surveys.results import SurveyPage, file_rows
from evergreen.web.presenters.surveys.sending import WaveForm
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    context = {
        "lines": lines(request.user, request.now),
        "kinds": SurveyEditor(None).kinds,
        "public_url": request.vendor["public_url"],
    }
    return render(request, "pages/surveys/index.html", context)


def _page(request: StaffRequest, key: str) -> SurveyPage:
    return SurveyPage(
        request.user, get_object_or_404(Survey, key=key), request.GET, request.vendor, request.now
    )


@require_GET
def show(request: StaffRequest, key: str) -> HttpResponse:
    return render(request, "pages/surveys/survey.html", {"page": _page(request, key)})


@require_POST
def export(request: StaffRequest, key: str) -> HttpResponse:
    """The answers of the address as CSV."""
    page = _page(request, key)
    audit(
        "answers.exported",
        "export",
        [],
        by=request.user,
        now=request.now,
        after={"survey": key, "query": request.GET.urlencode()[:1000]},
    )
    return csv_file(file_rows(page), f"answers-{key}-{request.today:%Y-%m-%d}.csv")


@configurers
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    return _edit(request, None)


@configurers
@require_http_methods(["GET", "POST"])
def settings(request: StaffRequest, key: str) -> HttpResponse:
    return _edit(request, get_object_or_404(Survey.objects.select_related("template"), key=key))


def _edit(request: StaffRequest, survey: Survey | None) -> HttpResponse:
    editor = SurveyEditor(
        survey, request.POST if request.method == "POST" else None, request.GET.get("kind", "nps")
    )
    if request.method == "POST":
        name = editor.given["name"]
        key = (
            survey.key
            if survey
            else free_key(name, str(editor.given["kind"]) or "survey", Survey.objects.all())
        )
        try:
            made = declaring.save_survey(survey, key, editor.given, by=request.user, now=request.now)
        except ValidationError as error:
            editor.problems = error.messages
        else:
            said = (
                _("%(name)s is saved.")
                if survey
                else _("%(name)s is saved. Look at it as your customers would, then switch it on.")
            )
            say(request, said % {"name": formats.named(made.name)})
            return _to(made)
    return render(
        request, "pages/surveys/editor.html", {"editor": editor}, status=422 if editor.problems else 200
    )


@configurers
@require_POST
def detachment(request: StaffRequest, key: str) -> HttpResponse:
    survey = get_object_or_404(Survey, key=key)
    if not survey.is_in_files:
        raise Http404("It is not kept in files.")
    detach(survey, "survey", by=request.user, now=request.now)
    return HttpResponseRedirect(reverse("survey-settings", args=[key]))


@configurers
@require_GET
def preview(request: StaffRequest, key: str) -> HttpResponse:
    """The page that a contact gets, without anything being kept."""
    return preview_of(request, get_object_or_404(Survey, key=key))


@configurers
@require_GET
def in_app(request: StaffRequest, key: str) -> HttpResponse:
    """The survey as a contact would meet it inside the product; nothing is kept."""
    survey = get_object_or_404(Survey, key=key)
    shown = boxes.drawn_survey(survey, asked_language(request))
    return in_a_product(request, shown, back=reverse("survey", args=[key]))


@configurers
@require_POST
def switch(request: StaffRequest, key: str) -> HttpResponse:
    found = get_object_or_404(Survey, key=key)
    try:
        declaring.switch_survey(found, is_on=not found.is_on, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        said = (
            _("%(name)s is on.")
            if found.is_on
            else _("%(name)s is off: nobody is asked, and its links take no answers.")
        )
        say(request, said % {"name": formats.named(found.name)})
    return _to(found)


@configurers
@require_POST
def removal(request: StaffRequest, key: str) -> HttpResponse:
    found = get_object_or_404(Survey, key=key)
    try:
        declaring.remove_survey(found, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        return _to(found)
    say(request, _("%(name)s is deleted.") % {"name": formats.named(found.name)})
    return HttpResponseRedirect(reverse("surveys"))


@configurers
@require_http_methods(["GET", "POST"])
def sending(request: StaffRequest, key: str) -> HttpResponse:
    """Ask many in one go: GET counts who would be asked, POST asks them."""
    found = get_object_or_404(Survey, key=key)
    form = WaveForm(found, request.POST if request.method == "POST" else request.GET, request.now)
    if request.method == "POST":
        try:
            wave = waves.start_wave(
                found, segment=form.segment, to=form.to, by=read_ways(form.by)[0] or found.by, quarter=form.quarter, user=request.user, now=request.now
            )  # fmt: skip
        except ValidationError as error:
            form.problems = error.messages
        else:
            said = ngettext(
                "Asking begins: %(n)s account is gone through.",
                "Asking begins: %(n)s accounts are gone through.",
                wave.total,
            )
            say(request, said % {"n": formats.number(wave.total)})
            return _to(found)
    template = (
        "pages/surveys/foreseen.html" if request.headers.get("HX-Request") else "pages/surveys/sending.html"
    )
    return render(
        request,
        template,
        {"form": form, "survey": found},
        status=422 if form.problems and request.method == "POST" else 200,
    )


@configurers
@require_POST
def stop(request: StaffRequest, key: str, wave_id: int) -> HttpResponse:
    wave = get_object_or_404(Wave.objects.select_related("survey"), pk=wave_id, survey__key=key)
    count = waves.stop_wave(wave, by=request.user, now=request.now)
    said = ngettext(
        "Nobody more is asked; %(n)s invitation was withdrawn.",
        "Nobody more is asked; %(n)s invitations were withdrawn.",
        count,
    )
    say(request, said % {"n": formats.number(count)})
    return _to(wave.survey)


def _to(survey: Survey) -> HttpResponse:
    if not survey.pk:
        raise Http404("There is no such survey.")
    return HttpResponseRedirect(reverse("survey", args=[survey.key]))


urls = [
    path("surveys/", index, name="surveys"),
    path("surveys/new/", new, name="survey-new"),
    path("surveys/<slug:key>/", show, name="survey"),
    path("surveys/<slug:key>/export/", export, name="survey-export"),
    path("surveys/<slug:key>/settings/", settings, name="survey-settings"),
    path("surveys/<slug:key>/detachment/", detachment, name="survey-detachment"),
    path("surveys/<slug:key>/preview/", preview, name="survey-preview"),
    path("surveys/<slug:key>/in-app/", in_app, name="survey-in-app"),
    path("surveys/<slug:key>/switch/", switch, name="survey-switch"),
    path("surveys/<slug:key>/removal/", removal, name="survey-removal"),
    path("surveys/<slug:key>/sending/", sending, name="survey-sending"),
    path("surveys/<slug:key>/waves/<int:wave_id>/stop/", stop, name="wave-stop"),
]
