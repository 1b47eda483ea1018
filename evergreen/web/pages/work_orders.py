"""Work orders: the list, its export, the page of one, its cause. What is done to many goes through ``work``."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from evergreen.alerts import actions
from evergreen.alerts.queries import order_for
from evergreen.base.actions import audit
from evergreen.web.downloads import csv_file
from evergreen.web.pages.work import rows_changed
from evergreen.web.presenters.work_orders.listing import OrderList
from evergreen.web.presenters.work_orders.page import OrderPage
from evergreen.web.requests import StaffRequest
from evergreen.web.toasts import complain, say


@require_GET
def index(request: StaffRequest) -> HttpResponse:
    listed = OrderList(request.user, request.GET, request.vendor, request.now)
    return render(request, "pages/work_orders/index.html", {"list": listed})


@require_POST
def export(request: StaffRequest) -> HttpResponse:
    """The work orders of the address as CSV."""
    after = {"query": request.GET.urlencode()[:1000]}
    audit("work_order.exported", "export", [], by=request.user, now=request.now, after=after)
    listed = OrderList(request.user, request.GET, request.vendor, request.now)
    return csv_file(listed.file_rows(), f"work-orders-{request.today:%Y-%m-%d}.csv")


@require_GET
def show(request: StaffRequest, order_id: int) -> HttpResponse:
    order = order_for(request.user, order_id)
    page = OrderPage(request.user, order, request.vendor, request.now)
    return render(request, "pages/work_orders/order.html", {"page": page})


@require_POST
def cause(request: StaffRequest, order_id: int) -> HttpResponse:
    """Say the cause, or give it back to the table."""
    order = order_for(request.user, order_id)
    key, words = request.POST.get("alert", ""), request.POST.get("words", "")
    alert = int(key) if key.isdecimal() and len(key) < 19 else None
    try:
        actions.set_cause(order, alert, words, by=request.user, now=request.now)
    except ValidationError as error:
        complain(request, " ".join(error.messages))
    else:
        is_said = alert is not None or words.strip()
        say(request, _("The cause is written down.") if is_said else _("The cause is by the table again."))
    return rows_changed(request)


urls = [
    path("work-orders/", index, name="work-orders"),
    path("work-orders/export/", export, name="work-orders-export"),
    path("work-orders/<int:order_id>/", show, name="work-order"),
    path("work-orders/<int:order_id>/cause/", cause, name="work-order-cause"),
]
