"""The dry run says what the engine itself does: the same story, once lived night by night and once held against the past."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from evergreen.alerts.models import Alert, Rule
from evergreen.base import clock
from evergreen.customers.actions import add_contract
from evergreen.customers.models import Account, FieldChange
from evergreen.events import store
from evergreen.metrics import actions as metrics
from evergreen.metrics.segments.actions import refresh_segments, save_segment
from evergreen.playbooks import actions
from evergreen.playbooks.models import Effect, Enrolment, Refusal
from evergreen.playbooks.trying import Trial, trial
from tests.playbooks.building import published, task, wait

ZONE = clock.zone("Asia/Shanghai")
FIRST = dt.date(2026, 11, 2)
NIGHTS = 14
CARE: dict[str, Any] = {
    "triggers": [
        {"kind": "lifecycle", "day": 3, "counts_from": "live_on"},
        {"kind": "lifecycle", "day": -1, "counts_from": "renewal_on"},
        {"kind": "segment", "segment": "paying"},
        {"kind": "schedule", "every": "week", "on": 4},
    ],
    "entry": "stage != churned",
    "reentry": "after_days",
    "reentry_days": 2,
    "goal": "mrr > 150",
}
STEPS = (
    task("call"),
    wait("rest", days=1, at="09:00"),
    {"key": "pays", "kind": "branch", "ways": [{"when": "mrr > 50", "to": "thank"}], "otherwise": "until"},
    task("thank", next="over"),
    {"key": "until", "kind": "wait_until", "condition": "mrr > 50", "timeout": {"days": 3}, "on_timeout": "ask", "next": "thank"},
    task("ask"),
)  # fmt: skip


def _morning(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(3), ZONE).astimezone(dt.UTC)


@pytest.fixture
def story(home: Any, cast: SimpleNamespace, now: dt.datetime) -> SimpleNamespace:
    """Contracts that begin and end on known days, an account that goes live, one that churns half way."""
    early = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
    Account.objects.update(known_at=early)
    Account.objects.filter(pk=cast.slipping.pk).update(live_on=FIRST + dt.timedelta(days=1))
    for account, start, end, mrr in (
        (cast.well, 2, 5, 100_00), (cast.well, 9, 14, 100_00), (cast.slipping, 7, 25, 200_00), (cast.gone, 2, 12, 100_00),
    ):  # fmt: skip
        add_contract(
            account, external_id=f"C-{account.pk}-{start}", currency="CNY", by=None, now=now, known_at=early,
            lines=[{
                "kind": "subscription", "start_on": dt.date(2026, 11, start), "end_on": dt.date(2026, 11, end),
                "mrr_cents": mrr, "amount_cents": mrr,
            }],
        )  # fmt: skip
    return cast


def _live(nights: int = NIGHTS) -> None:
    """The nights one after another, with a tick every six hours of the days after them until midnight."""
    for n in range(nights):
        day = FIRST + dt.timedelta(days=n)
        told = _morning(day + dt.timedelta(days=1))
        with store.session() as con:
            metrics.take_snapshot(con, day, now=told)
            metrics.write_newest(con, day)
            refresh_segments(con, day)
        for hours in range(0, 21, 6):
            actions.tick(now=told + dt.timedelta(hours=hours))


def _tried(key: str = "care") -> Trial:
    from evergreen.playbooks.book import Book
    from evergreen.playbooks.models import PlaybookVersion

    version = PlaybookVersion.objects.get(playbook__key=key, state="published")
    found = trial(store.reading(), key, Book(_morning(FIRST)).definition(version))
    assert found is not None
    return found


def _what_was_done(since: dt.datetime) -> set[tuple[int, str, dt.date]]:
    rows = Effect.objects.filter(at__gte=since).values_list("enrolment__account_id", "step", "at")
    return {(account, step, clock.local_day(at, ZONE)) for account, step, at in rows}


def _what_would_be(found: Trial) -> set[tuple[int, str, dt.date]]:
    return {
        (run.account, one.step, clock.local_day(one.at, ZONE))
        for run in found.runs
        for one in run.way
        if one.acts
    }


def test_the_dry_run_finds_what_the_engine_did(story: SimpleNamespace) -> None:
    save_segment("paying", name={"en": "Paying"}, condition="mrr > 50", by=None, now=_morning(FIRST))
    published(*STEPS, now=_morning(FIRST), **CARE)
    _live()
    found = _tried()
    # A dry run begins with the first night's end, the engine with its first tick after it: the same instant.
    assert _what_would_be(found) == _what_was_done(_morning(FIRST + dt.timedelta(days=1)))
    assert len(found.runs) == Enrolment.objects.count() >= 4
    assert {run.reason for run in found.runs if run.state != "waiting"} == set(
        Enrolment.objects.exclude(ended_at=None).values_list("reason", flat=True)
    )
    assert sum(found.refused.values()) == Refusal.objects.count()
    assert found.nights == NIGHTS and found.assumed == ("live_on", "stage")


def test_an_alert_lets_in_when_it_opened_and_takes_out_when_it_closed(story: SimpleNamespace) -> None:
    published(
        *STEPS,
        now=_morning(FIRST),
        triggers=[{"kind": "alert", "rules": "*"}],
        exits=[{"alert_closed": True}],
    )
    _live(4)
    rule = Rule.objects.create(
        key="watched",
        name={"en": "Watched"},
        severity=2,
        created_at=_morning(FIRST),
        changed_at=_morning(FIRST),
    )
    opened = _morning(FIRST + dt.timedelta(days=2))
    Alert.objects.create(
        rule=rule,
        account=story.well,
        opened_on=FIRST,
        seen_on=FIRST,
        priority=1,
        opened_at=opened,
        state="closed",
        closed_at=opened + dt.timedelta(hours=5),
    )
    (run,) = _tried().runs
    assert (run.account, run.entered_at, run.reason) == (story.well.pk, opened, "exit")
    assert run.ended_at == opened + dt.timedelta(hours=5)
    assert [one.step for one in run.way] == ["call"]


def test_a_stage_lets_in_when_it_changed_lost_accounts_too(story: SimpleNamespace) -> None:
    published(*STEPS, now=_morning(FIRST), triggers=[{"kind": "stage", "stages": ["adoption"]}])
    _live(5)
    at = _morning(FIRST + dt.timedelta(days=3))
    for account in (story.slipping, story.gone):
        FieldChange.objects.create(
            account=account, field="stage", old="onboarding", new="adoption", known_at=at
        )
    found = _tried()
    assert [(run.account, run.entered_at) for run in found.runs] == [
        (story.slipping.pk, at),
        (story.gone.pk, at),
    ]


def test_nothing_is_written_and_without_nights_there_is_no_answer(story: SimpleNamespace) -> None:
    from evergreen.playbooks.book import Book
    from evergreen.playbooks.models import PlaybookVersion

    playbook = published(*STEPS, now=_morning(FIRST), **{**CARE, "triggers": CARE["triggers"][:2]})
    version = PlaybookVersion.objects.get(playbook=playbook)
    of = Book(_morning(FIRST)).definition(version)
    assert trial(store.reading(), "care", of) is None
    with store.session() as con:
        for n in range(6):
            metrics.take_snapshot(con, FIRST + dt.timedelta(days=n), now=_morning(FIRST))
    assert _tried().runs
    assert not Enrolment.objects.exists() and not Refusal.objects.exists()
