"""Event rules: so many within minutes, once, however often it is looked, told as events, closed by nights that are quiet."""

from __future__ import annotations

import datetime as dt
import random
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from evergreen.alerts import actions, words
from evergreen.alerts.firing import Firing, Occurrence, Watch, firings
from evergreen.alerts.models import Alert, Rule, WorkOrder
from evergreen.alerts.trying import trial
from evergreen.customers.models import Account
from evergreen.events import journal, mover, store
from evergreen.health.actions import install_shipped as install_scorecards
from evergreen.metrics.actions import ensure_columns
from tests.conftest import NOW

WATCH = Watch("Export Failed", 3, 10)
MINUTE = dt.timedelta(minutes=1)


def at(*minutes: float) -> list[Occurrence]:
    return [Occurrence(NOW + n * MINUTE) for n in minutes]


def test_three_within_ten_minutes_fire_and_three_in_ten_do_not() -> None:
    assert firings(WATCH, at(0, 5, 9.9)) == [Firing(NOW, NOW + 9.9 * MINUTE, 3)]
    assert firings(WATCH, at(0, 5, 10)) == []
    assert firings(WATCH, at(9.9, 0, 5)) == firings(WATCH, at(0, 5, 9.9)), "in any order of arrival"
    assert firings(WATCH, at(0, 1, 2), after=NOW) == []


def test_after_it_fired_it_rests() -> None:
    watch = Watch("x", 2, 10, cool_down_hours=1)
    found = firings(watch, at(0, 1, 2, 3, 59, 61, 61.5, 62))
    assert [one.at for one in found] == [NOW + 1 * MINUTE, NOW + 62 * MINUTE]
    assert found[1].first == NOW + 61.5 * MINUTE, "what came during the rest does not count for the next"


def test_firings_are_those_of_a_naive_reckoning() -> None:
    rng = random.Random(5)
    for _ in range(150):
        watch = Watch(
            "x",
            rng.randrange(1, 5),
            rng.randrange(1, 30),
            per_user=rng.random() < 0.5,
            cool_down_hours=rng.randrange(3),
        )
        happened = [
            Occurrence(NOW + rng.randrange(400) * MINUTE, rng.choice(["", "a", "b"]))
            for _ in range(rng.randrange(40))
        ]
        deaf = NOW - MINUTE
        wanted = []
        for one in sorted(happened, key=lambda one: (one.at, one.end_user)):
            if one.at <= deaf or (watch.per_user and not one.end_user):
                continue
            same = [
                other.at
                for other in happened
                if deaf < other.at <= one.at
                and other.at > one.at - watch.minutes * MINUTE
                and (not watch.per_user or other.end_user == one.end_user)
            ]
            if len(same) >= watch.count:
                wanted.append(one.at)
                deaf = one.at + dt.timedelta(hours=watch.cool_down_hours)
        assert [one.at for one in firings(watch, happened, NOW - MINUTE)] == wanted


def test_a_property_is_compared_as_text_and_each_end_user_counts_alone() -> None:
    watch = Watch("x", property="code", value="500")
    assert all(watch.takes("x", {"code": code}) for code in (500, "500", 500.0))
    assert not any(watch.takes("x", said) for said in ({"code": 404}, {}, {"code": None}))
    assert Watch("x", property="ok", value="false").takes("x", {"ok": False})
    each = Watch("x", 2, 10, per_user=True)
    some = [Occurrence(NOW, "a"), Occurrence(NOW + MINUTE, "b"), Occurrence(NOW + 2 * MINUTE, "")]
    assert firings(each, some) == []
    assert firings(each, [*some, Occurrence(NOW + 3 * MINUTE, "b")])[0].end_user == "b"


@pytest.fixture
def rule(home: Any, cast: SimpleNamespace) -> Rule:
    return save(cast, WATCH)


def save(cast: SimpleNamespace, watch: Watch, **fields: Any) -> Rule:
    return actions.save_event_rule(
        "exports", name={"en": "Exports fail"}, watch=watch, is_on=True, by=cast.boss, now=NOW - dt.timedelta(hours=2), **fields
    )  # fmt: skip


