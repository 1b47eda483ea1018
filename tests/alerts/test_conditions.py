"""Rules of conditions: made, held against nights, held back in a storm, tried on the past."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from evergreen.alerts import actions, words
from evergreen.alerts.actions import raising
from evergreen.alerts.models import Alert, Rule
from evergreen.alerts.trying import trial
from evergreen.base.conditions import ConditionError
from evergreen.base.models import AuditEntry
from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.metrics import actions as metrics
from evergreen.metrics.models import Use
from evergreen.playbooks.actions import install_shipped as install_playbooks
from evergreen.playbooks.actions import make_task

pytestmark = pytest.mark.django_db

DAY = dt.date(2026, 11, 2)
CONDITION = "stage = steady or industry = 财税"


@pytest.fixture(autouse=True)
def _known_for_long(home: Any, cast: SimpleNamespace) -> Any:
    Account.objects.update(known_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    with translation.override("en"):
        yield


def saved(now: dt.datetime, condition: str = CONDITION, **changes: Any) -> Rule:
    given = {"name": {"en": "Watched"}, "is_on": True, **changes}
    return actions.save_rule("watched", condition=condition, by=None, now=now, **given)


def night(day: dt.date, now: dt.datetime) -> raising.Evaluated:
    with store.session() as con:
        metrics.take_snapshot(con, day, now=now)
        metrics.write_newest(con, day)
        return actions.evaluate(day, now=now, con=con)


def open_accounts() -> set[str]:
    rows = Alert.objects.filter(rule__key="watched", state=Alert.State.OPEN)
    return set(rows.values_list("account__external_id", flat=True))


@pytest.mark.postgres
def test_a_condition_raises_an_alert_for_each_account_and_says_the_values(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    saved(now)
    assert len(night(DAY, now).opened) == 2
    assert open_accounts() == {"A-well", "A-slipping"}
    assert not night(DAY, now).opened, "the same night again opens nothing"
    alert = Alert.objects.get(account=cast.well, rule__key="watched")
    assert words.headline(alert, "en") == "Watched"
    assert words.reason(alert, "en") == "Industry none, Stage Steady." or "Stage Steady" in words.reason(
        alert, "en"
    )
    assert "阶段" in words.reason(alert, "zh-hans")


def test_it_closes_when_the_condition_was_gone_for_its_nights_and_comes_back_before_that(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    saved(now, "stage = steady", clear_nights=3)
    held = {}
    for n, stage in enumerate(("steady", "renewal", "steady", "renewal", "renewal", "renewal", "renewal")):
        Account.objects.filter(pk=cast.well.pk).update(stage=stage)
        night(DAY + dt.timedelta(days=n), now + dt.timedelta(days=n))
        held[n] = "A-well" in open_accounts()
    assert [held[n] for n in range(7)] == [True, True, True, True, True, False, False]
    alert = Alert.objects.get(account=cast.well, rule__key="watched")
    assert (alert.outcome, alert.seen_on) == (Alert.Outcome.CLEARED, DAY + dt.timedelta(days=2))


def test_a_rule_that_is_off_or_put_away_closes_its_alerts_and_raises_none(
    cast: SimpleNamespace, now: dt.datetime
) -> None:
    rule = saved(now)
    night(DAY, now)
    actions.archive_rule(rule, by=None, now=now)
    night(DAY + dt.timedelta(days=1), now)
    assert open_accounts() == set()
    assert not Use.objects.filter(kind="alert_rule", ref="watched").exists()
    assert saved(now).is_archived is False, "saving it again brings it back"


def test_a_condition_that_cannot_be_read_any_more_leaves_its_alerts_as_they_are(now: dt.datetime) -> None:
    saved(now)
    night(DAY, now)
    Rule.objects.filter(key="watched").update(condition={"field": "gone_field", "op": "is", "values": ["1"]})
    found = night(DAY + dt.timedelta(days=1), now)
    assert "watched" in found.broken
    assert open_accounts() == {"A-well", "A-slipping"}


@pytest.mark.postgres
def test_a_storm_is_held_until_somebody_approves_it(
    cast: SimpleNamespace, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raising, "STORM_LEAST", 1)
    Account.objects.exclude(pk=cast.gone.pk).update(stage="renewal")
    rule = saved(now, "stage = steady")
    assert not night(DAY, now).opened
    Account.objects.exclude(pk=cast.gone.pk).update(stage="steady")
    assert not night(DAY + dt.timedelta(days=1), now).opened
    rule.refresh_from_db()
    assert (rule.held["accounts"], rule.held["day"]) == (2, "2026-11-03")
    assert actions.approve_held(rule, by=cast.boss, now=now) == 2
    assert open_accounts() == {"A-well", "A-slipping"}
    rule.refresh_from_db()
    assert rule.held == {}
    assert AuditEntry.objects.filter(verb="rule.approved", by=cast.boss).count() == 1
    Account.objects.filter(pk=cast.well.pk).update(open_alerts=0)
    assert actions.approve_held(rule, by=cast.boss, now=now) == 0


def test_the_first_night_of_a_rule_holds_nothing_back(
    cast: SimpleNamespace, now: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raising, "STORM_LEAST", 1)
    saved(now)
    assert len(night(DAY, now).opened) == 2, "its trial said how many there would be"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": {}}, "needs a name"),
        ({"severity": 4}, "allowed are 1 to 3"),
        ({"clear_nights": 0}, "allowed are 1 to 30"),
        ({"most_share": 1.5}, "up to 100%"),
    ],
)
def test_what_a_rule_may_not_be_is_said(now: dt.datetime, changes: Any, error: str) -> None:
    with pytest.raises(ValidationError, match=error):
        saved(now, **changes)
    assert not Rule.objects.exists()


@pytest.mark.parametrize("condition", ["", "no_such_field = 1", "stage > 3"])
def test_a_condition_that_asks_nothing_or_what_is_not_there_is_refused(
    now: dt.datetime, condition: str
) -> None:
    with pytest.raises(ConditionError):
        saved(now, condition)


def test_a_key_of_a_detector_is_taken(now: dt.datetime) -> None:
    with pytest.raises(ValidationError, match="health_red"):
        actions.save_rule("health_red", name={"en": "x"}, condition=CONDITION, by=None, now=now)


def test_every_shipped_condition_can_be_asked_and_is_off(now: dt.datetime) -> None:
    actions.install_shipped(now=now)
    rules = Rule.objects.filter(kind=Rule.Kind.CONDITION)
    assert rules.count() >= 8 and not rules.filter(is_on=True).exists()
    rules.update(is_on=True)
    assert night(DAY, now).broken == {}
    assert actions.install_shipped(now=now) == 0


@pytest.mark.parametrize("clear_nights", [1, 3])
def test_a_trial_opens_and_closes_as_the_nights_themselves_did(
    cast: SimpleNamespace, now: dt.datetime, clear_nights: int
) -> None:
    """Against the real thing: contracts that begin and end on known days, which the snapshots tell."""
    from evergreen.customers.actions import add_contract

    # A term of some days, then a gap, then another: the figure is there, gone, and there again.
    for start, end in ((2, 5), (7, 9), (12, 20)):
        add_contract(
            cast.well,
            external_id=f"C-{start}",
            currency="CNY",
            lines=[
                {
                    "kind": "subscription", "start_on": dt.date(2026, 11, start), "end_on": dt.date(2026, 11, end),
                    "mrr_cents": 100_00, "amount_cents": 100_00,
                }
            ],
            known_at=dt.datetime(2026, 10, 1, tzinfo=dt.UTC),
            by=None,
            now=now,
        )  # fmt: skip
    rule = saved(now, "mrr > 50", clear_nights=clear_nights)
    for n in range(12):
        night(DAY + dt.timedelta(days=n), now + dt.timedelta(days=n))
    real = Alert.objects.filter(rule=rule, account=cast.well)
    found = trial(store.reading(), rule, days=12)
    assert found is not None
    assert found.opened == Alert.objects.filter(rule=rule).count()
    assert set(found.open_now) == set(
        Alert.objects.filter(rule=rule, state=Alert.State.OPEN).values_list("account_id", flat=True)
    )
    opened = {one: sum(night_.opened for night_ in found.nights if night_.day == one) for one in (DAY,)}
    assert opened[DAY] == Alert.objects.filter(rule=rule, opened_on=DAY).count()
    assert real.count() == {1: 3, 3: 2}[clear_nights]


def test_its_task_names_the_rule(cast: SimpleNamespace, now: dt.datetime) -> None:
    install_playbooks(now=now)
    saved(now)
    night(DAY, now)
    alert = Alert.objects.get(account=cast.well, rule__key="watched")
    task = make_task(alert, cast.owner, by=cast.owner, now=now)
    assert task.title["en"] == "Look at the alert: Watched"
    assert task.reason["en"] == words.reason(alert, "en")
