"""What an owner gets a day; the rest waits in the digest."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.alerts import rules
from evergreen.alerts.actions import digesting, install_shipped
from evergreen.alerts.models import Alert, Rule
from evergreen.base.actions import change_setting
from evergreen.base.queries import vendor_day
from evergreen.customers.models import Account
from evergreen.flow.needs.queries import digest_count, needs_of
from evergreen.playbooks import actions as playbooks
from evergreen.work.models import Task

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("most", "never", "expected"),
    [
        (0, [False] * 4, []),
        (2, [False] * 4, ["c", "d"]),
        (2, [False, False, False, True], ["b", "c"]),
        (1, [False, False, True, True], ["a", "b"]),
        (9, [False] * 4, []),
    ],
)
def test_those_that_never_wait_take_places_first(most: int, never: list[bool], expected: list[str]) -> None:
    assert rules.beyond("abcd", most, never) == expected


@pytest.fixture
def raised(home: Any, cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    """Five accounts of one owner with an alert each, the first worth most; the last one strategic."""
    install_shipped(now=now)
    playbooks.install_shipped(now=now)
    day = vendor_day(now)
    rule = Rule.objects.get(key="no_activity")
    accounts = [
        Account.objects.create(
            external_id=f"D{n}", name=f"D {n}", owner=cast.owner, arr_base_cents=(9 - n) * 1000, created_at=now, known_at=now,
            tier="strategic" if n == 4 else "basic", open_alerts=1,
        )
        for n in range(5)
    ]  # fmt: skip
    for account in accounts:
        Alert.objects.create(
            rule=rule, account=account, opened_on=day, opened_at=now, seen_on=day,
            priority=rules.priority(rule.severity, account.arr_base_cents), figures={"working_days": 12, "last_active_on": "2026-11-01"},
        )  # fmt: skip
    return SimpleNamespace(day=day, owner=cast.owner, boss=cast.boss, accounts=accounts)


def waiting() -> list[str]:
    return sorted(Alert.objects.filter(in_digest=True).values_list("account__external_id", flat=True))


@pytest.mark.postgres
def test_what_is_beyond_the_limit_starts_nothing_and_is_not_on_today(
    raised: SimpleNamespace, now: dt.datetime
) -> None:
    change_setting("alerts_a_day", 3, by=None, now=now)
    assert digesting.digest(raised.day) == 2
    assert waiting() == ["D2", "D3"], "the strategic one does not wait"
    assert digesting.digest(raised.day) == 2
    playbooks.enrol(now=now)
    playbooks.advance(now=now)
    assert set(Task.objects.values_list("account__external_id", flat=True)) == {"D0", "D1", "D4"}
    assert {need.account_id for need in needs_of(raised.owner, raised.day)} == {
        raised.accounts[n].pk for n in (0, 1, 4)
    }
    assert digest_count(raised.owner, raised.day) == 2
    assert digest_count(raised.boss, raised.day) == 0, "it is another's"


def test_a_quieter_night_lets_those_that_wait_come_through(raised: SimpleNamespace, now: dt.datetime) -> None:
    change_setting("alerts_a_day", 2, by=None, now=now)
    digesting.digest(raised.day)
    assert waiting() == ["D1", "D2", "D3"]
    for n, left in ((1, ["D3"]), (1, ["D3"]), (2, [])):
        digesting.digest(raised.day + dt.timedelta(days=n))
        assert waiting() == left, "the same night again lets nothing more through"


def test_who_makes_a_task_of_one_takes_it_out(raised: SimpleNamespace, now: dt.datetime) -> None:
    change_setting("alerts_a_day", 3, by=None, now=now)
    digesting.digest(raised.day)
    alert = Alert.objects.get(account=raised.accounts[2])
    playbooks.make_task(alert, raised.owner, by=raised.owner, now=now)
    assert digest_count(raised.owner, raised.day) == 1
    assert raised.accounts[2].pk in {need.account_id for need in needs_of(raised.owner, raised.day)}


def test_a_large_red_never_waits_and_nobodys_alerts_have_no_limit(
    raised: SimpleNamespace, now: dt.datetime
) -> None:
    change_setting("alerts_a_day", 1, by=None, now=now)
    Account.objects.filter(pk__in=[one.pk for one in raised.accounts]).update(tier="basic")
    Account.objects.filter(external_id="D3").update(band="red", arr_base_cents=10**9)
    digesting.digest(raised.day)
    assert waiting() == ["D0", "D1", "D2", "D4"]
    Account.objects.filter(external_id="D4").update(owner=None)
    Alert.objects.update(in_digest=False)
    digesting.digest(raised.day)
    assert waiting() == ["D0", "D1", "D2"]


def test_without_a_limit_nothing_waits(raised: SimpleNamespace, now: dt.datetime) -> None:
    change_setting("alerts_a_day", 3, by=None, now=now)
    digesting.digest(raised.day)
    change_setting("alerts_a_day", 0, by=None, now=now)
    assert digesting.digest(raised.day) == 0
    assert waiting() == []
