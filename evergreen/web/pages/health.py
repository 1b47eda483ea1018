"""Health scorecards: the list, one explained, which one is the default."""

from __future__ import annotations

import datetime as dt

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base.actions import change_setting
from evergreen.base.declarations import detach
from evergreen.flow.config import scorecards
from evergreen.health import definitions
from evergreen.health.actions import archive_card, free_key, save_card, withdraw_version
from evergreen.health.definitions import ScorecardError
from evergreen.health.models import Scorecard, ScorecardVersion
from evergreen.web import formats
from evergreen.web.configuring import configurers, kept_in_files
from evergreen.web.presenters.scorecards.comparing import compared, side_by_side
from evergreen.web.presenters.scorecards.editor import Editor
from evergreen.web.presenters.scorecards.effect import EffectPage
from evergreen.web.presenters.scorecards.page import ScorecardPage
from evergreen.web.presenters.scorecards.record import RecordPage
from evergreen.web.presenters.scorecards.tiles import tiles
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    listed = tiles(request.user, request.vendor)
    return render(request, "pages/health/index.html", {"tiles": listed})


@require_GET
def show(request: StaffRequest, key: str) -> HttpResponse:
    page = ScorecardPage(request.user, key, request.GET, request.vendor)
    return render(request, "pages/health/scorecard.html", {"page": page})


@require_GET
def record(request: StaffRequest, key: str) -> HttpResponse:
    page = RecordPage(request.user, get_object_or_404(Scorecard, key=key), request.GET, request.vendor)
    return render(request, "pages/health/record.html", {"page": page})


@require_GET
def comparison(request: StaffRequest, key: str, other: str) -> HttpResponse:
    """Two scorecards on the endings that both scored, computed when it is asked for."""
    cards = [get_object_or_404(Scorecard, key=one, is_active=True) for one in (key, other)]
    return render(request, "pages/health/comparison.html", {"comparison": side_by_side(cards[0], cards[1])})


@configurers
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    return _edited(request, None)


@configurers
@require_http_methods(["GET", "POST"])
def definition(request: StaffRequest, key: str) -> HttpResponse:
    card = get_object_or_404(Scorecard, key=key)
    if card.is_in_files:
        return kept_in_files(request, card, "scorecard")
    return _edited(request, card)


def _edited(request: StaffRequest, card: Scorecard | None) -> HttpResponse:
    editor = _editor(request, card)
    if request.method == "POST":
        try:
            saved, version = _saved(editor, request)
        except ScorecardError as error:
            editor.problems = error.problems
        except ValidationError as error:
            editor.problems = error.messages
        else:
            _say_saved(request, saved, version)
            return HttpResponseRedirect(reverse("scorecard", args=[saved.key]))
    status = 422 if editor.problems else 200
    return render(request, "pages/health/editor.html", {"editor": editor}, status=status)


def _editor(request: StaffRequest, card: Scorecard | None) -> Editor:
    post = request.POST if request.method == "POST" else None
    return Editor(request.user, card, post, request.GET, request.today)


def _saved(editor: Editor, request: StaffRequest) -> tuple[Scorecard, ScorecardVersion | None]:
    if editor.card is None:
        raise ScorecardError(editor.unread)
    return save_card(
        editor.scorecard.key if editor.scorecard else free_key(),
        name=editor.name,
        definition=definitions.told(editor.card),
        effective_on=_day(editor.effective_on),
        note=editor.note,
        about=editor.about,
        segment=editor.segment,
        is_new=editor.scorecard is None,
        by=request.user,
        now=request.now,
    )


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ValidationError({"effective_on": _("Write the day as 2026-11-30.")}) from None


def _say_saved(request: StaffRequest, card: Scorecard, version: ScorecardVersion | None) -> None:
    names = {"name": formats.named(card.name)}
    if version is None:
        say(request, _("%(name)s is saved; its definition is as it was.") % names)
        return
    if version.effective_on > request.today:
        names |= {"n": str(version.number), "day": formats.day(version.effective_on)}
        say(
            request,
            _("%(name)s: version %(n)s counts from %(day)s on. It can be taken back under Versions.") % names,
        )
        return
    said = _("%(name)s: version %(n)s counts from the next night on. It can be taken back under Versions.")
    say(request, said % {**names, "n": version.number})