def send(account: Account, *minutes: float, name: str = "Export Failed", **said: Any) -> None:
    """Live events that happened and came in so many minutes after NOW."""
    journal.write_system_events(
        [
            {
                "name": name, "account_id": account.pk, "occurred_at": NOW + n * MINUTE, "known_at": NOW + n * MINUTE,
                "message_id": f"{name}:{account.pk}:{n}", "properties": said,
            }
            for n in minutes
        ]
    )  # fmt: skip
    arrive()


def arrive() -> None:
    """Store what was sent, as if it had come in when it happened: the journal goes by the wall clock."""
    mover.move(now=NOW)
    with store.session() as con:
        con.execute("UPDATE lake.events SET received_at = occurred_at")


def hear(minutes: float, **given: Any) -> list[Alert]:
    return actions.hear(now=NOW + minutes * MINUTE, **given)


def test_it_opens_one_alert_and_order_however_often_it_is_looked(
    rule: Rule, cast: SimpleNamespace, django_capture_on_commit_callbacks: Any
) -> None:
    send(cast.slipping, 0, 4)
    assert hear(5) == []
    send(cast.slipping, 8)
    send(cast.well, 1, 30)
    with django_capture_on_commit_callbacks(execute=True):
        (alert,) = hear(9)
        assert hear(9) == [] and hear(10) == [], "looked again, or by another worker"
    assert (alert.account, alert.figures["n"], alert.rule) == (cast.slipping, 3, rule)
    assert WorkOrder.objects.get().cause == alert
    said = words.reason(alert, "en")
    assert said.startswith("“Export Failed” came 3 times within 10 minutes, last at 20")
    mover.move(now=NOW + 10 * MINUTE)
    rows = store.reading().execute("SELECT name FROM lake.events WHERE name LIKE '%.opened' ORDER BY 1")
    assert rows.fetchall() == [("alert.opened",), ("work_order.opened",)]
    assert Account.objects.get(pk=cast.slipping.pk).open_alerts == 1


def test_an_open_alert_is_refreshed_and_a_closed_one_rests(rule: Rule, cast: SimpleNamespace) -> None:
    send(cast.slipping, 0, 1, 2)
    (alert,) = hear(3)
    send(cast.slipping, 20, 21, 22)
    assert hear(23) == []
    alert.refresh_from_db()
    assert dt.datetime.fromisoformat(alert.figures["at"]) == NOW + 22 * MINUTE
    actions.close_alert(alert, "handled", by=cast.owner, now=NOW + 30 * MINUTE)
    send(cast.slipping, 40, 41, 42)
    assert hear(43) == [] and Alert.objects.filter(state="open").count() == 0
    day = 24 * 60
    send(cast.slipping, day + 23, day + 24, day + 25)
    assert [one.account for one in hear(day + 26)] == [cast.slipping]


def test_what_was_there_before_the_rule_or_of_lost_accounts_fires_nothing(
    rule: Rule, cast: SimpleNamespace
) -> None:
    Account.objects.filter(pk=cast.gone.pk).update(stage="churned")
    send(cast.gone, 0, 1, 2)
    send(cast.slipping, 0, 1, 2)
    Rule.objects.update(changed_at=NOW + 1.5 * MINUTE)
    assert hear(3) == []
    actions.switch_rule(rule, False, by=cast.boss, now=NOW)
    Rule.objects.update(changed_at=NOW - MINUTE)
    assert hear(3) == []


def test_what_a_worker_missed_is_heard_by_the_night(rule: Rule, cast: SimpleNamespace) -> None:
    send(cast.slipping, 0, 1, 2)
    assert hear(600) == []
    assert len(hear(600, back=dt.timedelta(days=2))) == 1


