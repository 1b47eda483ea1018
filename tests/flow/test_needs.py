"""What needs somebody: one list of alerts, tasks and renewals, ordered by money × urgency, and acting on it."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from evergreen.alerts.actions import escalate_due, fold, install_shipped
from evergreen.alerts.models import Alert, Rule, WorkOrder
from evergreen.base.queries import vendor_zone
from evergreen.base.roles import Role
from evergreen.customers.models import Account
from evergreen.flow.needs import actions, rules
from evergreen.flow.needs.actions import Chosen
from evergreen.flow.needs.queries import needs_of
from evergreen.flow.needs.rules import Need
from evergreen.playbooks.actions import make_task
from evergreen.work.actions import add_task, finish_task, snooze_task
from evergreen.work.models import Task
from tests.conftest import NOW

FIGURES: dict[str, dict[str, Any]] = {
    "health_red": {"score": 50.0, "threshold": 60.0},
    "invoice_overdue": {"days": 9, "cents": 5000, "invoices": 1, "currency": "CNY"},
    "renewal_due": {"days": 40, "renewal_on": "2026-12-30", "mrr_cents": 1000, "currency": "CNY"},
}


def raise_alert(account: Account, rule: str, now: dt.datetime, **fields: Any) -> Alert:
    install_shipped(now=NOW)
    Account.objects.filter(pk=account.pk).update(open_alerts=1)
    alert = Alert.objects.create(
        rule=Rule.objects.get(key=rule),
        account=account,
        opened_on=now.date(),
        opened_at=now,
        seen_on=now.date(),
        figures=FIGURES[rule],
        **fields,
    )
    fold(accounts=[account.pk], now=now)
    alert.refresh_from_db()
    return alert


def _only_order() -> Any:
    return WorkOrder.objects.get()


def refs(user: Any, today: dt.date, who: Any = "mine") -> list[str]:
    return [need.ref for need in needs_of(user, today, who)]


def test_an_alert_and_the_task_made_of_it_are_one_thing(cast: SimpleNamespace, now: Any, today: Any) -> None:
    alert = raise_alert(cast.slipping, "health_red", now)
    assert refs(cast.owner, today) == [f"order-{alert.order_id}"]
    task = make_task(alert, cast.owner, by=None, now=now)
    (need,) = needs_of(cast.owner, today)
    assert (need.ref, need.task_id, need.alert_id) == (f"order-{alert.order_id}", task.pk, alert.pk)


def test_an_alert_whose_task_is_done_or_asleep_does_not_come_back(
    cast: SimpleNamespace, now: Any, today: Any
) -> None:
    first, second = raise_alert(cast.slipping, "health_red", now), raise_alert(cast.well, "health_red", now)
    finish_task(make_task(first, cast.owner, by=None, now=now), by=cast.owner, now=now)
    task = make_task(second, cast.owner, by=None, now=now)
    snooze_task(task, today + dt.timedelta(days=3), by=cast.owner, now=now)
    assert refs(cast.owner, today) == []
    assert refs(cast.owner, today + dt.timedelta(days=3)) == [f"order-{second.order_id}"]


def test_a_sick_account_is_one_thing_however_many_alerts_it_has(
    cast: SimpleNamespace, now: Any, today: Any
) -> None:
    alerts = [raise_alert(cast.slipping, rule, now) for rule in ("health_red", "invoice_overdue")]
    make_task(alerts[0], cast.owner, by=None, now=now)
    task = make_task(alerts[1], cast.owner, by=None, now=now)
    (need,) = needs_of(cast.owner, today)
    assert need.order_id and {alert.order_id for alert in alerts} == {need.order_id}
    assert need.alert_id == alerts[1].pk, "the overdue receivable may have brought the health down"
    assert need.weight == 3, "as severe as its worst alert"
    # A colleague's task of one of them is the colleague's; the rest stays one thing of the owner's.
    actions.hand_over(Chosen(tasks=[task]), cast.mate, by=cast.owner, now=now)
    assert refs(cast.owner, today) == [f"order-{need.order_id}"]
    assert refs(cast.mate, today) == [f"task-{task.pk}"]


def test_what_somebody_works_on_comes_back_when_its_condition_is_gone_or_it_is_due(
    cast: SimpleNamespace, now: Any, today: Any, home: Any
) -> None:
    alert, order = raise_alert(cast.slipping, "health_red", now), _only_order()
    actions.take_up(Chosen(orders=[order]), by=cast.mate, now=now)
    finish_task(make_task(alert, cast.mate, by=cast.mate, now=now), by=cast.mate, now=now)
    assert refs(cast.mate, today) == [] and refs(cast.owner, today) == []
    order.refresh_from_db()
    due = order.resolution_due_at.astimezone(vendor_zone()).date()
    assert refs(cast.mate, due) == [f"order-{order.pk}"] and refs(cast.mate, due - dt.timedelta(1)) == []
    Alert.objects.update(state="closed", outcome="cleared", closed_at=now)
    fold(now=now)
    assert refs(cast.mate, today) == [f"order-{order.pk}"]
    assert actions.give_verdict(Chosen(orders=[order]), "saved", by=cast.mate, now=now) == 1
    assert refs(cast.mate, due) == []


def test_a_late_order_stands_on_todays_of_its_person_and_of_the_manager_it_was_told_to(
    cast: SimpleNamespace, now: Any, today: Any, home: Any
) -> None:
    raise_alert(cast.slipping, "health_red", now)
    cast.boss.role = Role.MANAGER
    cast.boss.save()
    later = now + dt.timedelta(days=20)
    (order,) = escalate_due(now=later)
    assert order.escalated_to == cast.boss
    day = later.astimezone(vendor_zone()).date()
    assert refs(cast.boss, day) == refs(cast.owner, day) == [f"order-{order.pk}"]
    assert needs_of(cast.owner, day)[0].urgency == 4, "severity 3, and overdue"


def test_an_order_given_to_a_colleague_goes_with_its_tasks_and_not_to_a_stranger(
    cast: SimpleNamespace, now: Any, today: Any
) -> None:
    task = make_task(raise_alert(cast.slipping, "health_red", now), cast.owner, by=None, now=now)
    order = WorkOrder.objects.get()
    assert actions.hand_over(Chosen(orders=[order]), cast.mate, by=cast.owner, now=now) == 1
    assert refs(cast.owner, today) == [] and refs(cast.mate, today) == [f"order-{order.pk}"]
    task.refresh_from_db()
    assert task.assignee == cast.mate
    with translation.override("en"), pytest.raises(ValidationError, match="may not see"):
        actions.hand_over(Chosen(orders=[order]), cast.outsider, by=cast.owner, now=now)


def test_done_on_an_order_finishes_its_tasks_and_counts_as_taking_it_up(
    cast: SimpleNamespace, now: Any, today: Any, home: Any
) -> None:
    make_task(raise_alert(cast.slipping, "health_red", now), cast.owner, by=None, now=now)
    bare = raise_alert(cast.well, "health_red", now)
    orders = list(WorkOrder.objects.order_by("account__name"))
    assert actions.complete(Chosen(orders=orders), by=cast.owner, now=now) == 2
    worked = WorkOrder.objects.get(account=cast.slipping)
    assert (worked.state, worked.taken_by) == ("working", cast.owner)
    bare.refresh_from_db()
    assert (bare.outcome, WorkOrder.objects.get(account=cast.well).outcome) == ("handled", "handled")


def test_an_order_put_off_is_out_of_sight_until_its_day_or_until_another_alert_joins(
    cast: SimpleNamespace, now: Any, today: Any
) -> None:
    make_task(raise_alert(cast.slipping, "health_red", now), cast.owner, by=None, now=now)
    order = WorkOrder.objects.get()
    until = today + dt.timedelta(days=3)
    assert actions.postpone(Chosen(orders=[order]), until, by=cast.owner, now=now, today=today) == 1
    assert refs(cast.owner, today) == [] and refs(cast.owner, until) == [f"order-{order.pk}"]
    assert not escalate_due(now=now + dt.timedelta(days=2))
    raise_alert(cast.slipping, "invoice_overdue", now)
    assert refs(cast.owner, today) == [f"order-{order.pk}"]


def test_a_task_stands_on_today_from_its_due_day_on_or_when_it_is_urgent_without_one(
    cast: SimpleNamespace, now: Any, today: Any
) -> None:
    def task(**fields: Any) -> Task:
        return add_task(account=None, title="x", assignee=cast.owner, by=cast.owner, now=now, **fields)

    due, urgent = task(due_on=today), task(priority=Task.Priority.URGENT)
    task(due_on=today + dt.timedelta(days=1))
    task()
    assert set(refs(cast.owner, today)) == {f"task-{due.pk}", f"task-{urgent.pk}"}


def test_a_renewal_shows_until_an_alert_or_a_task_speaks_of_it(
    cast: SimpleNamespace, now: Any, today: Any
) -> None:
    end = today + dt.timedelta(days=40)
    Account.objects.filter(pk=cast.well.pk).update(renewal_on=end, arr_base_cents=100)
    assert refs(cast.owner, today) == [f"renewal-{cast.well.pk}"]
    cast.well.refresh_from_db()
    made = actions.make_tasks(Chosen(renewals=[cast.well]), cast.owner, by=cast.owner, now=now)
    assert refs(cast.owner, end) == [f"task-{made[0].pk}"]
    assert refs(cast.owner, today) == []
    # The next term is another renewal.
    Account.objects.filter(pk=cast.well.pk).update(renewal_on=end + dt.timedelta(days=365))
    assert f"renewal-{cast.well.pk}" in refs(cast.owner, end + dt.timedelta(days=300))


def test_a_renewal_alert_that_a_person_closed_keeps_the_renewal_away(
    cast: SimpleNamespace, now: Any, today: Any, home: Any
) -> None:
    Account.objects.filter(pk=cast.well.pk).update(renewal_on=today + dt.timedelta(days=40))
    alert = raise_alert(cast.well, "renewal_due", now)
    assert refs(cast.owner, today) == [f"order-{alert.order_id}"]
    actions.give_verdict(Chosen(alerts=[alert]), "handled", by=cast.owner, now=now)
    assert refs(cast.owner, today) == []


def test_nobody_sees_what_it_may_not_see(cast: SimpleNamespace, now: Any, today: Any) -> None:
    alert = raise_alert(cast.slipping, "health_red", now)
    assert refs(cast.outsider, today, "all") == []
    assert refs(cast.mate, today) == []
    assert refs(cast.mate, today, "all") == [f"order-{alert.order_id}"]
    assert refs(cast.boss, today, cast.owner.pk) == [f"order-{alert.order_id}"]
    Account.objects.filter(pk=cast.slipping.pk).update(owner=None)
    assert refs(cast.boss, today, "nobody") == [f"order-{alert.order_id}"]


def test_a_thing_belongs_to_its_task_not_to_the_owner_of_the_account(
    cast: SimpleNamespace, now: Any, today: Any
) -> None:
    task = make_task(raise_alert(cast.slipping, "health_red", now), cast.mate, by=None, now=now)
    assert refs(cast.owner, today) == []
    assert refs(cast.mate, today) == [f"task-{task.pk}"]


def need(money: int = 100, weight: float = 1, **fields: Any) -> Need:
    return Need(
        "alert", fields.pop("account_id", 1), 1, weight, money, alert_id=fields.pop("alert_id", 1), **fields
    )


@pytest.mark.parametrize(
    ("late", "left", "urgency"),
    [
        (None, None, 2),
        (0, None, 2.5),
        (3, None, 3),
        (-1, 61, 2),
        (None, 60, 2.5),
        (None, 30, 3),
        (None, -1, 2),
    ],
)
def test_urgency_grows_when_overdue_or_near_the_end(late: Any, left: Any, urgency: float) -> None:
    assert need(weight=2, days_late=late, days_to_renewal=left).urgency == urgency


def test_the_order_is_money_times_urgency_and_no_money_counts_as_the_least() -> None:
    rich, urgent, poor = need(1000, alert_id=1), need(400, 3, alert_id=2), need(0, 3, alert_id=3)
    assert [n.alert_id for n in rules.in_order([poor, rich, urgent])] == [2, 3, 1]
    assert rules.in_order([poor])[0].rank == 3


def test_money_behind_several_things_of_one_account_counts_once() -> None:
    assert rules.protected([need(100), need(100, alert_id=2), need(50, account_id=2)]) == 150


def test_a_verdict_closes_the_alert_and_ends_its_task(
    cast: SimpleNamespace, now: Any, today: Any, home: Any
) -> None:
    alert = raise_alert(cast.slipping, "health_red", now)
    task = make_task(alert, cast.owner, by=None, now=now)
    assert actions.give_verdict(Chosen(tasks=[task]), "saved", by=cast.owner, now=now, note="met them") == 1
    alert.refresh_from_db()
    task.refresh_from_db()
    assert (alert.state, alert.outcome, alert.note, alert.closed_by) == (
        "closed",
        "saved",
        "met them",
        cast.owner,
    )
    assert task.state == "done"


def test_done_finishes_tasks_and_closes_alerts_that_have_none(
    cast: SimpleNamespace, now: Any, today: Any, home: Any
) -> None:
    alert = raise_alert(cast.slipping, "health_red", now)
    task = add_task(account=None, title="x", assignee=cast.owner, by=None, now=now, due_on=today)
    assert actions.complete(Chosen(tasks=[task], alerts=[alert]), by=cast.owner, now=now) == 2
    alert.refresh_from_db()
    assert alert.outcome == "handled"


def test_only_a_later_day_puts_a_thing_off(cast: SimpleNamespace, now: Any, today: Any) -> None:
    task = add_task(account=None, title="x", assignee=cast.owner, by=None, now=now, due_on=today)
    with pytest.raises(ValidationError, match="2026-11-20"):
        actions.postpone(Chosen(tasks=[task]), today, by=cast.owner, now=now, today=today)
    assert (
        actions.postpone(Chosen(tasks=[task]), today + dt.timedelta(1), by=cast.owner, now=now, today=today)
        == 1
    )


def test_an_alert_given_to_a_colleague_becomes_that_colleagues_task(
    cast: SimpleNamespace, now: Any, today: Any
) -> None:
    alert = raise_alert(cast.slipping, "health_red", now)
    assert actions.hand_over(Chosen(alerts=[alert]), cast.mate, by=cast.owner, now=now) == 1
    assert needs_of(cast.mate, today)[0].task_id