@configurers
@require_POST
def preview(request: StaffRequest) -> HttpResponse:
    """What saving the form would change; writes nothing."""
    editor = _editor(request, Scorecard.objects.filter(key=request.GET.get("of", "")).first())
    return render(request, "pages/health/effect.html", {"editor": editor, "page": EffectPage(editor)})


@configurers
@require_POST
def shape(request: StaffRequest) -> HttpResponse:
    """The lines of the form, one more or one less."""
    editor = _editor(request, Scorecard.objects.filter(key=request.GET.get("of", "")).first())
    answer = render(request, "pages/health/lines.html", {"editor": editor})
    answer["HX-Trigger-After-Swap"] = "lines-changed"
    return answer


@configurers
@require_POST
def trial(request: StaffRequest) -> HttpResponse:
    """The draft held against the past beside what is saved."""
    editor = _editor(request, Scorecard.objects.filter(key=request.GET.get("of", "")).first())
    found = None
    if editor.card and editor.saved_card:
        card, name = editor.saved_card
        found = compared(card, editor.card, name, _("the draft"))
    return render(request, "pages/health/comparison.html", {"comparison": found})


@configurers
@require_POST
def withdrawal(request: StaffRequest, key: str) -> HttpResponse:
    """Take the newest version back."""
    card = get_object_or_404(Scorecard, key=key)
    if card.is_in_files:
        return kept_in_files(request, card, "scorecard")
    version = get_object_or_404(card.versions, number=request.POST.get("version", "0"))
    try:
        withdraw_version(version, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        said = _("Version %(n)s is taken back; scores are made by the one before from the next night on.")
        say(request, said % {"n": version.number})
    return HttpResponseRedirect(reverse("scorecard", args=[key]) + "#versions")


@configurers
@require_POST
def archive(request: StaffRequest, key: str) -> HttpResponse:
    card = get_object_or_404(Scorecard, key=key)
    if card.is_in_files:
        return kept_in_files(request, card, "scorecard")
    try:
        archive_card(card, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        return HttpResponseRedirect(reverse("scorecard", args=[key]))
    said = _("%(name)s is put away. Its scores stay; saving it again brings it back.")
    say(request, said % {"name": formats.named(card.name)})
    return HttpResponseRedirect(reverse("scorecards"))


@configurers
@require_POST
def detachment(request: StaffRequest, key: str) -> HttpResponse:
    """Let a scorecard that is kept in files be changed here."""
    detach(get_object_or_404(Scorecard, key=key), "scorecard", by=request.user, now=request.now)
    return HttpResponseRedirect(reverse("scorecard-definition", args=[key]))


@require_GET
def file(request: StaffRequest, key: str) -> HttpResponse:
    """The scorecard as the file that ``evergreen config`` reads."""
    card = get_object_or_404(Scorecard, key=key)
    answer = HttpResponse(scorecards.written(card), content_type="application/yaml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{card.key}.yaml"'
    return answer


@require_POST
def default(request: StaffRequest) -> HttpResponse:
    """Choose the scorecard of accounts that have none of their own."""
    if not request.user.may_configure:
        raise Http404
    card = get_object_or_404(Scorecard, key=request.POST.get("scorecard", ""), is_active=True)
    change_setting("scorecard", card.key, by=request.user, now=request.now)
    said = _("%(name)s is the default scorecard. Lists and alerts go by it from the next night on.")
    say(request, said % {"name": formats.named(card.name)})
    return HttpResponseRedirect(reverse("scorecards"))


urls = [
    path("health/", index, name="scorecards"),
    path("health/default/", default, name="scorecard-default"),
    path("health/new/", new, name="scorecard-new"),
    path("health/preview/", preview, name="scorecard-preview"),
    path("health/shape/", shape, name="scorecard-shape"),
    path("health/trial/", trial, name="scorecard-trial"),
    path("health/<slug:key>/", show, name="scorecard"),
    path("health/<slug:key>/definition/", definition, name="scorecard-definition"),
    path("health/<slug:key>/withdrawal/", withdrawal, name="scorecard-withdrawal"),
    path("health/<slug:key>/archive/", archive, name="scorecard-archive"),
    path("health/<slug:key>/detachment/", detachment, name="scorecard-detachment"),
    path("health/<slug:key>/file/", file, name="scorecard-file"),
    path("health/<slug:key>/record/", record, name="scorecard-record"),
    path("health/<slug:key>/record/<slug:other>/", comparison, name="scorecard-comparison"),
]
