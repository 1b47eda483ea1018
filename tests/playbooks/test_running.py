"""Runs wait, branch, split, leave and end as their version says, once, also after a standstill."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.alerts.actions import close_alert, install_shipped
from evergreen.alerts.models import Alert, Rule
from evergreen.base.actions import change_setting
from evergreen.base.calendar_days import Day, load_calendar
from evergreen.customers.actions import update_account
from evergreen.customers.models import Account
from evergreen.desk.models import Ticket
from evergreen.metrics.models import Newest, Segment, SegmentMove
from evergreen.playbooks import actions, rules
from evergreen.playbooks.models import Effect, Enrolment, Refusal, Untold
from evergreen.work.models import Task
from tests.conftest import NOW, TODAY
from tests.playbooks.building import enter, published, run_of, task, tick, wait, way
from tests.playbooks.speaking import hello, spoken

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
WAITING, DONE, LEFT, STUCK = Enrolment.State.values


@pytest.fixture(autouse=True)
def _here(home: Any, cast: SimpleNamespace) -> None:
    install_shipped(now=NOW)


def test_a_wait_wakes_at_its_hour_and_its_local_rule_stands_beside_it(cast: SimpleNamespace) -> None:
    enter(published(wait("pause", days=2, at="09:00"), task("call")), cast.well)
    tick([NOW])
    run = run_of(cast.well)
    assert (run.state, run.step, run.reason) == (WAITING, "pause", "wait")
    assert run.wake_at == dt.datetime(2026, 11, 22, 1, 0, tzinfo=dt.UTC)
    assert run.rule == {"since": NOW.isoformat()}
    tick([run.wake_at - dt.timedelta(seconds=1)])
    assert not Task.objects.exists()
    tick([run.wake_at, run.wake_at, run.wake_at + HOUR])
    assert Task.objects.count() == 1 and run_of(cast.well).state == DONE
    assert way(run_of(cast.well)) == [("pause", "waited"), ("call", "done"), ("over", "end")]


def test_a_condition_that_comes_true_lets_on_at_once_and_one_that_does_not_is_timed_out(
    cast: SimpleNamespace,
) -> None:
    hold = {
        "key": "hold",
        "kind": "wait_until",
        "condition": "tier = strategic",
        "timeout": {"days": 5},
        "on_timeout": "late",
    }
    enter(published(hold, task("good", next="over"), task("late")), cast.well, cast.slipping)
    tick([NOW])
    update_account(cast.well, {"tier": "strategic"}, by=None, now=NOW)
    tick([NOW + HOUR])
    assert way(run_of(cast.well))[0] == ("hold", "met") and run_of(cast.slipping).state == WAITING
    tick([NOW + 5 * DAY])
    assert way(run_of(cast.slipping))[:2] == [("hold", "timed out"), ("late", "done")]
    assert sorted(Task.objects.values_list("title__en", flat=True)) == ["good", "late"]


@pytest.mark.parametrize(
    ("occurred", "heard", "result"),
    [
        (-HOUR, HOUR, "timed out"),  # before the step was reached
        (dt.timedelta(), HOUR, "met"),  # at that very moment
        (HOUR, 2 * HOUR, "met"),
        (HOUR, DAY - HOUR, "met"),  # arrives late with an earlier time
        (DAY, DAY, "met"),  # at the moment at which it times out
        (DAY + HOUR, DAY + HOUR, "timed out"),
    ],
)
def test_an_event_counts_when_it_happened_while_the_step_waited(
    cast: SimpleNamespace, occurred: dt.timedelta, heard: dt.timedelta, result: str
) -> None:
    hold = {"key": "hold", "kind": "wait_until", "event": "quote.created", "timeout": {"hours": 24}}
    enter(published(hold), cast.well)
    tick([NOW])
    happened = actions.Happened(cast.well.pk, "quote.created", "m-1", NOW + occurred)
    assert [actions.hear([happened, happened], now=NOW + heard) for _ in range(2)] == [1, 0]
    tick([NOW + heard, NOW + DAY + 2 * HOUR])
    assert way(run_of(cast.well))[0] == ("hold", result)


def test_a_branch_reads_what_a_step_before_it_set(cast: SimpleNamespace) -> None:
    steps: list[dict[str, Any]] = [
        {"key": "mark", "kind": "set_field", "field": "tier", "value": "strategic"},
        {
            "key": "ask",
            "kind": "branch",
            "ways": [{"when": "tier = strategic", "to": "open"}],
            "otherwise": "over",
        },
        {"key": "open", "kind": "ticket", "subject": "Look together"},
    ]
    enter(published(*steps), cast.slipping)
    tick([NOW])
    cast.slipping.refresh_from_db()
    assert cast.slipping.tier == "strategic" and Ticket.objects.get().subject == "Look together"
    assert way(run_of(cast.slipping))[1] == ("ask", "to open")


def test_a_split_is_by_account_for_ever_and_near_its_shares() -> None:
    arms = ((30, "a"), (50, "b"), (20, "c"))
    drawn = [rules.arm_for("care", "arm", str(pk), arms) for pk in range(20_000)]
    assert drawn == [rules.arm_for("care", "arm", str(pk), arms) for pk in range(20_000)]
    assert all(abs(Counter(drawn)[to] - share * 200) < 250 for share, to in arms)
    other = [rules.arm_for("care", "other", str(pk), arms) for pk in range(20_000)]
    both = sum(one == two == "a" for one, two in zip(drawn, other, strict=True))
    assert abs(both - 0.09 * 20_000) < 150  # independent of the other step


def test_an_exit_rule_and_a_goal_end_a_run_that_waits(cast: SimpleNamespace) -> None:
    playbook = published(
        wait("pause", days=30), task("call"), exits=[{"when": "stage = churned"}], goal="tier = strategic"
    )
    enter(playbook, cast.well, cast.slipping)
    tick([NOW])
    update_account(cast.well, {"tier": "strategic"}, by=None, now=NOW)
    update_account(cast.slipping, {"stage": "churned"}, by=None, now=NOW)
    actions.tick(now=NOW + HOUR)
    assert [(r.state, r.reason) for r in map(run_of, (cast.well, cast.slipping))] == [
        (DONE, "goal"),
        (LEFT, "exit"),
    ]
    tick([NOW + 31 * DAY])
    assert not Task.objects.exists() and not Untold.objects.exists()


def test_a_run_of_an_alert_ends_when_the_alert_is_closed(cast: SimpleNamespace) -> None:
    alert = Alert.objects.create(
        rule=Rule.objects.get(key="no_activity"),
        account=cast.well,
        opened_on=TODAY,
        opened_at=NOW,
        seen_on=TODAY,
    )
    published(wait("pause", days=3), task("call"), triggers=[{"kind": "alert", "rules": "*"}], per="occasion",
              exits=[{"alert_closed": True}])  # fmt: skip
    tick([NOW])
    close_alert(alert, "handled", by=cast.boss, now=NOW)
    tick([NOW + HOUR])
    assert (run_of(cast.well).state, run_of(cast.well).reason) == (LEFT, "exit")


def test_after_a_standstill_a_late_message_is_skipped_with_that_reason_and_a_late_task_is_made(
    cast: SimpleNamespace,
) -> None:
    with hello():
        playbook = published(wait("pause", days=1), {"key": "hi", "kind": "hello"}, task("call"))
        enter(playbook, cast.well, cast.slipping)
        tick([NOW])
        Enrolment.objects.filter(account=cast.slipping).update(wake_at=NOW + 10 * DAY)
        tick([NOW + 10 * DAY])
        assert way(run_of(cast.well))[1:3] == [("hi", "late"), ("call", "done")]
        assert way(run_of(cast.slipping))[1:3] == [("hi", "done"), ("call", "done")]
        assert spoken() == [(cast.slipping.pk, "hi")]


def test_a_message_keeps_quiet_hours_over_midnight_and_comes_once_after_them(cast: SimpleNamespace) -> None:
    with hello():
        playbook = published({"key": "hi", "kind": "hello"}, quiet_from="21:00", quiet_to="08:00")
        night = dt.datetime(2026, 11, 20, 15, 30, tzinfo=dt.UTC)  # 23:30 in Shanghai
        enter(playbook, cast.well, now=night)
        tick([night, night + HOUR])
        run = run_of(cast.well)
        assert (run.step, run.reason, run.wake_at) == (
            "hi",
            "quiet",
            dt.datetime(2026, 11, 21, 0, 0, tzinfo=dt.UTC),
        )
        assert spoken() == []
        morning = dt.datetime(2026, 11, 21, 0, 0, tzinfo=dt.UTC)
        tick([morning, morning + HOUR])
        assert spoken() == [(cast.well.pk, "hi")]


def test_what_is_due_longest_comes_first_at_the_set_rate(cast: SimpleNamespace) -> None:
    playbook = published(task("call"))
    many = Account.objects.bulk_create(
        Account(external_id=f"A-{n}", name=f"Account {n}", created_at=NOW, known_at=NOW) for n in range(30)
    )
    for n, account in enumerate(many):
        enter(playbook, account, now=NOW - n * HOUR)
    assert actions.advance(now=NOW, most=12) == 12
    made = set(Task.objects.values_list("account__external_id", flat=True))
    assert made == {f"A-{n}" for n in range(18, 30)}
    assert actions.advance(now=NOW) == 18


def test_waits_follow_the_calendar_when_a_year_is_published(cast: SimpleNamespace) -> None:
    start = dt.datetime(2026, 12, 31, 2, 0, tzinfo=dt.UTC)  # a Thursday; nobody has published 2027
    enter(published(wait("pause", working_days=1, at="09:00"), task("call")), cast.well, now=start)
    tick([start])
    run = run_of(cast.well)
    assert run.wake_at == dt.datetime(2027, 1, 1, 1, 0, tzinfo=dt.UTC) and run.rule["guessed_years"] == [2027]
    load_calendar(
        [Day(dt.date(2027, 1, 1), False), Day(dt.date(2027, 1, 2), True)], "notice", by=None, now=start
    )
    tick([start + HOUR])
    run = run_of(cast.well)
    assert run.wake_at == dt.datetime(2027, 1, 2, 1, 0, tzinfo=dt.UTC) and "guessed_years" not in run.rule
    tick([run.wake_at, run.wake_at + DAY])
    assert Task.objects.count() == 1


def test_waits_follow_the_zone_when_it_is_changed_while_they_wait(cast: SimpleNamespace) -> None:
    enter(published(wait("pause", days=2, at="09:00")), cast.well)
    tick([NOW])
    change_setting("timezone", "Europe/Berlin", by=None, now=NOW)
    tick([NOW + HOUR])
    assert run_of(cast.well).wake_at == dt.datetime(2026, 11, 22, 8, 0, tzinfo=dt.UTC)


def test_working_hours_are_waited_for(cast: SimpleNamespace) -> None:
    saturday = dt.datetime(2026, 11, 21, 4, 0, tzinfo=dt.UTC)
    enter(published({"key": "hours", "kind": "working_hours"}, task("call")), cast.well, now=saturday)
    tick([saturday])
    assert run_of(cast.well).wake_at == dt.datetime(2026, 11, 23, 1, 0, tzinfo=dt.UTC)


def test_every_trigger_lets_in_once_an_occasion(cast: SimpleNamespace) -> None:
    yesterday = NOW - DAY
    Account.objects.filter(pk=cast.well.pk).update(
        live_on=TODAY - 30 * DAY, stage="adoption", stage_since=TODAY
    )
    Newest.objects.create(account=cast.slipping, day=TODAY, renewal_on=TODAY + 90 * DAY)
    segment = Segment.objects.create(key="care", name={"en": "Care"}, created_at=NOW, changed_at=NOW)
    cast.slipping.segments.create(segment="care", since=TODAY)
    SegmentMove.objects.create(
        segment=segment, account=cast.slipping, day=TODAY, has_entered=True, since=TODAY, cause="data"
    )
    triggers = {
        "day30": {"kind": "lifecycle", "day": 30, "counts_from": "live_on"},
        "renewal": {"kind": "lifecycle", "day": -90, "counts_from": "renewal_on"},
        "stage": {"kind": "stage", "stages": ["adoption"]},
        "segment": {"kind": "segment", "segment": "care"},
        "event": {"kind": "event", "event": "trial.asked"},
        "form": {"kind": "form", "form": "nps"},
        "weekly": {"kind": "schedule", "every": "week", "on": 5},
    }
    for key, trigger in triggers.items():
        published(wait("pause", days=900), key=key, now=yesterday, triggers=[trigger])
    actions.enrol(now=yesterday)  # what was heard before this starts nothing
    actions.hear(
        [
            actions.Happened(cast.well.pk, "trial.asked", "m-1", NOW),
            actions.Happened(cast.slipping.pk, "survey.answered:nps", "m-2", NOW),
        ],
        now=NOW,
    )
    counts = [actions.enrol(now=NOW + n * HOUR) for n in range(3)]
    assert counts == [8, 0, 0]
    inside = Enrolment.objects.values_list("playbook__key", "account")
    assert set(inside) == {
        ("day30", cast.well.pk), ("renewal", cast.slipping.pk), ("stage", cast.well.pk), ("segment", cast.slipping.pk),
        ("event", cast.well.pk), ("form", cast.slipping.pk), ("weekly", cast.well.pk), ("weekly", cast.slipping.pk),
    }  # fmt: skip


def test_whom_an_entry_condition_keeps_out_is_written_down_and_not_asked_again(cast: SimpleNamespace) -> None:
    Account.objects.update(live_on=TODAY - 30 * DAY)
    published(wait("pause", days=9), entry="stage = steady", now=NOW - DAY,
              triggers=[{"kind": "lifecycle", "day": 30, "counts_from": "live_on"}])  # fmt: skip
    assert actions.enrol(now=NOW) == 1
    assert list(Refusal.objects.values_list("account", "reason")) == [(cast.slipping.pk, "condition")]
    update_account(cast.slipping, {"stage": "steady"}, by=None, now=NOW)
    assert actions.enrol(now=NOW + HOUR) == 0


def test_people_stop_skip_retry_and_move_runs_and_a_worker_that_held_them_writes_nothing(
    cast: SimpleNamespace,
) -> None:
    playbook = published(wait("pause", days=9), task("call"), wait("rest", days=9), task("again"))
    enter(playbook, cast.well, cast.slipping, cast.gone)
    tick([NOW])
    well, slipping, gone = (run_of(one).pk for one in (cast.well, cast.slipping, cast.gone))
    assert (
        actions.stop([gone], by=cast.boss, now=NOW) == 1 and actions.stop([gone], by=cast.boss, now=NOW) == 0
    )
    assert actions.skip([well], by=cast.boss, now=NOW) == 1
    assert actions.move([slipping], "again", by=cast.boss, now=NOW) == 1
    with pytest.raises(rules.PlaybookError, match="nowhere"):
        actions.move([slipping, well], "nowhere", by=cast.boss, now=NOW)
    tick([NOW])
    assert way(run_of(cast.well)) == [("pause", "skipped"), ("call", "done")]
    assert way(run_of(cast.slipping))[:2] == [("pause", "moved"), ("again", "done")]
    assert (run_of(cast.gone).state, run_of(cast.gone).reason) == (LEFT, "stopped")
    assert actions.move([well], "call", by=cast.boss, now=NOW) == 1
    tick([NOW])
    assert Effect.objects.filter(enrolment=well, step="call").count() == 2  # a new visit on purpose


def test_a_run_that_needs_attention_goes_on_when_what_failed_is_put_right(cast: SimpleNamespace) -> None:
    with hello(fails={cast.well.pk}):
        enter(published({"key": "hi", "kind": "hello"}, task("call")), cast.well, cast.slipping)
        tick([NOW])
        assert run_of(cast.well).state == STUCK and "no address" in run_of(cast.well).note
        assert run_of(cast.slipping).state == DONE
    with hello():
        assert (
            actions.retry([run_of(cast.well).pk, run_of(cast.slipping).pk], by=cast.boss, now=NOW + HOUR) == 1
        )
        tick([NOW + HOUR])
        assert run_of(cast.well).state == DONE and spoken() == [
            (cast.slipping.pk, "hi"),
            (cast.well.pk, "hi"),
        ]


def test_runs_come_to_a_new_version_on_purpose_only_with_none_lost(cast: SimpleNamespace) -> None:
    playbook = published(wait("pause", days=9), task("call"))
    enter(playbook, cast.well, cast.slipping)
    tick([NOW])
    actions.skip([run_of(cast.slipping).pk], by=None, now=NOW)
    published(wait("longer", days=20), task("visit"))
    to = playbook.versions.get(number=2)
    live = Enrolment.objects.filter(ended_at=None)
    assert actions.moving(live, to) == ({}, Counter(pause=1, call=1))
    with pytest.raises(rules.PlaybookError, match="call, pause"):
        actions.change_version(live, to, by=cast.boss, now=NOW)
    where = {"pause": "longer", "call": "visit"}
    assert actions.change_version(live, to, where=where, by=cast.boss, now=NOW) == 2
    tick([NOW, NOW + 20 * DAY])
    assert Counter(Task.objects.values_list("title__en", flat=True)) == {"visit": 2}
    assert set(Enrolment.objects.values_list("state", "version")) == {(DONE, to.pk)}
