"""The list of work orders and the page of one: rights, filters, figures, acts on one and many, export, undo."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evergreen.alerts.actions import escalate_due
from evergreen.alerts.models import Alert, WorkOrder
from evergreen.base.models import AuditEntry
from evergreen.base.roles import Role
from evergreen.customers.models import Account
from evergreen.work.models import Task
from tests.web.working import many, raise_alert

AsPerson = Callable[..., Client]
pytestmark = pytest.mark.usefixtures("home")


def post(client: Client, what: str, *orders: WorkOrder, **fields: str) -> Any:
    refs = [f"order-{order.pk}" for order in orders]
    return client.post(f"/work/{what}/", {"ids": refs, **fields}, headers={"HX-Request": "true"})


def order_of(account: Any) -> Any:
    return WorkOrder.objects.get(account=account)


@pytest.mark.parametrize(
    ("who", "words"), [("owner", ("Work orders", "Also:")), ("mate", ("预警工单", "另有"))]
)
def test_list_and_page_open_in_both_languages(
    cast: SimpleNamespace, as_person: AsPerson, who: str, words: tuple[str, str]
) -> None:
    raise_alert(cast.slipping)
    raise_alert(cast.slipping, "invoice_overdue")
    client = as_person(getattr(cast, who))
    page = client.get("/work-orders/").content.decode()
    assert all(word in page for word in words)
    assert client.get(f"/work-orders/{order_of(cast.slipping).pk}/").status_code == 200


def test_what_is_not_mine_to_see_does_not_exist(cast: SimpleNamespace, as_person: AsPerson) -> None:
    raise_alert(cast.slipping)
    order = order_of(cast.slipping)
    client = as_person(cast.outsider)
    assert cast.slipping.name not in client.get("/work-orders/").content.decode()
    assert client.get(f"/work-orders/{order.pk}/").status_code == 404
    assert client.post(f"/work-orders/{order.pk}/cause/", {"words": "x"}).status_code == 404
    for what, fields in (("taking", {}), ("verdict", {"outcome": "saved"}), ("assignment", {"person": "me"})):
        assert post(client, what, order, **fields).status_code == 404
    order.refresh_from_db()
    assert order.state == "open"


def test_the_page_says_the_cause_its_symptoms_and_their_figures_by_the_table(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    raise_alert(cast.slipping)
    raise_alert(cast.slipping, "invoice_overdue")
    raise_alert(cast.slipping, "no_activity")
    page = as_person(cast.owner).get(f"/work-orders/{order_of(cast.slipping).pk}/").content.decode()
    page = page[page.index('id="cause"') :]
    symptoms, beside = page.index("What it may have brought about"), page.index("Beside it")
    assert page.index("No use for 12 working days") < symptoms
    assert symptoms < page.index("Health is 50, below 60.") < beside < page.index("1 receivable over")
    assert "4 working hours to take it up, 45 to resolve it" in page


def test_amounts_are_hidden_from_roles_that_see_none(cast: SimpleNamespace, as_person: AsPerson) -> None:
    raise_alert(cast.slipping, "invoice_overdue")
    order = order_of(cast.slipping)
    amount = "¥5k"
    shown = as_person(cast.owner).get(f"/work-orders/{order.pk}/").content.decode()
    assert amount in shown
    cast.mate.role = Role.TRAINER
    cast.mate.save()
    client = as_person(cast.mate)
    for address in ("/work-orders/", f"/work-orders/{order.pk}/", "/?who=all"):
        assert amount not in client.get(address).content.decode()
    assert amount not in client.post("/work-orders/export/").content.decode()


def test_filters_stand_in_the_address(cast: SimpleNamespace, as_person: AsPerson) -> None:
    raise_alert(cast.slipping)
    raise_alert(cast.well, "invoice_overdue")
    client = as_person(cast.owner)
    post(client, "taking", order_of(cast.well))
    WorkOrder.objects.filter(account=cast.well).update(
        resolution_due_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    )
    post(as_person(cast.mate), "assignment", order_of(cast.slipping), person="me")
    both = {cast.slipping.name, cast.well.name}
    for query, names in {
        "": both,
        "who=mine": {cast.well.name},
        f"who={cast.mate.pk}": {cast.slipping.name},
        "who=nobody": set(),
        "severity=3": {cast.slipping.name},
        "cause=invoice_overdue": {cast.well.name},
        "state=late": {cast.well.name},
        "state=resolved": set(),
        "state=gone": set(),
        "sort=due&q=" + cast.slipping.name[:2]: {cast.slipping.name},
        "state=nonsense&severity=9&page=77": both,
    }.items():
        page = as_person(cast.owner).get(f"/work-orders/?{query}").content.decode()
        shown = {name for name in both if f">{name}</a>" in page}
        assert shown == names, query


def test_the_list_costs_as_many_queries_for_three_rows_as_for_thirty(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    client, counts = as_person(cast.owner), []
    for rows in (3, 30):
        Account.objects.filter(external_id__startswith="M").delete()
        many(cast.owner, rows)
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/work-orders/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_several_are_taken_up_closed_and_given_back_at_once(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    for account in (cast.slipping, cast.well):
        raise_alert(account)
    client = as_person(cast.mate)
    orders = [order_of(cast.slipping), order_of(cast.well)]
    assert post(client, "taking", *orders).status_code == 204
    assert set(WorkOrder.objects.values_list("state", "assignee")) == {("working", cast.mate.pk)}
    post(client, "verdict", *orders, outcome="saved", note="met")
    assert set(Alert.objects.values_list("state", "outcome")) == {("closed", "saved")}
    entry = AuditEntry.objects.get(verb="work_order.closed")
    assert entry.objects_count == 2
    client.post(f"/undo/?entries={entry.pk}")
    assert set(WorkOrder.objects.values_list("state", "outcome")) == {("working", "")}
    assert set(Alert.objects.values_list("state", flat=True)) == {"open"}


def test_an_undo_of_a_closing_opens_the_tasks_of_its_alerts_too(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    alert = raise_alert(cast.slipping)
    client = as_person(cast.owner)
    client.post("/work/tasks/", {"ids": f"alert-{alert.pk}", "person": "me"}, headers={"HX-Request": "true"})
    post(client, "verdict", order_of(cast.slipping), outcome="handled")
    assert Task.objects.get().state == "done"
    entries = AuditEntry.objects.filter(by=cast.owner, verb__in=("work_order.closed", "task.finished"))
    assert {entry.kind for entry in entries} == {"workorder", "task"}
    client.post("/undo/?entries=" + ",".join(str(entry.pk) for entry in entries))
    alert.refresh_from_db()
    assert (Task.objects.get().state, alert.state, order_of(cast.slipping).state) == ("open", "open", "open")


def test_another_cause_is_said_and_given_back(cast: SimpleNamespace, as_person: AsPerson) -> None:
    red = raise_alert(cast.slipping)
    bill = raise_alert(cast.slipping, "invoice_overdue")
    order = order_of(cast.slipping)
    client = as_person(cast.owner)
    client.post(f"/work-orders/{order.pk}/cause/", {"alert": red.pk, "words": "their lead left"})
    page = client.get(f"/work-orders/{order.pk}/").content.decode()
    assert "their lead left" in page and f"said by {cast.owner}" in page
    assert "their lead left" in client.get("/work-orders/").content.decode()
    client.post(f"/work-orders/{order.pk}/cause/", {"alert": "", "words": ""})
    order.refresh_from_db()
    assert order.cause == bill and not order.cause_by
    client.post(f"/work-orders/{order.pk}/cause/", {"alert": "999999"})
    order.refresh_from_db()
    assert order.cause == bill


def test_a_late_order_says_so_and_to_whom_it_was_told(cast: SimpleNamespace, as_person: AsPerson) -> None:
    raise_alert(cast.slipping)
    order = order_of(cast.slipping)
    WorkOrder.objects.update(response_due_at=dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))
    cast.boss.role = Role.MANAGER
    cast.boss.save()
    assert escalate_due(now=dt.datetime.now(dt.UTC))
    client = as_person(cast.owner)
    for address in ("/work-orders/?state=late", f"/work-orders/{order.pk}/"):
        page = client.get(address).content.decode()
        assert f"told to {cast.boss}" in page
    assert "was to be taken up by" in client.get("/work-orders/").content.decode()
    assert cast.slipping.name in as_person(cast.boss).get("/").content.decode()


def test_the_export_holds_the_orders_of_the_address_and_no_formulas(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    raise_alert(cast.slipping)
    raise_alert(cast.well, "invoice_overdue")
    WorkOrder.objects.filter(account=cast.slipping).update(cause_words="=1+1", cause_by=cast.owner)
    answer = as_person(cast.owner).post("/work-orders/export/?severity=3")
    text = answer.content.decode("utf-8-sig")
    assert cast.slipping.name in text and cast.well.name not in text
    assert "'=1+1" in text and ",=1+1" not in text
    assert AuditEntry.objects.filter(verb="work_order.exported").exists()


def test_a_resolved_order_keeps_its_story_and_is_opened_again(
    cast: SimpleNamespace, as_person: AsPerson
) -> None:
    raise_alert(cast.slipping)
    order = order_of(cast.slipping)
    client = as_person(cast.owner)
    post(client, "verdict", order, outcome="false_alarm", note="a holiday")
    page = client.get(f"/work-orders/{order.pk}/").content.decode()
    assert "a holiday" in page and "false alarm" in page and "work order: closed" in page
    post(client, "reopening", order)
    order.refresh_from_db()
    assert order.state == "open" and Alert.objects.get().state == "open"