def test_the_lake_is_not_asked_while_no_event_rule_is_on(
    home: Any, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    def asked(*_args: Any, **_given: Any) -> None:
        raise AssertionError("the lake was asked")

    monkeypatch.setattr("evergreen.events.queries.occurrences", asked)
    with django_assert_num_queries(1):
        assert hear(1) == []


def test_it_closes_by_itself_after_its_quiet_nights(home: Any, cast: SimpleNamespace) -> None:
    rule = save(cast, WATCH, clear_nights=2)
    send(cast.slipping, 0, 1, 2)
    (alert,) = hear(3)
    for days, state in ((0, "open"), (1, "open"), (2, "closed")):
        day = alert.seen_on + dt.timedelta(days=days)
        actions.evaluate(day, now=NOW + dt.timedelta(days=days + 1))
        alert.refresh_from_db()
        assert alert.state == state, days
    assert alert.outcome == "cleared" and WorkOrder.objects.get().state == "resolved"
    assert rule.clear_nights == 2


def test_a_storm_is_held_until_somebody_approves_it(rule: Rule, cast: SimpleNamespace) -> None:
    many = Account.objects.bulk_create(
        Account(external_id=f"S{n}", name=f"S{n}", created_at=NOW, known_at=NOW) for n in range(25)
    )
    for account in many:
        journal.write_system_events(
            [
                {
                    "name": "Export Failed", "account_id": account.pk, "occurred_at": NOW + n * MINUTE,
                    "known_at": NOW + n * MINUTE, "message_id": f"{account.pk}:{n}", "properties": {},
                }
                for n in range(3)
            ]
        )  # fmt: skip
    arrive()
    assert hear(3) == [] and hear(3) == []
    rule.refresh_from_db()
    assert rule.held["accounts"] == 25
    assert actions.approve_held(rule, by=cast.boss, now=NOW + 60 * MINUTE) == 25
    rule.refresh_from_db()
    assert rule.held == {} and Alert.objects.filter(state="open").count() == 25


@pytest.mark.parametrize(
    ("watch", "found"),
    [
        (Watch("", 3, 10), "needs the name of an event"),
        (Watch("x", 0, 10), "So often: found 0; allowed are 1 to 1000"),
        (Watch("x", 3, 1441), "Within minutes: found 1441; allowed are 1 to 1440"),
        (Watch("x", cool_down_hours=-1), "Rest in hours: found -1"),
        (Watch("x", property="code"), "give both or neither"),
    ],
)
def test_what_is_not_allowed_is_said(home: Any, cast: SimpleNamespace, watch: Watch, found: str) -> None:
    with translation.override("en"), pytest.raises(ValidationError, match=found):
        save(cast, watch)
    assert not Rule.objects.exists()


def test_the_trial_tells_on_which_days_it_would_have_fired(rule: Rule, cast: SimpleNamespace) -> None:
    install_scorecards(now=NOW)
    day = NOW.date()
    with store.session() as con:
        ensure_columns(con)
        con.execute(
            "INSERT INTO lake.snapshots BY NAME SELECT unnest(generate_series(?::DATE, ?::DATE, INTERVAL 1 DAY))::DATE AS day,"
            " ? AS account_id, '' AS tenant, now()::TIMESTAMP AS computed_at, false AS restated",
            [day - dt.timedelta(days=9), day + dt.timedelta(days=9), cast.slipping.pk],
        )
    hours = 24 * 60
    send(cast.slipping, 0, 1, 2, 3, hours, hours + 1, hours + 2, 6 * hours, 6 * hours + 1, 6 * hours + 2)
    send(cast.well, 0, 200, 400)
    found = trial(store.reading(), rule)
    assert found is not None and (found.opened, found.accounts) == (2, 1)
    assert [night.open for night in found.nights[9:17]] == [1, 1, 0, 0, 0, 0, 1, 0]


def test_a_contact_who_removes_us_in_wecom_opens_an_alert_within_seconds_once_it_is_switched_on(
    home: Any, cast: SimpleNamespace
) -> None:
    actions.install_shipped(now=NOW - MINUTE)
    send(cast.slipping, 1, name="wecom.removed", by="us")
    send(cast.well, 1, name="wecom.removed", by="customer")
    arrive()
    assert hear(2) == [], "it ships off"
    Rule.objects.filter(key="wecom_removed").update(is_on=True)
    (alert,) = hear(2)
    assert (alert.account, alert.rule.key) == (cast.well, "wecom_removed")
    assert words.reason(alert, "en").startswith("A contact removed one of us in WeCom (")
    assert "联系人在企业微信里删除了我们的成员" in words.reason(alert, "zh-hans")
