"""Alerts open once, refresh, close by themselves, respect people's verdicts, and come back as events."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from evergreen.alerts import actions, queries, rules, words
from evergreen.alerts.models import Alert, Rule
from evergreen.customers.models import Account
from evergreen.health.actions import install_shipped
from evergreen.health.models import Scorecard, Standing
from evergreen.metrics.models import Newest
from evergreen.playbooks import actions as playbooks
from evergreen.work.models import Task
from tests.conftest import NOW, TODAY


@pytest.fixture(autouse=True)
def _installed(home: Any, cast: SimpleNamespace) -> None:
    install_shipped(now=NOW)
    actions.install_shipped(now=NOW)
    playbooks.install_shipped(now=NOW)


def _stand(
    account: Account, day: dt.date, score: float | None, *, change: float | None = None, **values: Any
) -> None:
    band = "insufficient_data" if score is None else "red" if score < 60 else "green"
    Standing.objects.update_or_create(
        account=account,
        scorecard=Scorecard.objects.get(key="standard"),
        defaults={
            "version": 1, "is_own": True, "day": day, "score": score, "band": band, "coverage": 1.0, "change_7d": change,
        },
    )  # fmt: skip
    Newest.objects.update_or_create(
        account=account,
        defaults={
            "day": day, "currency": "CNY", "mrr_cents": 1_000_000, "arr_base_cents": values.pop("arr", 12_000_000),
            "overdue_days": values.get("overdue_days", 0), "overdue_cents": values.get("overdue_cents", 0), "values": values,
        },
    )  # fmt: skip


def _open(account: Account) -> set[str]:
    return set(Alert.objects.filter(account=account, state="open").values_list("rule__key", flat=True))


def test_a_red_account_gets_one_alert_however_often_the_night_runs(cast: SimpleNamespace) -> None:
    _stand(cast.slipping, TODAY, 41.0)
    first = actions.evaluate(TODAY, now=NOW)
    second = actions.evaluate(TODAY, now=NOW)
    assert len(first.opened) == 1 and not second.opened and second.refreshed == 1
    assert _open(cast.slipping) == {"health_red"}


def _silent(cast: SimpleNamespace, days: int | None, *, known: int = 400, contract: int = 400) -> set[str]:
    """Rules open for the account by its last conversation; another account was talked to where there was any at all."""
    Account.objects.filter(pk=cast.slipping.pk).update(
        known_at=NOW - dt.timedelta(days=known), touch_model="high"
    )
    _stand(cast.slipping, TODAY, 90.0, days_since_conversation=days, contract_age_days=contract)
    _stand(cast.well, TODAY, 90.0, days_since_conversation=1)
    actions.evaluate(TODAY, now=NOW)
    return _open(cast.slipping)


def _talked(account: Account, days: int) -> None:
    Newest.objects.filter(account=account).update(last_conversation_on=TODAY - dt.timedelta(days=days))


def test_nobody_is_told_to_be_silent_while_no_conversation_was_ever_loaded(cast: SimpleNamespace) -> None:
    assert _silent(cast, None) == set()
    assert not Alert.objects.filter(rule__key="silence").exists()


@pytest.mark.parametrize(
    ("days", "known", "contract", "opens"),
    [
        (None, 400, 400, True),  # never talked to, an old customer
        (None, 3, 400, False),  # an old customer of whom we heard three days ago
        (None, 400, 3, False),  # a prospect for long, a customer for three days
        (400, 3, 400, True),  # the conversation of long ago was loaded
        (1, 400, 400, False),
    ],
)
def test_silence_counts_from_the_last_word_or_from_when_we_could_have_heard_one(
    cast: SimpleNamespace, days: int | None, known: int, contract: int, opens: bool
) -> None:
    _stand(cast.well, TODAY, 90.0, days_since_conversation=1)
    _talked(cast.well, 1)
    assert _silent(cast, days, known=known, contract=contract) == ({"silence"} if opens else set())


def test_two_open_alerts_of_one_rule_and_account_cannot_exist(cast: SimpleNamespace) -> None:
    _stand(cast.slipping, TODAY, 41.0)
    actions.evaluate(TODAY, now=NOW)
    alert = Alert.objects.get()
    alert.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        alert.save(force_insert=True)


def test_an_alert_clears_only_beyond_the_margin_and_its_task_goes_with_it(cast: SimpleNamespace) -> None:
    _stand(cast.slipping, TODAY, 41.0)
    actions.evaluate(TODAY, now=NOW)
    playbooks.enrol(now=NOW)
    playbooks.advance(now=NOW)
    task = Task.objects.get(account=cast.slipping)
    assert task.assignee == cast.owner and task.origin_kind == "alert"
    for days, score, still in ((1, 61.0, True), (2, 63.5, False)):
        day = TODAY + dt.timedelta(days=days)
        _stand(cast.slipping, day, score)
        actions.evaluate(day, now=NOW + dt.timedelta(days=days))
        assert bool(_open(cast.slipping)) is still
    playbooks.settle(now=NOW + dt.timedelta(days=2))
    task.refresh_from_db()
    assert task.state == Task.State.DROPPED
    assert Alert.objects.get().outcome == Alert.Outcome.CLEARED


def test_the_same_alert_enters_the_playbook_once(cast: SimpleNamespace) -> None:
    _stand(cast.slipping, TODAY, 41.0)
    actions.evaluate(TODAY, now=NOW)
    for _ in range(3):
        playbooks.enrol(now=NOW)
        playbooks.advance(now=NOW)
    assert Task.objects.filter(account=cast.slipping).count() == 1


def test_a_drop_counts_only_on_a_28_day_scorecard(cast: SimpleNamespace) -> None:
    _stand(cast.slipping, TODAY, 70.0, change=-12.0)
    _stand(cast.well, TODAY, 70.0, change=-12.0)
    starter = Scorecard.objects.get(key="starter")
    Standing.objects.filter(account=cast.well).update(scorecard=starter)
    actions.evaluate(TODAY, now=NOW)
    assert _open(cast.slipping) == {"health_drop"} and _open(cast.well) == set()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"working_days_inactive": 9}, set()),
        ({"working_days_inactive": 10, "last_active_on": "2026-11-06"}, {"no_activity"}),
        ({"days_to_renewal": 91}, set()),
        ({"days_to_renewal": 90, "renewal_on": "2027-02-18"}, {"renewal_due"}),
        ({"days_to_renewal": 0, "renewal_on": "2026-11-20"}, {"renewal_due"}),
        ({"overdue_days": 1, "overdue_cents": 500, "invoices_overdue": 1}, {"invoice_overdue"}),
    ],
)
def test_each_rule_holds_exactly_from_its_threshold_on(
    cast: SimpleNamespace, values: Any, expected: set[str]
) -> None:
    _stand(cast.slipping, TODAY, 90.0, **values)
    actions.evaluate(TODAY, now=NOW)
    assert _open(cast.slipping) == expected
    for alert in Alert.objects.all():
        for language in ("zh-hans", "en"):
            assert words.headline(alert, language) and words.reason(alert, language).endswith(("。", "."))


def test_a_churned_account_raises_nothing(cast: SimpleNamespace) -> None:
    _stand(cast.gone, TODAY, 5.0, overdue_days=50)
    actions.evaluate(TODAY, now=NOW)
    assert not Alert.objects.exists()


def test_a_persons_verdict_keeps_the_rule_quiet_for_two_weeks(cast: SimpleNamespace) -> None:
    _stand(cast.slipping, TODAY, 41.0)
    actions.evaluate(TODAY, now=NOW)
    actions.close_alert(Alert.objects.get(), "false_alarm", by=cast.owner, now=NOW)
    for days, expected in ((1, set()), (13, set()), (14, {"health_red"})):
        day = TODAY + dt.timedelta(days=days)
        _stand(cast.slipping, day, 41.0)
        actions.evaluate(day, now=NOW + dt.timedelta(days=days))
        assert _open(cast.slipping) == expected


def test_missing_data_neither_raises_nor_clears(cast: SimpleNamespace) -> None:
    _stand(cast.slipping, TODAY, 41.0)
    _stand(cast.well, TODAY, None)
    actions.evaluate(TODAY, now=NOW)
    tomorrow = TODAY + dt.timedelta(days=1)
    _stand(cast.slipping, tomorrow, None)
    actions.evaluate(tomorrow, now=NOW)
    assert _open(cast.slipping) == {"health_red"} and _open(cast.well) == set()


def test_priority_is_severity_times_arr(cast: SimpleNamespace) -> None:
    _stand(cast.slipping, TODAY, 41.0, arr=5_000_000)
    _stand(cast.well, TODAY, 41.0, arr=50_000_000)
    actions.evaluate(TODAY, now=NOW)
    listed = [alert.account for alert in queries.open_alerts(Account.objects.all())]
    assert listed == [cast.well, cast.slipping]
    assert rules.priority(3, 100) == 300 and rules.priority(2, None) == 2


def test_closing_says_which_outcomes_are_allowed(cast: SimpleNamespace) -> None:
    _stand(cast.slipping, TODAY, 41.0)
    actions.evaluate(TODAY, now=NOW)
    with pytest.raises(ValidationError, match="whatever"):
        actions.close_alert(Alert.objects.get(), "whatever", by=cast.owner, now=NOW)
    assert _open(cast.slipping)


def test_switching_a_rule_off_closes_its_alerts(cast: SimpleNamespace) -> None:
    _stand(cast.slipping, TODAY, 41.0)
    actions.evaluate(TODAY, now=NOW)
    rule = Rule.objects.get(key="health_red")
    actions.change_rule(rule, by=cast.boss, now=NOW, is_on=False, severity=3, params={"clear_margin": 3})
    actions.evaluate(TODAY, now=NOW)
    assert _open(cast.slipping) == set()


def test_opening_and_closing_come_back_as_events(
    home: Any, cast: SimpleNamespace, django_capture_on_commit_callbacks: Any
) -> None:
    from evergreen.events import mover, store

    _stand(cast.slipping, TODAY, 41.0)
    actions.evaluate(TODAY, now=NOW)
    with django_capture_on_commit_callbacks(execute=True):
        actions.close_alert(Alert.objects.get(), "saved", by=cast.owner, now=NOW)
    mover.move(now=NOW)
    rows = store.reading().execute("SELECT name, account_id FROM lake.events ORDER BY name").fetchall()
    names = ["alert.closed", "alert.opened", "work_order.closed", "work_order.opened"]
    assert rows == [(name, cast.slipping.pk) for name in names]


def test_what_a_killed_night_opened_and_closed_without_telling_is_told_by_the_next_run(
    home: Any, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evergreen.events import journal, mover, store

    def killed(events: Any) -> None:
        raise KeyboardInterrupt

    def told() -> list[tuple[Any, ...]]:
        mover.move(now=NOW)
        return store.reading().execute("SELECT name, account_id FROM lake.events ORDER BY ALL").fetchall()

    opened = ["alert.opened", "work_order.opened"]
    both = ["alert.closed", "alert.opened", "work_order.closed", "work_order.opened"]
    for days, score, wanted in ((0, 41.0, opened), (1, 90.0, both)):
        day = TODAY + dt.timedelta(days=days)
        _stand(cast.slipping, day, score)
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(journal, "write_system_events", killed)
            actions.evaluate(day, now=NOW + dt.timedelta(days=days))
        again = actions.evaluate(day, now=NOW + dt.timedelta(days=days, minutes=5))
        assert not again.opened and not again.closed
        assert told() == [(name, cast.slipping.pk) for name in wanted]
        actions.evaluate(day, now=NOW + dt.timedelta(days=days, minutes=9))
        assert told() == [(name, cast.slipping.pk) for name in wanted]
