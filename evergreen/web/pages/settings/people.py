"""Staff and teams."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from evergreen.base import actions
from evergreen.base import staff as base
from evergreen.base.models import Team, User
from evergreen.web.configuring import configurers
from evergreen.web.forms.settings.people import PersonForm
from evergreen.web.presenters.settings.people import people, teams
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@configurers
@sensitive_variables("password")
@require_http_methods(["GET", "POST"])
def staff(request: StaffRequest) -> HttpResponse:
    """Everybody; POST adds somebody, whose one-time password is shown this once."""
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        password = base.one_time_password()
        given = form.cleaned_data
        with transaction.atomic():
            person = actions.add_staff(
                given["email"],
                name=given["name"],
                role=given["role"],
                scope=given["scope"],
                teams=[team.name for team in given["teams"]],
                by=request.user,
                now=request.now,
            )
            base.set_password(person, password, by=request.user, now=request.now, one_time=True)
        return _once(request, person, password)
    context = {"form": form, "people": people()}
    return render(request, "pages/settings/staff.html", context, status=422 if form.errors else 200)


@configurers
@require_http_methods(["GET", "POST"])
def person(request: StaffRequest, user_id: int) -> HttpResponse:
    """A colleague: name, role, teams; POST changes them."""
    shown = get_object_or_404(User, pk=user_id)
    form = PersonForm(request.POST, person=shown) if request.method == "POST" else PersonForm.of(shown)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        try:
            with transaction.atomic():
                base.set_teams(shown, given.pop("teams"), by=request.user, now=request.now)
                base.update_staff(shown, given, by=request.user, now=request.now)
        except ValidationError as error:
            form.add_error(None, " ".join(error.messages))
        else:
            say(request, _("%(name)s is changed.") % {"name": shown})
            return HttpResponseRedirect(reverse("settings-staff"))
    context = {"form": form, "held": people(User.objects.filter(pk=user_id))[0]}
    return render(request, "pages/settings/person.html", context, status=422 if form.errors else 200)


@configurers
@sensitive_variables("password")
@require_POST
def password(request: StaffRequest, user_id: int) -> HttpResponse:
    """Give a colleague a new one-time password, which ends the sessions there are."""
    shown = get_object_or_404(User, pk=user_id, is_active=True)
    if shown.pk == request.user.pk:
        complain(request, _("Change your own password on your profile. Nothing was changed."))
        return HttpResponseRedirect(reverse("profile"))
    new = base.one_time_password()
    base.set_password(shown, new, by=request.user, now=request.now, one_time=True)
    return _once(request, shown, new)


@sensitive_variables("password")
def _once(request: StaffRequest, shown: User, password: str) -> HttpResponse:
    context = {"shown": shown, "password": password, "address": request.build_absolute_uri("/sign-in/")}
    return render(request, "pages/settings/password_once.html", context)


@configurers
@require_POST
def access(request: StaffRequest, user_id: int) -> HttpResponse:
    """Close a colleague's access, or open it again (``open`` in the form)."""
    shown = get_object_or_404(User, pk=user_id)
    act = base.reactivate_staff if request.POST.get("open") else base.deactivate_staff
    try:
        act(shown, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
        return HttpResponseRedirect(reverse("settings-person", args=[user_id]))
    said = _("%(name)s may sign in again.") if shown.is_active else _("%(name)s may no longer sign in.")
    say(request, said % {"name": shown})
    return HttpResponseRedirect(reverse("settings-staff"))


@configurers
@require_http_methods(["GET", "POST"])
def all_teams(request: StaffRequest) -> HttpResponse:
    """Every team; POST adds one."""
    typed, error = "", ""
    if request.method == "POST":
        typed = request.POST.get("name", "")
        try:
            base.add_team(typed, by=request.user, now=request.now)
        except ValidationError as refused:
            error = " ".join(refused.messages)
        else:
            say(request, _("Team %(name)s is added.") % {"name": typed.strip()})
            return HttpResponseRedirect(request.path)
    context = {"teams": teams(), "typed": typed, "error": error}
    return render(request, "pages/settings/teams.html", context, status=422 if error else 200)


@configurers
@require_POST
def team_name(request: StaffRequest, team_id: int) -> HttpResponse:
    team = get_object_or_404(Team, pk=team_id)
    try:
        base.rename_team(team, request.POST.get("name", ""), by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        say(request, _("The team is called %(name)s now.") % {"name": team.name})
    return HttpResponseRedirect(reverse("settings-teams"))


@configurers
@require_POST
def team_removal(request: StaffRequest, team_id: int) -> HttpResponse:
    team = get_object_or_404(Team, pk=team_id)
    base.remove_team(team, by=request.user, now=request.now)
    say(request, _("Team %(name)s is removed; its people and accounts stay.") % {"name": team.name})
    return HttpResponseRedirect(reverse("settings-teams"))


urls = [
    path("settings/staff/", staff, name="settings-staff"),
    path("settings/staff/<int:user_id>/", person, name="settings-person"),
    path("settings/staff/<int:user_id>/password/", password, name="settings-person-password"),
    path("settings/staff/<int:user_id>/access/", access, name="settings-person-access"),
    path("settings/teams/", all_teams, name="settings-teams"),
    path("settings/teams/<int:team_id>/name/", team_name, name="settings-team-name"),
    path("settings/teams/<int:team_id>/removal/", team_removal, name="settings-team-removal"),
]
