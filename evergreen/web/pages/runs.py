"""Runs of playbooks: who is where, why and since when; retried, skipped, moved, stopped, one or many."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from evergreen.base.actions import audit
from evergreen.base.roles import Role
from evergreen.flow.needs.choosing import MOST
from evergreen.playbooks import actions, rules
from evergreen.web import formats
from evergreen.web.downloads import csv_file
from evergreen.web.pages.work import rows_changed
from evergreen.web.presenters.playbooks.listing import runs_for
from evergreen.web.presenters.playbooks.runs import RunList, RunPage, file_rows
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


def _listed(request: StaffRequest) -> RunList:
    return RunList(request.user, request.GET, request.vendor, request.now)


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    return render(request, "pages/playbooks/runs.html", {"list": _listed(request)})


@require_POST
def export(request: StaffRequest) -> HttpResponse:
    """The runs of the address as CSV."""
    after = {"query": request.GET.urlencode()[:1000]}
    audit("enrolments.exported", "export", [], by=request.user, now=request.now, after=after)
    rows = file_rows(_listed(request).rows, request.user, request.now)
    return csv_file(rows, f"playbook-runs-{request.today:%Y-%m-%d}.csv")


@require_GET
def show(request: StaffRequest, run_id: int) -> HttpResponse:
    rows = runs_for(request.user).select_related("playbook", "version", "account__owner")
    page = RunPage(request.user, get_object_or_404(rows, pk=run_id), request.now)
    return render(request, "pages/playbooks/run.html", {"page": page})


def _chosen(request: StaffRequest) -> list[int]:
    """The runs that the form names, as far as the person may see them. Raises Http404 when none is."""
    asked = [int(key) for key in request.POST.getlist("ids") if key.isdecimal() and len(key) < 19]
    if request.user.role == Role.PARTNER or not asked or len(asked) > MOST:
        raise Http404("There are no such runs.")
    found = list(runs_for(request.user).filter(pk__in=asked).order_by("pk").values_list("pk", flat=True))
    if not found:
        raise Http404("There are no such runs among those you may see.")
    return found


def _tell(request: StaffRequest, done: int, said: str, none: str) -> HttpResponse:
    if done:
        say(request, said % {"n": formats.number(done)})
    else:
        complain(request, none)
    return rows_changed(request)


@require_POST
def retries(request: StaffRequest) -> HttpResponse:
    """Let runs that need attention take their step again."""
    done = actions.retry(_chosen(request), by=request.user, now=request.now)
    said = ngettext("%(n)s run takes its step again.", "%(n)s runs take their step again.", done)
    return _tell(
        request, done, said, _("Only runs that need attention are tried again. Nothing was changed.")
    )


@require_POST
def skips(request: StaffRequest) -> HttpResponse:
    """Leave out the step at which runs stand."""
    done = actions.skip(_chosen(request), by=request.user, now=request.now)
    said = ngettext("%(n)s run goes on with its next step.", "%(n)s runs go on with their next step.", done)
    none = _(
        "These runs are over, or stand at a step with several ways: move them instead. Nothing was changed."
    )
    return _tell(request, done, said, none)


@require_POST
def moves(request: StaffRequest) -> HttpResponse:
    """Let runs go on at a step of their own version."""
    try:
        done = actions.move(_chosen(request), request.POST.get("step", ""), by=request.user, now=request.now)
    except rules.PlaybookError as error:
        complain(request, " ".join(error.problems) + " " + _("Nothing was changed."))
        return rows_changed(request)
    said = ngettext("%(n)s run is moved.", "%(n)s runs are moved.", done)
    return _tell(request, done, said, _("These runs are over. Nothing was changed."))


@require_POST
def ends(request: StaffRequest) -> HttpResponse:
    """Stop runs wherever they stand."""
    done = actions.stop(_chosen(request), by=request.user, now=request.now)
    said = ngettext("%(n)s run is stopped.", "%(n)s runs are stopped.", done)
    return _tell(request, done, said, _("These runs were over already. Nothing was changed."))


urls = [
    path("playbook-runs/", index, name="runs"),
    path("playbook-runs/export/", export, name="runs-export"),
    path("playbook-runs/retries/", retries, name="run-retries"),
    path("playbook-runs/skips/", skips, name="run-skips"),
    path("playbook-runs/moves/", moves, name="run-moves"),
    path("playbook-runs/ends/", ends, name="run-ends"),
    path("playbook-runs/<int:run_id>/", show, name="run"),
]
