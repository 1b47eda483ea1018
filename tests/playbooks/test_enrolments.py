"""Accounts enter a playbook once a cause, take each step once, and one that fails stands alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from evergreen.alerts.actions import install_shipped as install_rules
from evergreen.alerts.models import Alert, Rule
from evergreen.customers.models import Account
from evergreen.playbooks import actions, rules
from evergreen.playbooks.models import Enrolment, Playbook, PlaybookVersion
from evergreen.work.models import Task
from tests.conftest import NOW, TODAY


@pytest.fixture(autouse=True)
def _installed(home: Any, cast: SimpleNamespace) -> None:
    install_rules()
    actions.install_shipped(now=NOW)


def _alert(account: Account, rule: str = "no_activity") -> Alert:
    return Alert.objects.create(
        rule=Rule.objects.get(key=rule),
        account=account,
        opened_on=TODAY,
        opened_at=NOW,
        seen_on=TODAY,
        figures={"working_days": 12, "last_active_on": "2026-11-03"},
    )


def test_an_alert_enters_once_and_the_database_itself_holds_it(cast: SimpleNamespace) -> None:
    _alert(cast.slipping)
    assert [actions.enrol_for_alerts(now=NOW) for _ in range(3)] == [1, 0, 0]
    enrolment = Enrolment.objects.get()
    enrolment.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        enrolment.save(force_insert=True)


def test_an_enrolment_that_another_worker_claimed_is_left_alone(cast: SimpleNamespace) -> None:
    _alert(cast.slipping)
    actions.enrol_for_alerts(now=NOW)
    seen = Enrolment.objects.select_related("version", "account__owner").get()
    Enrolment.objects.update(wake_at=None)
    actions._advance_one(seen, NOW)
    assert Enrolment.objects.get().state == Enrolment.State.WAITING and not Task.objects.exists()


def test_an_error_parks_its_enrolment_alone_and_says_why(cast: SimpleNamespace) -> None:
    for account in (cast.slipping, cast.well):
        _alert(account)
    actions.enrol_for_alerts(now=NOW)
    broken = PlaybookVersion.objects.create(
        playbook=Playbook.objects.get(),
        number=2,
        steps=[{"kind": "dance"}, {"kind": "end"}],
        published_at=NOW,
    )
    Enrolment.objects.filter(account=cast.well).update(version=broken)
    actions.advance(now=NOW)
    stuck = Enrolment.objects.get(account=cast.well)
    assert stuck.state == Enrolment.State.STUCK and "'dance'; allowed are task, end" in stuck.note
    assert Enrolment.objects.get(account=cast.slipping).state == Enrolment.State.DONE
    assert list(Task.objects.values_list("account", flat=True)) == [cast.slipping.pk]
    assert actions.advance(now=NOW) == 0


def test_people_inside_finish_on_the_version_they_entered(cast: SimpleNamespace) -> None:
    _alert(cast.slipping)
    actions.enrol_for_alerts(now=NOW)
    old = Playbook.objects.get().versions.get()
    PlaybookVersion.objects.create(playbook=old.playbook, number=2, steps=[{"kind": "end"}], published_at=NOW)
    _alert(cast.well)
    actions.enrol_for_alerts(now=NOW)
    actions.advance(now=NOW)
    assert list(Task.objects.values_list("account", flat=True)) == [cast.slipping.pk]
    assert Enrolment.objects.get(account=cast.well).version.number == 2


def test_a_playbook_that_is_off_or_meant_for_other_rules_takes_nobody_in(cast: SimpleNamespace) -> None:
    _alert(cast.slipping)
    Playbook.objects.update(trigger={"kind": "alert", "rules": ["renewal_due"]})
    assert actions.enrol_for_alerts(now=NOW) == 0
    Playbook.objects.update(trigger={"kind": "alert", "rules": "*"}, is_on=False)
    assert actions.enrol_for_alerts(now=NOW) == 0


def test_a_playbook_that_cannot_run_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(rules.PlaybookError, match="Step 1 is of kind 'mail'; allowed are task, end"):
        rules.validate([{"kind": "mail"}, {"kind": "end"}])
    with pytest.raises(rules.PlaybookError, match="last step is of kind 'end'"):
        rules.validate([])
