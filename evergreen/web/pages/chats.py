"""Chats that people began with a service account: who wrote, what, until when they may be answered, who they are."""

from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from evergreen.base.actions import audit
from evergreen.touches.chats.keeping import set_aside
from evergreen.touches.chats.looking import chats_for
from evergreen.web.downloads import csv_file
from evergreen.web.pages.naming import name_person
from evergreen.web.pages.signin import own_path
from evergreen.web.presenters.account.heading import may_edit
from evergreen.web.presenters.chats import ChatList, Row, file_rows
from evergreen.web.requests import StaffRequest


def _list(request: StaffRequest) -> ChatList:
    return ChatList(request.user, request.GET, request.vendor, request.now)


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    return render(request, "pages/chats/index.html", {"list": _list(request)})


@require_POST
def export(request: StaffRequest) -> HttpResponse:
    """The chats of the address as CSV."""
    after = {"query": request.GET.urlencode()[:1000]}
    audit("chats.exported", "export", [], by=request.user, now=request.now, after=after)
    return csv_file(file_rows(_list(request).all_rows), f"chats-{request.today:%Y-%m-%d}.csv")


@require_POST
def person(request: StaffRequest, chat_id: int) -> HttpResponse:
    """Say who wrote: a contact (its number), ``new`` or ``aside``."""
    if not may_edit(request.user):
        raise Http404("Whoever may only look changes nothing.")
    chat = get_object_or_404(chats_for(request.user), pk=chat_id, contact=None)
    name = chat.name if chat.name != Row.NAMELESS else ""
    name_person(request, chat.key, name, None, lambda: set_aside(chat, by=request.user, now=request.now))
    here = request.POST.get("next", "")
    return HttpResponseRedirect(own_path(here) if here else reverse("chats"))


urls = [
    path("service-chats/", index, name="chats"),
    path("service-chats/file/", export, name="chats-export"),
    path("service-chats/<int:chat_id>/person/", person, name="chat-person"),
]
