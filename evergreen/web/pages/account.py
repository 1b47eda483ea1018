"""One account."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from evergreen.customers.queries import account_for
from evergreen.web.requests import StaffRequest


@require_GET
def show(request: StaffRequest, account_id: int) -> HttpResponse:
    account = account_for(request.user, account_id)
    return render(request, "pages/account/index.html", {"account": account})


urls = [path("accounts/<int:account_id>/", show, name="account")]
