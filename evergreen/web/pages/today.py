"""Today: what needs me, in order, with why and one-click action."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from evergreen.web.presenters.today.page import Today
from evergreen.web.requests import StaffRequest


@require_GET
def show(request: StaffRequest) -> HttpResponse:
    today = Today(request.user, request.GET, request.vendor, request.now)
    return render(request, "pages/today.html", {"today": today})


urls = [path("", show, name="today")]
