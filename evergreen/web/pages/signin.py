"""Sign-in, sign-out and a person's own profile."""

from __future__ import annotations

from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from evergreen.base import staff
from evergreen.base.models import User
from evergreen.flow.notifying.telling import try_out
from evergreen.flow.notifying.ways import choose
from evergreen.web import throttle
from evergreen.web.forms.signing import PasswordForm, ProfileForm, SignInForm
from evergreen.web.presenters.notifying import NotifyingCard
from evergreen.web.requests import SignedOutRequest, StaffRequest
from evergreen.web.toasts import complain, say

LANGUAGES = {"zh-hans", "en"}


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: SignedOutRequest) -> HttpResponse:
    """Ask who it is. An unknown e-mail, a wrong password and a person who left get the same answer."""
    if request.user.is_authenticated:
        return HttpResponseRedirect(own_path(request.GET.get("next", "/")))
    if not User.objects.exists():
        return render(request, "pages/first_run.html")
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and (user := _known(request, form)) is not None:
        login(request, user)
        return HttpResponseRedirect(own_path(request.POST.get("next", "/")))
    then = request.POST.get("next") or request.GET.get("next", "/")
    context = {"form": form, "next": own_path(then), "vendor_name": request.vendor["vendor_name"]}
    return render(request, "pages/sign_in.html", context, status=422 if form.errors else 200)


def _known(request: SignedOutRequest, form: SignInForm) -> User | None:
    """The person whose password it is; None, with words on the form, for everybody else."""
    email, address = form.cleaned_data["email"], throttle.address_of(request)
    if wait := throttle.begin(email, address, request.vendor, now=request.now):
        text = ngettext(
            "Too many tries. Wait %(n)s minute, then try again.",
            "Too many tries. Wait %(n)s minutes, then try again.",
            wait,
        )
        form.add_error(None, text % {"n": wait})
        return None
    user = authenticate(request, username=email, password=form.cleaned_data["password"])
    if not isinstance(user, User):
        text = _(
            "No sign-in fits this e-mail and password. Check both; an administrator can set a new password."
        )
        form.add_error(None, text)
        return None
    throttle.forget(email, address)
    return user


def own_path(address: str) -> str:
    """``address`` when it is a path of this installation, else the first page."""
    fits = address.startswith("/") and url_has_allowed_host_and_scheme(address, allowed_hosts=None)
    return address if fits else "/"


@login_not_required
@require_POST
def sign_in_language(request: HttpRequest) -> HttpResponse:
    """Show the sign-in in another language; the person's own choice takes over afterwards."""
    response = HttpResponseRedirect(own_path(request.POST.get("next", "/")))
    if (chosen := request.POST.get("language", "")) in LANGUAGES:
        response.set_cookie("language", chosen, max_age=31_536_000, samesite="Lax", httponly=True)
    return response


@require_POST
def sign_out(request: StaffRequest) -> HttpResponse:
    logout(request)
    return HttpResponseRedirect("/sign-in/")


@sensitive_post_parameters("current", "new")
@require_http_methods(["GET", "POST"])
def profile(request: StaffRequest) -> HttpResponse:
    """What this installation knows of the person: role and rights to read, the name to change."""
    form = ProfileForm(request.POST or None, initial={"name": request.user.name})
    if request.method == "POST" and form.is_valid():
        staff.update_staff(
            request.user, {"name": form.cleaned_data["name"]}, by=request.user, now=request.now
        )
        say(request, _("Your name is changed."))
        return HttpResponseRedirect(request.path)
    return _profile(request, form, PasswordForm(request.user))


@sensitive_post_parameters("current", "new")
@require_POST
def password(request: StaffRequest) -> HttpResponse:
    """Change one's own password; other sessions of the person end, this one goes on."""
    form = PasswordForm(request.user, request.POST)
    if not form.is_valid():
        return _profile(request, ProfileForm(initial={"name": request.user.name}), form)
    staff.set_password(request.user, form.cleaned_data["new"], by=request.user, now=request.now)
    update_session_auth_hash(request, request.user)
    say(request, _("Your password is changed. Other devices have to sign in again."))
    return HttpResponseRedirect("/profile/")


@require_POST
def notifications(request: StaffRequest) -> HttpResponse:
    """Keep how the person wants to be told, or send what would be told now."""
    if request.POST.get("do") == "try":
        said = try_out(request.user, now=request.now)
        if said:
            say(request, _("On its way by %(channel)s, within a minute.") % {"channel": said})
        return HttpResponseRedirect("/profile/#notifying")
    try:
        choose(
            request.user, request.POST.get("way", ""), at_once="at_once" in request.POST,
            each_morning="each_morning" in request.POST, now=request.now,
        )  # fmt: skip
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        say(request, _("Saved."))
    return HttpResponseRedirect("/profile/#notifying")


def _profile(request: StaffRequest, form: ProfileForm, passwords: PasswordForm) -> HttpResponse:
    context = {
        "form": form, "passwords": passwords, "teams": list(request.user.teams.all()), "notifying": NotifyingCard(request.user)
    }  # fmt: skip
    return render(
        request, "pages/profile.html", context, status=422 if form.errors or passwords.errors else 200
    )


urls = [
    path("sign-in/", sign_in, name="sign-in"),
    path("sign-in/language/", sign_in_language, name="sign-in-language"),
    path("sign-out/", sign_out, name="sign-out"),
    path("profile/", profile, name="profile"),
    path("profile/notifications/", notifications, name="profile-notifications"),
    path("profile/password/", password, name="profile-password"),
]
