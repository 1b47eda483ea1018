"""A playbook let in step by step, or tried on the most valuable accounts: set up, seen, raised, stopped, ended."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from evergreen.outcomes.experiments import actions as experiments
from evergreen.playbooks import actions, rules
from evergreen.playbooks.book import Book
from evergreen.playbooks.models import Playbook, PlaybookVersion, Rollout
from evergreen.web import formats
from evergreen.web.configuring import configurers
from evergreen.web.presenters.playbooks.staging import StagingPage
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@require_GET
def show(request: StaffRequest, key: str) -> HttpResponse:
    """What may be started, or how it stands. Of the whole book: it names no account."""
    page = _page(request, key)
    context = {"page": page, "playbook": page.playbook, "name": formats.named(page.playbook.name)}
    return render(request, "pages/playbooks/staging.html", context)


@configurers
@require_POST
def rollout(request: StaffRequest, key: str) -> HttpResponse:
    """Start a roll-out, let its next share in, stop it or go on with it, as ``do`` says."""
    playbook = get_object_or_404(Playbook, key=key)
    do, by, now = request.POST.get("do", ""), request.user, request.now
    try:
        if do == "start":
            days = request.POST.get("days", "")
            made = actions.start_rollout(
                playbook, request.POST.get("shares", ""), int(days) if days.isdecimal() else 0, by=by, now=now
            )
            say(
                request,
                _("It is let in step by step: %(share)s%% of the accounts now.") % {"share": made.share},
            )
        else:
            _moved(request, get_object_or_404(playbook.rollouts.exclude(state=Rollout.State.DONE)), do)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    return HttpResponseRedirect(reverse("playbook-staging", args=[key]))


def _moved(request: StaffRequest, held: Rollout, do: str) -> None:
    match do:
        case "raise":
            now_at = actions.raise_rollout(held, by=request.user, now=request.now)
            say(request, _("%(share)s%% of the accounts are let in from now on.") % {"share": now_at.share})
        case "resume":
            actions.resume_rollout(held, by=request.user, now=request.now)
            say(request, _("It goes on at %(share)s%%, as a new step.") % {"share": held.share})
        case "stop":
            why = request.POST.get("why", "") or _("stopped by hand")
            actions.stop_rollout(held, why, by=request.user, now=request.now)
            say(
                request,
                _("It is stopped and the playbook is off: nobody enters, and who is inside stands still."),
            )
        case _:
            raise Http404


@configurers
@require_POST
def pilot(request: StaffRequest, key: str) -> HttpResponse:
    """Start a pilot, or end the one that runs, as ``do`` says."""
    playbook = get_object_or_404(Playbook, key=key)
    do, held_out = request.POST.get("do", ""), request.POST.get("holdout", "")
    try:
        if do == "start":
            made, entered = actions.start_pilot(
                playbook, int(held_out) if held_out.isdecimal() else 0,
                with_strategic=bool(request.POST.get("strategic")), by=request.user, now=request.now,
            )  # fmt: skip
            said = ngettext("The pilot runs: %(n)s account entered, %(out)s held out.", "The pilot runs: %(n)s accounts entered, %(out)s held out.", entered)  # fmt: skip
            out = made.accounts.filter(is_held_out=True).count()
            say(request, said % {"n": formats.number(entered), "out": formats.number(out)})
        elif do in ("everybody", "off"):
            running = get_object_or_404(playbook.pilots, ended_at=None)
            actions.end_pilot(running, stays_on=do == "everybody", by=request.user, now=request.now)
            say(
                request,
                _("The pilot is over: everybody may enter from now on.")
                if do == "everybody"
                else _("The pilot is over and the playbook is off."),
            )
        else:
            raise Http404
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    return HttpResponseRedirect(reverse("playbook-staging", args=[key]))


@configurers
@require_POST
def reading(request: StaffRequest, key: str) -> HttpResponse:
    """Keep what the pilot or the roll-out says now, and go where it is decided on."""
    page = _page(request, key, request.POST.get("days", ""))
    kind = request.POST.get("of", "")
    told = page.pilot if kind == "pilot" else page.rollout
    if told is None:
        raise Http404
    try:
        kept = experiments.keep(
            told.found, name=formats.named(page.playbook.name), arms=told.names,
            origin=(kind if kind == "pilot" else "rollout", f"{key}//{told.days}"), by=request.user, now=request.now,
        )  # fmt: skip
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        return HttpResponseRedirect(reverse("playbook-staging", args=[key]))
    return HttpResponseRedirect(reverse("experiment", args=[kept.pk]))


def _page(request: StaffRequest, key: str, days: str = "") -> StagingPage:
    playbook = get_object_or_404(Playbook, key=key)
    version = get_object_or_404(playbook.versions, state=PlaybookVersion.State.PUBLISHED)
    try:
        of = Book(request.now).definition(version)
    except rules.PlaybookError:
        raise Http404 from None
    with_strategic = request.GET.get("strategic") == "1"
    return StagingPage(
        playbook, of, request.now, with_strategic=with_strategic, days=days or request.GET.get("days", "")
    )


urls = [
    path("playbooks/<slug:key>/staging/", show, name="playbook-staging"),
    path("playbooks/<slug:key>/rollout/", rollout, name="playbook-rollout"),
    path("playbooks/<slug:key>/pilot/", pilot, name="playbook-pilot"),
    path("playbooks/<slug:key>/staging/readings/", reading, name="playbook-staging-reading"),
]
