"""Playbooks: the list, one with its drawn flow, the editor, publishing and the switch; accounts put in by hand."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base.actions import audit
from evergreen.base.declarations import detach
from evergreen.base.roles import Role
from evergreen.customers.queries import account_for, accounts_for
from evergreen.flow.needs.choosing import MOST
from evergreen.playbooks import actions, rules
from evergreen.playbooks.models import Playbook, PlaybookVersion, Refusal
from evergreen.web import formats
from evergreen.web.configuring import configurers, kept_in_files
from evergreen.web.downloads import csv_file
from evergreen.web.pages.signin import own_path
from evergreen.web.presenters.playbooks.editor import PlaybookEditor
from evergreen.web.presenters.playbooks.effect import EffectPage
from evergreen.web.presenters.playbooks.listing import enterable, playbook_lines
from evergreen.web.presenters.playbooks.page import PlaybookPage
from evergreen.web.presenters.playbooks.runs import runs_of
from evergreen.web.presenters.playbooks.trial import TrialPage
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say

State = PlaybookVersion.State


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    lines = playbook_lines(request.user, request.now)
    return render(request, "pages/playbooks/index.html", {"lines": lines})


@require_GET
def show(request: StaffRequest, key: str) -> HttpResponse:
    page = PlaybookPage(request.user, _playbook(key), request.now, request.GET.get("version", ""))
    return render(request, "pages/playbooks/playbook.html", {"page": page})


@configurers
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    return _edited(request, None)


@configurers
@require_http_methods(["GET", "POST"])
def edit(request: StaffRequest, key: str) -> HttpResponse:
    playbook = _playbook(key)
    if playbook.is_in_files:
        return kept_in_files(request, playbook, "playbook")
    return _edited(request, playbook)


def _edited(request: StaffRequest, playbook: Playbook | None) -> HttpResponse:
    """The form; sent, a draft is kept as it is, and published where that was asked for and nothing is wrong with it."""
    editor = PlaybookEditor(
        request.user, playbook, request.now, request.POST if request.method == "POST" else None
    )
    if request.method == "GET":
        editor.mode = "yaml" if request.GET.get("mode") == "yaml" else "form"
        return render(request, "pages/playbooks/editor.html", {"editor": editor})
    data = editor.data
    try:
        if editor.problems:
            raise rules.PlaybookError(editor.problems)
        key = playbook.key if playbook else actions.free_key(editor.name)
        draft = actions.save_draft(
            key, name=editor.name, note=editor.note, definition=data, by=request.user, now=request.now
        )
        if request.POST.get("do") != "publish":
            said = _("The draft of %(name)s is kept. Nothing changes before it is published.")
            say(request, said % {"name": formats.named(draft.playbook.name)})
            return HttpResponseRedirect(reverse("playbook-editor", args=[key]))
        editor.saved = draft.playbook
        actions.publish(draft, by=request.user, now=request.now)
    except rules.PlaybookError as error:
        editor.problems = error.problems
    except ValidationError as error:
        editor.problems = error.messages
    else:
        _tell_published(request, draft.playbook)
        return HttpResponseRedirect(reverse("playbook", args=[key]))
    return render(request, "pages/playbooks/editor.html", {"editor": editor}, status=422)


def _tell_published(request: StaffRequest, playbook: Playbook) -> None:
    said = (
        _("%(name)s is published: whoever enters from now on takes this version.")
        if playbook.is_on
        else _("%(name)s is published. It is off: switch it on when it may begin.")
    )
    say(request, said % {"name": formats.named(playbook.name)})


@configurers
@require_POST
def shape(request: StaffRequest) -> HttpResponse:
    """The form's lists after a button: a step added, moved, taken out. Writes nothing."""
    editor = PlaybookEditor(request.user, None, request.now, request.POST)
    answer = render(request, "pages/playbooks/lines.html", {"editor": editor})
    answer["HX-Trigger-After-Swap"] = "lines-changed"
    return answer


@configurers
@require_POST
def preview(request: StaffRequest) -> HttpResponse:
    """The form's playbook drawn, with what keeps it from being published. Writes nothing."""
    editor = PlaybookEditor(request.user, None, request.now, request.POST)
    return render(request, "pages/playbooks/preview.html", {"editor": editor})


@configurers
@require_POST
def draft_trial(request: StaffRequest) -> HttpResponse:
    """What the playbook in the form would have done over the last 90 nights. Writes nothing."""
    editor = PlaybookEditor(request.user, None, request.now, request.POST)
    of = editor.definition if not editor.mistakes else None
    page = TrialPage(request.user, request.POST.get("key", ""), of)
    return render(request, "pages/playbooks/trial.html", {"page": page})


