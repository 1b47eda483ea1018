"""What customers write: themes of the book's answers and tickets, and an account's comments."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from evergreen.customers.queries import account_for
from evergreen.web.pages.portfolio import wanted
from evergreen.web.presenters.portfolio.remarks import RemarksPage, of_account
from evergreen.web.requests import StaffRequest


@require_GET
def of_book(request: StaffRequest) -> HttpResponse:
    """Themes of what was written in the portfolio's span; of the chosen one the comments."""
    page = RemarksPage(wanted(request), request.GET.get("theme", ""), request.GET.get("page", "1"))
    return render(request, "pages/portfolio/remarks.html", {"page": page})


@require_GET
def of_one(request: StaffRequest, account_id: int) -> HttpResponse:
    """What an account wrote, with how it sounds."""
    account = account_for(request.user, account_id)
    return render(request, "pages/account/remarks.html", {"lines": of_account(account, request.today)})


urls = [
    path("portfolio/voice/remarks/", of_book, name="portfolio-remarks"),
    path("accounts/<int:account_id>/remarks/", of_one, name="account-remarks"),
]
