"""Work orders: one open an account, joined, reckoned, taken up, escalated, closed with their alerts, taken back."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import translation

from evergreen.alerts import actions
from evergreen.alerts.models import Alert, Rule, WorkOrder
from evergreen.base.actions import change_setting
from evergreen.base.models import AuditEntry, CalendarDay
from evergreen.base.queries import vendor_zone
from evergreen.base.roles import Role
from evergreen.base.working_days import WorkingDays
from evergreen.customers.models import Account
from tests.conftest import NOW, TODAY

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.postgres]


@pytest.fixture(autouse=True)
def _rules(cast: SimpleNamespace) -> None:
    actions.install_shipped(now=NOW)


def raise_alert(account: Account, rule: str = "health_red", at: dt.datetime = NOW, **fields: Any) -> Alert:
    alert = Alert.objects.create(
        rule=Rule.objects.get(key=rule), account=account, opened_on=at.date(), opened_at=at, seen_on=at.date(), **fields
    )  # fmt: skip
    actions.fold(now=at)
    alert.refresh_from_db()
    return alert


def clear(*alerts: Alert, at: dt.datetime = NOW) -> actions.Folded:
    """As a night does whose condition is gone."""
    keys = [alert.pk for alert in alerts]
    Alert.objects.filter(pk__in=keys).update(state="closed", outcome="cleared", closed_at=at)
    return actions.fold(now=at)


def order_of(account: Account) -> Any:
    return WorkOrder.objects.unresolved().get(account=account)


def test_later_alerts_join_the_one_open_order_of_their_account(cast: SimpleNamespace) -> None:
    first = raise_alert(cast.slipping, "silence", priority=5)
    second = raise_alert(cast.slipping, "health_red", NOW + dt.timedelta(hours=3), priority=50)
    other = raise_alert(cast.well)
    order = order_of(cast.slipping)
    assert first.order == second.order == order and other.order != order
    assert (order.opened_at, order.severity, order.priority, order.cause) == (NOW, 3, 50, first)
    assert order.person == cast.owner and not order.is_given
    before = list(WorkOrder.objects.order_by("pk").values())
    done = actions.fold(now=NOW + dt.timedelta(hours=9))
    assert not (done.opened or done.closed or done.reopened)
    assert list(WorkOrder.objects.order_by("pk").values()) == before, "a fold with nothing new writes nothing"


def test_the_database_holds_one_open_order_an_account(cast: SimpleNamespace) -> None:
    raise_alert(cast.slipping)
    with pytest.raises(IntegrityError), transaction.atomic():
        WorkOrder.objects.create(account=cast.slipping, opened_at=NOW)
    WorkOrder.objects.create(account=cast.slipping, opened_at=NOW, state="resolved")


def test_it_is_due_by_working_hours_of_the_severest_alert_and_never_later_for_one_that_joins(
    cast: SimpleNamespace,
) -> None:
    friday = dt.datetime(2026, 11, 20, 15, tzinfo=vendor_zone())
    low = raise_alert(cast.slipping, "silence", friday)
    order = order_of(cast.slipping)
    naive = WorkingDays()
    for hours, due in ((18, order.response_due_at), (180, order.resolution_due_at)):
        left, at = hours * 60, friday
        while left:  # minute by minute, 9 to 18 o'clock on working days
            at += dt.timedelta(minutes=1)
            begun = at - dt.timedelta(minutes=1)
            if naive.is_working(begun.date()) and 9 <= begun.hour < 18:
                left -= 1
        assert due == at, hours
    assert order.response_due_at.astimezone(vendor_zone()).isoformat() == "2026-11-24T15:00:00+08:00"
    raise_alert(cast.slipping, "health_red", friday + dt.timedelta(hours=1))
    order.refresh_from_db()
    # High: 4 hours from Friday 16:00, of which two are left that day.
    assert order.response_due_at.astimezone(vendor_zone()).isoformat() == "2026-11-23T11:00:00+08:00"
    raise_alert(cast.slipping, "renewal_due", friday + dt.timedelta(days=5))
    order.refresh_from_db()
    assert order.response_due_at.astimezone(vendor_zone()).isoformat() == "2026-11-23T11:00:00+08:00"
    assert low.order == order


def test_a_year_without_a_published_calendar_is_said_and_reckoned_anew_when_it_comes(
    cast: SimpleNamespace,
) -> None:
    zone = vendor_zone()
    raise_alert(cast.slipping, "health_red", dt.datetime(2030, 5, 1, 9, tzinfo=zone))
    order = order_of(cast.slipping)
    assert order.due_is_guess
    assert order.response_due_at == dt.datetime(2030, 5, 1, 13, tzinfo=zone)
    CalendarDay.objects.bulk_create(
        CalendarDay(day=dt.date(2030, month, 1), is_working=False, source="notice") for month in (1, 5)
    )
    actions.fold(now=NOW)
    order.refresh_from_db()
    assert not order.due_is_guess
    assert order.response_due_at == dt.datetime(2030, 5, 2, 13, tzinfo=zone)


def test_a_renewal_is_to_be_resolved_by_its_day_and_alerts_older_than_their_order_from_its_making(
    cast: SimpleNamespace,
) -> None:
    zone = vendor_zone()
    raise_alert(cast.slipping, "renewal_due", figures={"renewal_on": "2027-01-31"})
    assert order_of(cast.slipping).resolution_due_at == dt.datetime(2027, 1, 31, tzinfo=zone)
    alert = raise_alert(cast.well)
    Alert.objects.filter(pk=alert.pk).update(opened_at=NOW - dt.timedelta(days=90), order=None)
    WorkOrder.objects.filter(account=cast.well).delete()
    actions.fold(now=NOW)
    order = order_of(cast.well)
    assert order.opened_at == NOW - dt.timedelta(days=90) and order.response_due_at > NOW


def test_what_waits_in_the_digest_is_not_due_until_it_came_out(cast: SimpleNamespace) -> None:
    alert = raise_alert(cast.slipping, in_digest=True)
    assert order_of(cast.slipping).response_due_at is None
    Alert.objects.filter(pk=alert.pk).update(in_digest=False, freed_on=dt.date(2026, 11, 25))
    actions.fold(now=NOW)
    due = order_of(cast.slipping).response_due_at
    assert due == dt.datetime(2026, 11, 25, 13, tzinfo=vendor_zone())


def test_it_closes_by_itself_when_all_its_conditions_are_gone(cast: SimpleNamespace) -> None:
    first, second = raise_alert(cast.slipping, "silence"), raise_alert(cast.slipping, "health_red")
    assert not clear(first).closed
    assert order_of(cast.slipping).cause == second, "what is closed explains nothing any more"
    (closed,) = clear(second, at=NOW + dt.timedelta(days=1)).closed
    closed.refresh_from_db()
    assert (closed.state, closed.outcome, closed.resolved_by) == ("resolved", "cleared", None)


def test_what_somebody_works_on_never_closes_by_itself(cast: SimpleNamespace) -> None:
    alert = raise_alert(cast.slipping)
    order = order_of(cast.slipping)
    actions.take_up([order.pk], by=cast.mate, now=NOW)
    assert not clear(alert).closed
    order.refresh_from_db()
    assert (order.state, order.gone_at, order.taken_by, order.person) == (
        "working",
        NOW,
        cast.mate,
        cast.mate,
    )
    actions.fold(now=NOW + dt.timedelta(days=1))
    order.refresh_from_db()
    assert order.gone_at == NOW, "it says since when"
    again = raise_alert(cast.slipping, at=NOW + dt.timedelta(days=2))
    order.refresh_from_db()
    assert again.order == order and order.gone_at is None


def test_closing_takes_all_its_alerts_along_in_one_entry_and_undo_gives_all_back(
    cast: SimpleNamespace, django_capture_on_commit_callbacks: Any
) -> None:
    from evergreen.events import mover, store

    alerts = [raise_alert(cast.slipping, "silence"), raise_alert(cast.slipping)]
    order = order_of(cast.slipping)
    entries = AuditEntry.objects.count()
    with django_capture_on_commit_callbacks(execute=True):
        done = actions.close_orders([order.pk], "saved", by=cast.owner, now=NOW, note="met")
    assert AuditEntry.objects.count() == entries + 1
    assert {alert.pk for alert in done.alerts} == {alert.pk for alert in alerts}
    assert set(Alert.objects.values_list("state", "outcome", "note")) == {("closed", "saved", "met")}
    assert Account.objects.get(pk=cast.slipping.pk).open_alerts == 0
    mover.move(now=NOW)
    rows = store.reading().execute("SELECT name FROM lake.events ORDER BY name").fetchall()
    assert [name for (name,) in rows] == ["alert.closed", "alert.closed", "work_order.closed"]
    assert not actions.close_orders([order.pk], "lost", by=cast.owner, now=NOW).orders, "closed once"
    entry = AuditEntry.objects.get(verb="work_order.closed")
    actions.undo_orders(entry, by=cast.owner, now=NOW + dt.timedelta(minutes=1))
    order.refresh_from_db()
    assert (order.state, order.outcome, order.resolved_at) == ("open", "", None)
    assert set(Alert.objects.values_list("state", "outcome", "closed_at")) == {("open", "", None)}
    assert Account.objects.get(pk=cast.slipping.pk).open_alerts == 2


def test_a_closing_of_an_account_that_fell_ill_anew_is_not_taken_back(cast: SimpleNamespace) -> None:
    raise_alert(cast.slipping)
    former = order_of(cast.slipping)
    actions.close_orders([former.pk], "handled", by=cast.owner, now=NOW)
    raise_alert(cast.slipping, "silence", NOW + dt.timedelta(days=1))
    entry = AuditEntry.objects.get(verb="work_order.closed")
    actions.undo_orders(entry, by=cast.owner, now=NOW + dt.timedelta(days=1))
    former.refresh_from_db()
    assert former.state == "resolved" and Alert.objects.filter(state="open").count() == 1
    assert actions.reopen_orders([former.pk], by=cast.owner, now=NOW) == 0


def test_opened_again_its_alerts_are_open_and_its_clock_begins_anew(cast: SimpleNamespace) -> None:
    alert = raise_alert(cast.slipping)
    order = order_of(cast.slipping)
    actions.take_up([order.pk], by=cast.owner, now=NOW)
    actions.close_orders([order.pk], "false_alarm", by=cast.owner, now=NOW)
    later = NOW + dt.timedelta(days=3)
    assert actions.reopen_orders([order.pk], by=cast.owner, now=later) == 1
    order.refresh_from_db()
    alert.refresh_from_db()
    assert (order.state, alert.state, order.outcome) == ("working", "open", "")
    assert order.resolution_due_at > later


def test_the_verdict_on_its_last_alert_is_the_orders(cast: SimpleNamespace) -> None:
    first, second = raise_alert(cast.slipping, "silence"), raise_alert(cast.slipping)
    order = order_of(cast.slipping)
    actions.take_up([order.pk], by=cast.mate, now=NOW)
    actions.close_alert(first, "handled", by=cast.owner, now=NOW)
    assert order_of(cast.slipping) == order
    actions.close_alert(second, "saved", by=cast.mate, now=NOW + dt.timedelta(hours=1), note="renewed")
    order.refresh_from_db()
    assert (order.state, order.outcome, order.note, order.resolved_by) == (
        "resolved",
        "saved",
        "renewed",
        cast.mate,
    )
    entry = AuditEntry.objects.filter(verb="alert.closed").latest("pk")
    actions.undo(entry, by=cast.mate, now=NOW + dt.timedelta(hours=2))
    order.refresh_from_db()
    second.refresh_from_db()
    assert (order.state, second.state, second.order) == ("working", "open", order)


def test_an_unknown_outcome_closes_nothing(cast: SimpleNamespace) -> None:
    raise_alert(cast.slipping)
    for outcome in ("", "cleared", "won"):
        with (
            translation.override("en"),
            pytest.raises(ValidationError, match="allowed are saved, lost, false alarm, handled"),
        ):
            actions.close_orders([order_of(cast.slipping).pk], outcome, by=cast.owner, now=NOW)
    assert Alert.objects.filter(state="open").count() == 1


def test_a_person_may_say_another_cause_and_give_it_back_to_the_table(cast: SimpleNamespace) -> None:
    quiet, red = raise_alert(cast.slipping, "silence"), raise_alert(cast.slipping)
    elsewhere = raise_alert(cast.well)
    order = order_of(cast.slipping)
    with translation.override("en"), pytest.raises(ValidationError, match="does not belong"):
        actions.set_cause(order, elsewhere.pk, by=cast.owner, now=NOW)
    actions.set_cause(order, red.pk, "their lead left", by=cast.owner, now=NOW)
    actions.fold(now=NOW)
    order.refresh_from_db()
    assert (order.cause, order.cause_words, order.cause_by) == (red, "their lead left", cast.owner)
    actions.set_cause(order, None, by=cast.owner, now=NOW)
    order.refresh_from_db()
    assert (order.cause, order.cause_words, order.cause_by) == (quiet, "", None)


def test_late_orders_are_told_to_the_teams_manager_once(
    cast: SimpleNamespace, django_capture_on_commit_callbacks: Any
) -> None:
    from evergreen.events import mover, store

    cast.outsider.role = cast.boss.role = Role.MANAGER
    cast.outsider.save()
    cast.boss.save()
    cast.boss.teams.add(cast.north)
    raise_alert(cast.slipping)
    order = order_of(cast.slipping)
    assert not actions.escalate_due(now=order.response_due_at)
    late = order.response_due_at + dt.timedelta(minutes=1)
    with django_capture_on_commit_callbacks(execute=True):
        assert actions.escalate_due(now=late) == [order]
        assert not actions.escalate_due(now=late + dt.timedelta(days=30)), "once"
    order.refresh_from_db()
    assert (order.escalated_to, order.escalated_for, order.escalated_at) == (cast.boss, "response", late)
    mover.move(now=late)
    rows = store.reading().execute("SELECT name FROM lake.events WHERE name = 'work_order.escalated'")
    assert len(rows.fetchall()) == 1


def test_one_taken_up_in_time_is_late_only_when_it_is_not_resolved(cast: SimpleNamespace) -> None:
    raise_alert(cast.slipping)
    order = order_of(cast.slipping)
    actions.take_up([order.pk], by=cast.owner, now=NOW)
    assert not actions.escalate_due(now=order.response_due_at + dt.timedelta(hours=1))
    (late,) = actions.escalate_due(now=order.resolution_due_at + dt.timedelta(hours=1))
    assert (late.escalated_for, late.escalated_to) == ("resolution", None), "nobody is a manager here"


def test_escalation_can_be_off_and_leaves_what_was_put_off(cast: SimpleNamespace) -> None:
    raise_alert(cast.slipping)
    order = order_of(cast.slipping)
    late = order.response_due_at + dt.timedelta(days=1)
    actions.snooze_orders([order.pk], TODAY + dt.timedelta(days=60), by=cast.owner, now=NOW)
    assert not actions.escalate_due(now=late)
    WorkOrder.objects.update(snoozed_until=None)
    assert not actions.escalate_due(now=late), "its only alert is put off"
    Alert.objects.update(snoozed_until=None)
    change_setting("order_escalation", "off", by=None, now=NOW)
    assert not actions.escalate_due(now=late)
    change_setting("order_escalation", "manager", by=None, now=NOW)
    assert actions.escalate_due(now=late) == [order]


def test_putting_off_takes_its_alerts_along_and_undo_brings_both_back(cast: SimpleNamespace) -> None:
    alert = raise_alert(cast.slipping)
    until = TODAY + dt.timedelta(days=4)
    (entry,) = actions.snooze_orders([order_of(cast.slipping).pk], until, by=cast.owner, now=NOW)
    alert.refresh_from_db()
    assert alert.snoozed_until == until
    actions.undo_orders(entry, by=cast.owner, now=NOW)
    assert not Alert.objects.filter(snoozed_until__isnull=False).exists()
    assert order_of(cast.slipping).snoozed_until is None


def test_alerts_from_before_there_were_work_orders_are_folded_at_the_upgrade(cast: SimpleNamespace) -> None:
    from evergreen.flow import installing

    alert = raise_alert(cast.slipping)
    Alert.objects.update(order=None)
    WorkOrder.objects.all().delete()
    assert installing.install(now=NOW)["work_orders"] == 1
    alert.refresh_from_db()
    assert alert.order == order_of(cast.slipping)