@require_http_methods(["GET", "POST"])
def trial(request: StaffRequest, key: str) -> HttpResponse:
    """What a version would have done over the last 90 nights; sent, every account of it as a file."""
    shown = PlaybookPage(request.user, _playbook(key), request.now, request.GET.get("version", ""))
    export = f"{request.path}?version={shown.version.number}" if shown.version else ""
    page = TrialPage(request.user, key, shown.definition, export)
    if request.method == "POST":
        audit(
            "playbook.trial_exported", "export", [], by=request.user, now=request.now, after={"playbook": key}
        )
        return csv_file(page.rows(), f"playbook-{key}-{request.today:%Y-%m-%d}.csv")
    return render(request, "pages/playbooks/trial.html", {"page": page})


@require_GET
def effect(request: StaffRequest, key: str) -> HttpResponse:
    """What the published version brought, against the accounts held out of it. Of the whole book: it names no account."""
    shown = PlaybookPage(request.user, _playbook(key), request.now)
    page = EffectPage(shown.playbook, shown.definition, request.GET.get("days", ""))
    return render(request, "pages/playbooks/effect.html", {"page": page})


@configurers
@require_POST
def publication(request: StaffRequest, key: str) -> HttpResponse:
    """Publish the draft as it stands."""
    playbook = _playbook(key)
    draft = get_object_or_404(playbook.versions, state=State.DRAFT)
    try:
        actions.publish(draft, by=request.user, now=request.now)
    except rules.PlaybookError as error:
        complain(request, " ".join(error.problems))
        return HttpResponseRedirect(reverse("playbook-editor", args=[key]))
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        _tell_published(request, playbook)
    return HttpResponseRedirect(reverse("playbook", args=[key]))


