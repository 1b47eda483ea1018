"""Accounts enter a playbook once a cause, take each step once, and one that fails stands alone."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from evergreen.alerts.actions import install_shipped as install_rules
from evergreen.alerts.models import Alert, Rule
from evergreen.base.models import AuditEntry
from evergreen.customers.models import Account
from evergreen.playbooks import actions
from evergreen.playbooks.actions.advancing import claim, take
from evergreen.playbooks.book import Book
from evergreen.playbooks.models import Effect, Enrolment, Playbook, PlaybookVersion
from evergreen.work.models import Task
from tests.conftest import NOW, TODAY
from tests.playbooks.building import published, task, wait


@pytest.fixture(autouse=True)
def _installed(home: Any, cast: SimpleNamespace) -> None:
    install_rules(now=NOW)
    actions.install_shipped(now=NOW)


def _alert(account: Account, rule: str = "no_activity", figures: dict[str, Any] | None = None) -> Alert:
    return Alert.objects.create(
        rule=Rule.objects.get(key=rule),
        account=account,
        opened_on=TODAY,
        opened_at=NOW,
        seen_on=TODAY,
        figures={"working_days": 12, "last_active_on": "2026-11-03"} if figures is None else figures,
    )


def _published(**definition: Any) -> PlaybookVersion:
    """The shipped playbook with another definition."""
    data = {**Playbook.objects.get(key="alert-task").versions.get(number=1).definition, **definition}
    draft = actions.save_draft("alert-task", name={"en": "Alert to task"}, definition=data, by=None, now=NOW)
    return actions.publish(draft, by=None, now=NOW)


def test_an_alert_enters_once_and_the_database_itself_holds_it(cast: SimpleNamespace) -> None:
    _alert(cast.slipping)
    assert [actions.enrol(now=NOW) for _ in range(3)] == [1, 0, 0]
    enrolment = Enrolment.objects.get()
    enrolment.pk, enrolment.ended_at = None, NOW
    with pytest.raises(IntegrityError, match="occasion"), transaction.atomic():
        enrolment.save(force_insert=True)
    enrolment.occasion, enrolment.ended_at = "alert:another", None
    with pytest.raises(IntegrityError, match=r"lane|one_at_a_time"), transaction.atomic():
        enrolment.save(force_insert=True)
    assert AuditEntry.objects.get(verb="playbook.entered").after == {"playbook": "alert-task", "version": 1}


def test_two_alerts_of_an_account_are_two_runs_each_with_its_task(cast: SimpleNamespace) -> None:
    _alert(cast.slipping), _alert(cast.slipping, "renewal_due", figures={})
    assert actions.enrol(now=NOW) == 2
    actions.advance(now=NOW)
    assert Task.objects.filter(origin_kind="alert").count() == 2


def _drop_begins(first: dict[str, Any], key: str = "drop") -> Playbook:
    alerts = [{"kind": "alert", "rules": ["no_activity"]}]
    return published(first, key=key, triggers=alerts, per="occasion")


@pytest.mark.parametrize("most", [1, 200])
@pytest.mark.parametrize("is_first", [True, False])
def test_an_alert_that_a_playbook_begins_with_a_task_for_has_no_second_one(
    cast: SimpleNamespace, most: int, is_first: bool
) -> None:
    _drop_begins(task("ask"))
    _alert(cast.slipping), _alert(cast.well, "renewal_due", figures={})
    assert actions.enrol(now=NOW) == 3
    runs = Enrolment.objects.filter(playbook__key="drop")
    runs.update(wake_at=NOW + dt.timedelta(seconds=-1 if is_first else 1))
    for _ in range(4):
        actions.advance(now=NOW + dt.timedelta(minutes=1), most=most)
    assert not Enrolment.objects.filter(state="waiting").exists()
    assert Task.objects.get(account=cast.slipping).title == {"en": "ask"}
    # The other playbook does not listen to this one's rule.
    assert Task.objects.get(account=cast.well).origin_kind == "alert"


@pytest.mark.parametrize("why", ["off", "waits first", "for the alert too"])
def test_an_alert_keeps_its_task_where_no_playbook_begins_with_its_own(
    cast: SimpleNamespace, why: str
) -> None:
    firsts = {"waits first": wait("pause", days=3), "for the alert too": task("ask", for_alert=True)}
    other = _drop_begins(firsts.get(why, task("ask")))
    alert = _alert(cast.slipping)
    assert actions.enrol(now=NOW) == 2
    if why == "off":
        actions.switch(other, False, by=None, now=NOW)
    actions.advance(now=NOW)
    assert (Task.objects.get().origin_kind, Task.objects.get().origin_id) == ("alert", str(alert.pk))


def test_an_enrolment_that_another_worker_claimed_is_left_alone(cast: SimpleNamespace) -> None:
    _alert(cast.slipping)
    actions.enrol(now=NOW)
    mine = claim(now=NOW, at=NOW)
    assert len(mine) == 1 and claim(now=NOW, at=NOW) == []
    # The lease is over: another takes it up and does it; who wakes late writes nothing.
    later = NOW + dt.timedelta(minutes=5)
    theirs = claim(now=NOW, at=later)
    assert take(theirs, Book(NOW)) == 1
    before = Enrolment.objects.get()
    assert take(mine, Book(NOW)) == 0
    after = Enrolment.objects.get()
    assert (after.fence, after.trail, after.state) == (before.fence, before.trail, Enrolment.State.DONE)
    assert Task.objects.count() == Effect.objects.count() == 1


def test_a_worker_that_wakes_while_another_still_holds_its_run_writes_nothing(cast: SimpleNamespace) -> None:
    _alert(cast.slipping)
    actions.enrol(now=NOW)
    mine = claim(now=NOW, at=NOW)
    theirs = claim(now=NOW, at=NOW + dt.timedelta(minutes=5))
    assert take(mine, Book(NOW)) == 0
    assert not Task.objects.exists()
    assert take(theirs, Book(NOW)) == 1
    assert Task.objects.count() == 1


def test_an_effect_happens_once_a_visit_held_by_the_database(cast: SimpleNamespace) -> None:
    _alert(cast.slipping)
    actions.enrol(now=NOW)
    actions.advance(now=NOW)
    effect = Effect.objects.get()
    effect.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        effect.save(force_insert=True)


def test_an_error_parks_its_enrolment_alone_and_says_why(cast: SimpleNamespace) -> None:
    for account in (cast.slipping, cast.well):
        _alert(account)
    actions.enrol(now=NOW)
    broken = PlaybookVersion.objects.create(
        playbook=Playbook.objects.get(key="alert-task"),
        number=2,
        state=PlaybookVersion.State.RETIRED,
        definition={
            "triggers": [{"kind": "by_hand"}],
            "steps": [{"kind": "dance", "key": "task"}, {"kind": "end", "key": "end"}],
        },
        changed_at=NOW,
    )
    Enrolment.objects.filter(account=cast.well).update(version=broken)
    assert actions.advance(now=NOW) == 1
    stuck = Enrolment.objects.get(account=cast.well)
    assert stuck.state == Enrolment.State.STUCK
    assert "steps: task: kind" in stuck.note and "dance" in stuck.note and "task, message" in stuck.note
    assert Enrolment.objects.get(account=cast.slipping).state == Enrolment.State.DONE
    assert list(Task.objects.values_list("account", flat=True)) == [cast.slipping.pk]
    assert actions.advance(now=NOW) == 0


def test_people_inside_finish_on_the_version_they_entered(cast: SimpleNamespace) -> None:
    _alert(cast.slipping)
    actions.enrol(now=NOW)
    _published(steps=[{"key": "end", "kind": "end"}])
    _alert(cast.well)
    actions.enrol(now=NOW)
    actions.advance(now=NOW)
    assert list(Task.objects.values_list("account", flat=True)) == [cast.slipping.pk]
    assert Enrolment.objects.get(account=cast.well).version.number == 2


def test_a_playbook_that_is_off_or_meant_for_other_rules_takes_nobody_in(cast: SimpleNamespace) -> None:
    _alert(cast.slipping)
    _published(triggers=[{"kind": "alert", "rules": ["renewal_due"]}])
    assert actions.enrol(now=NOW) == 0
    _published(triggers=[{"kind": "alert", "rules": "*"}])
    actions.switch(Playbook.objects.get(key="alert-task"), False, by=None, now=NOW)
    assert actions.enrol(now=NOW) == 0


def test_the_runs_of_a_playbook_that_is_off_stand_still_until_it_is_on_again(cast: SimpleNamespace) -> None:
    _alert(cast.slipping)
    actions.enrol(now=NOW)
    actions.switch(Playbook.objects.get(key="alert-task"), False, by=cast.boss, now=NOW)
    assert actions.advance(now=NOW) == 0 and not Task.objects.exists()
    actions.switch(Playbook.objects.get(key="alert-task"), True, by=cast.boss, now=NOW)
    assert actions.advance(now=NOW + dt.timedelta(days=3)) == 1 and Task.objects.count() == 1
