"""Contact codes: the list, one of them, many at once, who came by them."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evergreen.base.actions import audit
from evergreen.touches.codes import coming, keeping
from evergreen.touches.codes.looking import codes_for
from evergreen.touches.models import ContactCode, Tie
from evergreen.web import formats
from evergreen.web.downloads import csv_file
from evergreen.web.pages.naming import name_person
from evergreen.web.pages.signin import own_path
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.codes.listing import CodeList, file_rows
from evergreen.web.presenters.codes.page import CodeForm, CodePage, Making
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import say

_JPEG = b"\xff\xd8\xff"


def _list(request: StaffRequest) -> CodeList:
    return CodeList(request.user, request.GET, request.vendor)


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    return render(request, "pages/codes/index.html", {"list": _list(request), "channels": keeping.channels()})


@require_POST
def export(request: StaffRequest) -> HttpResponse:
    """The codes of the address as CSV."""
    after = {"query": request.GET.urlencode()[:1000]}
    audit("codes.exported", "export", [], by=request.user, now=request.now, after=after)
    return csv_file(file_rows(_list(request).all_lines), f"contact-codes-{request.today:%Y-%m-%d}.csv")


@require_http_methods(["GET", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    return _edit(request, None)


@require_http_methods(["GET", "POST"])
def settings(request: StaffRequest, code_id: int) -> HttpResponse:
    return _edit(request, _code(request, code_id))


def _edit(request: StaffRequest, code: ContactCode | None) -> HttpResponse:
    _writers(request)
    posted = request.POST if request.method == "POST" else None
    asked = {key: request.GET.get(key, "")[:200] for key in ("account", "contact")}
    form = CodeForm(request.user, code, posted, asked)
    if posted is not None:
        given = form.given
        try:
            if form.problems:
                raise ValidationError([])
            made = keeping.save_code(code, given, by=request.user, now=request.now)
        except ValidationError as error:
            form.problems += error.messages
        else:
            say(request, _("%(name)s is saved; WeCom is told within a minute.") % {"name": made.name})
            return _to(made)
    return render(request, "pages/codes/form.html", {"form": form}, status=422 if form.problems else 200)


@require_http_methods(["GET", "POST"])
def making(request: StaffRequest) -> HttpResponse:
    """One code for each of some accounts."""
    _writers(request)
    form = Making(request.user, request.POST if request.method == "POST" else None, request.now)
    if request.method == "POST" and "make" in request.POST:
        try:
            given = form.form.given
            done = keeping.make_for(form.accounts, given, by=request.user, now=request.now)
        except ValidationError as error:
            form.problems = error.messages
        else:
            said = ngettext(
                "%(n)s code is being made at WeCom.", "%(n)s codes are being made at WeCom.", done
            )
            say(request, said % {"n": formats.number(done)})
            return HttpResponseRedirect(reverse("codes"))
    return render(request, "pages/codes/making.html", {"form": form}, status=422 if form.problems else 200)


@require_GET
def show(request: StaffRequest, code_id: int) -> HttpResponse:
    page = CodePage(request.user, _code(request, code_id), request.GET.get("account", ""))
    return render(request, "pages/codes/code.html", {"page": page})


@require_GET
def picture(request: StaffRequest, code_id: int) -> HttpResponse:
    """The QR code as WeCom drew it; with ``save`` in the address as a file."""
    code = _code(request, code_id)
    if code.picture is None or code.ended_at is not None:
        raise Http404("This code has no picture.")
    data = bytes(code.picture)
    is_jpeg = data.startswith(_JPEG)
    name = f"{code.name}.{'jpg' if is_jpeg else 'png'}"
    disposition = content_disposition_header("save" in request.GET, name) or "inline"
    headers = {"Content-Disposition": disposition, "Cache-Control": "private, max-age=3600"}
    return HttpResponse(data, content_type="image/jpeg" if is_jpeg else "image/png", headers=headers)


@require_POST
def ending(request: StaffRequest, code_id: int) -> HttpResponse:
    _writers(request)
    code = _code(request, code_id)
    keeping.end_code(code, by=request.user, now=request.now)
    say(request, _("Nobody comes by %(name)s any more.") % {"name": code.name})
    return _to(code)


@require_POST
def again(request: StaffRequest, code_id: int) -> HttpResponse:
    """Have WeCom told anew, now."""
    _writers(request)
    code = _code(request, code_id)
    keeping.check_again([code])
    say(request, _("WeCom is told within a minute."))
    return _to(code)


@require_POST
def person(request: StaffRequest, code_id: int, tie_id: int) -> HttpResponse:
    """Say who somebody is: a contact (its number), ``new`` or ``aside``."""
    _writers(request)
    code = _code(request, code_id)
    tie = get_object_or_404(Tie, pk=tie_id, state=code.key)
    name_person(
        request,
        tie.key,
        tie.name,
        code.account,
        lambda: coming.set_aside(tie, by=request.user, now=request.now),
    )
    here = request.POST.get("next", "")
    return HttpResponseRedirect(own_path(here)) if here else _to(code)


def _code(request: StaffRequest, number: int) -> ContactCode:
    return get_object_or_404(codes_for(request.user), pk=number)


def _writers(request: StaffRequest) -> None:
    if not may_edit(request.user):
        raise Http404("Whoever may only look changes nothing.")


def _to(code: ContactCode) -> HttpResponse:
    return HttpResponseRedirect(reverse("code", args=[code.pk]))


urls = [
    path("contact-codes/", index, name="codes"),
    path("contact-codes/export/", export, name="codes-export"),
    path("contact-codes/new/", new, name="code-new"),
    path("contact-codes/making/", making, name="codes-making"),
    path("contact-codes/<int:code_id>/", show, name="code"),
    path("contact-codes/<int:code_id>/settings/", settings, name="code-settings"),
    path("contact-codes/<int:code_id>/picture/", picture, name="code-picture"),
    path("contact-codes/<int:code_id>/ending/", ending, name="code-ending"),
    path("contact-codes/<int:code_id>/again/", again, name="code-again"),
    path("contact-codes/<int:code_id>/people/<int:tie_id>/", person, name="code-person"),
]