@configurers
@require_POST
def discard(request: StaffRequest, key: str) -> HttpResponse:
    """Throw the draft away."""
    playbook = _playbook(key)
    draft = get_object_or_404(playbook.versions, state=State.DRAFT)
    name = formats.named(playbook.name)
    try:
        actions.discard(draft, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        say(request, _("The draft of %(name)s is thrown away.") % {"name": name})
    is_left = Playbook.objects.filter(key=key).exists()
    return HttpResponseRedirect(reverse("playbook", args=[key]) if is_left else reverse("playbooks"))


@configurers
@require_POST
def switch(request: StaffRequest, key: str) -> HttpResponse:
    """Turn a playbook on or off."""
    playbook = _playbook(key)
    if playbook.is_in_files:
        return kept_in_files(request, playbook, "playbook")
    is_on = request.POST.get("is_on") == "on"
    try:
        actions.switch(playbook, is_on, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        return HttpResponseRedirect(reverse("playbook", args=[key]))
    said = (
        _("%(name)s is on: who has its occasion from now on enters.")
        if is_on
        else _("%(name)s is off: nobody enters, and who is inside stands still.")
    )
    say(request, said % {"name": formats.named(playbook.name)})
    return HttpResponseRedirect(reverse("playbook", args=[key]))


@configurers
@require_POST
def retirement(request: StaffRequest, key: str) -> HttpResponse:
    """Take the published version back; who is inside finishes."""
    playbook = _playbook(key)
    if playbook.is_in_files:
        return kept_in_files(request, playbook, "playbook")
    actions.retire(playbook, by=request.user, now=request.now)
    said = _("%(name)s takes nobody in any more; who is inside finishes.")
    say(request, said % {"name": formats.named(playbook.name)})
    return HttpResponseRedirect(reverse("playbook", args=[key]))


@configurers
@require_POST
def detachment(request: StaffRequest, key: str) -> HttpResponse:
    """Let a playbook that is kept in files be changed here."""
    playbook = _playbook(key)
    detach(playbook, "playbook", by=request.user, now=request.now)
    return HttpResponseRedirect(reverse("playbook", args=[key]))


@configurers
@require_POST
def moves(request: StaffRequest, key: str) -> HttpResponse:
    """Bring the runs on older versions to the published one, as ``where`` says for steps that it no longer has."""
    playbook = _playbook(key)
    to = get_object_or_404(playbook.versions, state=State.PUBLISHED)
    where = {
        name.removeprefix("at-"): value
        for name, value in request.POST.items()
        if name.startswith("at-") and isinstance(value, str) and value
    }
    try:
        moved = actions.change_version(
            playbook.enrolments.all(), to, where=where, by=request.user, now=request.now
        )
    except rules.PlaybookError as error:
        complain(request, " ".join(error.problems))
    else:
        said = ngettext("%(n)s run is on version %(v)s now.", "%(n)s runs are on version %(v)s now.", moved)
        say(request, said % {"n": formats.number(moved), "v": to.number})
    return HttpResponseRedirect(reverse("playbook", args=[key]))


@require_POST
def entries(request: StaffRequest) -> HttpResponse:
    """Put chosen accounts into a playbook, whatever its triggers say; its entry condition and re-entry rule hold."""
    if request.user.role == Role.PARTNER:
        raise Http404
    playbook = _playbook(request.POST.get("playbook", ""))
    asked = [int(key) for key in request.POST.getlist("ids") if key.isdecimal() and len(key) < 19]
    if not asked or len(asked) > MOST:
        complain(
            request,
            _("%(found)s accounts are chosen; allowed are 1 to %(most)s at once. Nothing was changed.")
            % {"found": len(asked), "most": MOST},
        )
        return _back(request)
    chosen = list(accounts_for(request.user).filter(pk__in=asked).order_by("pk").values_list("pk", flat=True))
    try:
        entered, refused = actions.enter_by_hand(playbook, chosen, by=request.user, now=request.now)
    except rules.PlaybookError as error:
        complain(request, " ".join(error.problems))
        return _back(request)
    _tell_entries(request, playbook, entered, refused)
    return _back(request)


def _back(request: StaffRequest) -> HttpResponse:
    """Nothing on the list changes by it: the page stays as it is, and says what was done."""
    if request.htmx:
        return HttpResponse(status=204)
    return HttpResponseRedirect(own_path(request.POST.get("next", "/")))


def _tell_entries(request: StaffRequest, playbook: Playbook, entered: int, refused: dict[str, int]) -> None:
    name, names = formats.named(playbook.name), dict(Refusal.Reason.choices)
    why = "; ".join(f"{names[reason]} ({n})" for reason, n in refused.items())
    if not entered:
        complain(request, _("Nobody entered %(name)s: %(why)s.") % {"name": name, "why": why})
        return
    said = ngettext("%(n)s account entered %(name)s.", "%(n)s accounts entered %(name)s.", entered)
    told = said % {"n": formats.number(entered), "name": name}
    say(request, told + (" " + _("Left out: %(why)s.") % {"why": why} if why else ""))


@require_GET
def choices(request: StaffRequest) -> HttpResponse:
    """The playbooks into which chosen accounts may be put, as a part of a list's bar; nothing where there is none."""
    return render(request, "pages/playbooks/choices.html", {"choices": enterable(request.user)})


@require_GET
def of_account(request: StaffRequest, account_id: int) -> HttpResponse:
    """The playbooks that an account is in or was in lately, as a card."""
    account = account_for(request.user, account_id)
    lines = runs_of(account, request.user, request.now)
    context = {"account": account, "lines": lines, "choices": enterable(request.user, account)}
    return render(request, "pages/playbooks/card.html", context)


def _playbook(key: str) -> Playbook:
    return get_object_or_404(Playbook, key=key)


urls = [
    path("playbooks/", index, name="playbooks"),
    path("playbooks/new/", new, name="playbook-new"),
    path("playbooks/shape/", shape, name="playbook-shape"),
    path("playbooks/preview/", preview, name="playbook-preview"),
    path("playbooks/trial/", draft_trial, name="playbook-draft-trial"),
    path("playbooks/choices/", choices, name="playbook-choices"),
    path("playbooks/entries/", entries, name="playbook-entries"),
    path("playbooks/<slug:key>/", show, name="playbook"),
    path("playbooks/<slug:key>/editor/", edit, name="playbook-editor"),
    path("playbooks/<slug:key>/trial/", trial, name="playbook-trial"),
    path("playbooks/<slug:key>/effect/", effect, name="playbook-effect"),
    path("playbooks/<slug:key>/publication/", publication, name="playbook-publication"),
    path("playbooks/<slug:key>/draft/", discard, name="playbook-draft"),
    path("playbooks/<slug:key>/switch/", switch, name="playbook-switch"),
    path("playbooks/<slug:key>/retirement/", retirement, name="playbook-retirement"),
    path("playbooks/<slug:key>/detachment/", detachment, name="playbook-detachment"),
    path("playbooks/<slug:key>/moves/", moves, name="playbook-moves"),
    path("accounts/<int:account_id>/playbooks/", of_account, name="account-playbooks"),
]
