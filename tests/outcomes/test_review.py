"""The service review counts what was done in a quarter, and proposes only what the figures say."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError

from evergreen.alerts.models import Alert, Rule
from evergreen.base.actions import change_setting
from evergreen.customers.models import Account
from evergreen.outcomes import review
from evergreen.outcomes.actions import decide_review
from evergreen.outcomes.models import ReviewDecision
from evergreen.playbooks import actions as playbooks
from evergreen.touches.models import Channel, Message, Receipt
from evergreen.work.actions import finish_tasks
from evergreen.work.models import Task
from tests.conftest import NOW, TODAY
from tests.playbooks.building import enter, published, task, wait
from tests.touches.conftest import mail_server_port, post

__all__ = ["mail_server_port", "post"]
DAY = dt.timedelta(days=1)
Q4, Q3 = "2026-Q4", "2026-Q3"


def found(quarter: str, kind: str) -> dict[str, review.Line]:
    return {one.key: one for one in review.lines(quarter) if one.kind == kind}


def accounts(count: int) -> list[Account]:
    return [
        Account.objects.create(external_id=f"R-{n}", name=f"R {n}", created_at=NOW, known_at=NOW)
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("key", "first", "last"), [("2026-Q4", (2026, 10, 1), (2026, 12, 31)), ("2024-Q1", (2024, 1, 1), (2024, 3, 31)), ("2026-Q2", (2026, 4, 1), (2026, 6, 30))]
)  # fmt: skip
def test_a_quarter_is_three_months(key: str, first: tuple[int, int, int], last: tuple[int, int, int]) -> None:
    assert review.quarter_days(key) == (dt.date(*first), dt.date(*last))
    for wrong in ("2026-Q5", "26-Q1", "2026", "", "2026-Q0", "2026-q1"):
        with pytest.raises(ValueError, match="is no quarter"):
            review.quarter_days(wrong)


@pytest.mark.usefixtures("cast")
def test_tasks_cost_minutes_and_a_goal_that_few_reach_is_to_be_changed() -> None:
    change_setting("task_minutes", 30, by=None, now=NOW)
    playbook = published(task("call"), wait("rest", days=9), goal="tier = strategic")
    many = accounts(12)
    enter(playbook, *many)
    playbooks.advance(now=NOW)
    finish_tasks(list(Task.objects.order_by("pk").values_list("pk", flat=True))[:4], by=None, now=NOW)
    Task.objects.filter(account__in=many[4:]).update(state=Task.State.DROPPED)
    line = found(Q4, review.PLAYBOOK)["care"]
    assert (line.volume, line.minutes, line.judged, line.proposal) == (12, 120, 0, "")
    step = found(Q4, review.STEP)["care:call"]
    assert (step.volume, step.minutes, step.good, step.judged, step.proposal) == (12, 120, 4, 12, "")
    playbooks.advance(now=NOW + 10 * DAY)
    line = found(Q4, review.PLAYBOOK)["care"]
    assert (line.good, line.judged, line.proposal, line.why) == (0, 12, "change", "goal")
    Task.objects.filter(account=many[0]).update(state=Task.State.DROPPED)
    step = found(Q4, review.STEP)["care:call"]
    assert (step.good, step.judged, step.proposal, step.why) == (3, 12, "change", "dropped")
    assert found(Q3, review.PLAYBOOK) == {} and found(Q3, review.STEP) == {}


@pytest.mark.usefixtures("cast")
def test_what_is_on_and_used_by_nobody_is_to_be_retired_once_it_had_a_whole_quarter() -> None:
    published(wait("rest", days=9), now=NOW)
    assert found(Q4, review.PLAYBOOK)["care"].proposal == ""
    line = found("2027-Q1", review.PLAYBOOK)["care"]
    assert (line.volume, line.proposal, line.why) == (0, "retire", "nobody")


def test_a_rule_whose_alerts_are_mostly_false_alarms_is_noise(cast: SimpleNamespace) -> None:
    rule = Rule.objects.create(key="loud", severity=2, created_at=NOW, changed_at=NOW)
    outcomes = (
        [Alert.Outcome.FALSE_ALARM] * 8
        + [Alert.Outcome.SAVED, Alert.Outcome.HANDLED]
        + [Alert.Outcome.CLEARED] * 5
    )
    for outcome in outcomes:
        Alert.objects.create(
            rule=rule,
            account=cast.well,
            state="closed",
            opened_on=TODAY,
            opened_at=NOW,
            seen_on=TODAY,
            closed_at=NOW,
            outcome=outcome,
        )
    line = found(Q4, review.RULE)["loud"]
    # Those that closed by themselves say nothing of use.
    assert (line.volume, line.good, line.judged, line.proposal, line.why) == (15, 2, 10, "retire", "noise")
    Alert.objects.filter(pk=Alert.objects.filter(outcome=Alert.Outcome.FALSE_ALARM).values("pk")[:1]).delete()
    assert found(Q4, review.RULE)["loud"].proposal == ""  # nine are too few


def test_a_channel_that_fails_often_and_a_text_that_makes_people_refuse_are_named(
    post: SimpleNamespace,
) -> None:
    playbook = published(
        {"key": "hello", "kind": "message", "template": "hello", "by": "mail"}, wait("rest", days=9)
    )
    many = accounts(12)
    for n, account in enumerate(many):
        post.contact(f"refused{n}" if n < 4 else f"p{n}", account=account)
    enter(playbook, *many)
    playbooks.advance(now=NOW)
    post.send()
    Channel.objects.update(created_at=NOW)
    line = found(Q4, review.CHANNEL)["mail"]
    assert (
        line.volume == Message.objects.exclude(state="held_back").count()
        and (line.judged - line.good) / line.judged > 0.2
    )
    assert (line.proposal, line.why) == ("change", "failed")
    Message.objects.filter(state="refused").update(state="accepted")
    Message.objects.filter(contact__name="p11").update(outcome=Receipt.Kind.UNSUBSCRIBED)
    step = found(Q4, review.STEP)["care:hello"]
    assert step.judged - step.good == 1 and (step.proposal, step.why) == ("retire", "refused")


@pytest.mark.usefixtures("cast")
def test_a_decision_is_kept_with_its_figures_and_the_newest_counts(cast: SimpleNamespace) -> None:
    line = review.Line(review.RULE, "loud", 15, 0, 2, 10, "retire", "noise")
    decide_review(line, Q4, "retire", " too many ", by=cast.boss, now=NOW)
    decide_review(line, Q4, "keep", "wait for the new threshold", by=cast.boss, now=NOW + DAY)
    kept = ReviewDecision.objects.get()
    assert (kept.decision, kept.note, kept.figures["good"], kept.by) == (
        "keep",
        "wait for the new threshold",
        2,
        cast.boss,
    )
    with pytest.raises(ValidationError):
        decide_review(line, Q4, "burn", "", by=cast.boss, now=NOW)


@pytest.mark.usefixtures("home")
def test_tasks_that_stand_for_alerts_are_the_work_of_alert_to_task(cast: SimpleNamespace) -> None:
    playbooks.install_shipped(now=NOW)
    rule = Rule.objects.create(key="loud", severity=2, created_at=NOW, changed_at=NOW)
    alert = Alert.objects.create(rule=rule, account=cast.well, opened_on=TODAY, opened_at=NOW, seen_on=TODAY)
    Task.objects.create(
        account=cast.well,
        title={"en": "x"},
        origin_kind="alert",
        origin_id=str(alert.pk),
        created_at=NOW,
        state=Task.State.DONE,
    )
    assert found(Q4, review.PLAYBOOK)["alert-task"].minutes == 20
    assert found(Q4, review.STEP)["alert-task:task"].good == 1
