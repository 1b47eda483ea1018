"""What saving a scorecard would change, told before it is saved: the next night does the same."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evergreen.alerts import actions as alerts
from evergreen.alerts.models import Alert
from evergreen.base import queries as base
from evergreen.base.env import Home
from evergreen.customers.figures import SegmentMember
from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.flow import lists
from evergreen.health import actions, definitions
from evergreen.health.models import Scorecard, Standing
from evergreen.health.shipped import STANDARD
from evergreen.metrics.actions import write_newest
from evergreen.metrics.models import Segment
from evergreen.outcomes.what_if import Effect, what_if
from evergreen.playbooks import actions as playbooks
from evergreen.playbooks.models import Enrolment
from tests.health.backtest.past import put

STRICTER = {**STANDARD, "bands": {"green": 90, "yellow": 75}}


@pytest.fixture
def book(cast: SimpleNamespace, home: Home, now: dt.datetime) -> SimpleNamespace:
    """Thirty accounts of which the night knows today and a week ago."""
    actions.install_shipped(now=now)
    alerts.install_shipped(now=now)
    playbooks.install_shipped(now=now)
    chance = np.random.default_rng(3)
    accounts = [
        Account.objects.create(
            external_id=f"W{n}", name=f"W {n}", created_at=now, known_at=now - dt.timedelta(days=400)
        )
        for n in range(30)
    ]
    day = base.vendor_day(now)
    for ago in (7, 0):
        put(
            [
                {
                    "day": day - dt.timedelta(days=ago),
                    "account_id": account.pk,
                    "use_frequency": float(chance.uniform(0.2, 0.7)),
                    "core_depth": float(chance.uniform(4, 12)),
                    "overdue_days": 0.0,
                    "ticket_load": float(chance.uniform(0, 40)) if account.pk % 4 else None,
                }
                for account in accounts
            ]
        )
    cast.day, cast.accounts = day, accounts
    alerts.save_rule(
        "weak",
        name={"en": "Weak"},
        condition="health_band = red",
        is_on=True,
        by=None,
        now=now,
    )
    alerts.save_rule(
        "other", name={"en": "Other"}, condition="use_frequency < 40%", is_on=True, by=None, now=now
    )
    night(day, now)
    return cast


def night(day: dt.date, now: dt.datetime) -> alerts.Evaluated:
    with store.session() as con:
        for ago in (7, 0):
            actions.score_day(con, day - dt.timedelta(days=ago))
        write_newest(con, day)
        actions.write_standings(con, day)
    lists.refresh_lists()
    raised = alerts.evaluate(day, now=now)
    playbooks.enrol(now=now)
    return raised


def effect(definition: Any, **more: Any) -> Effect:
    found = what_if(definitions.card_from(definition), **more)
    assert found is not None
    return found


def bands() -> dict[int, str]:
    return dict(Standing.objects.filter(is_own=True).values_list("account_id", "band"))


@pytest.mark.postgres
def test_what_is_told_is_what_the_next_night_does(book: SimpleNamespace, now: dt.datetime) -> None:
    card = Scorecard.objects.get(key="standard")
    before, open_before = bands(), Alert.objects.filter(state=Alert.State.OPEN).count()
    entered_before = Enrolment.objects.count()
    told = effect(STRICTER, saved=card)
    assert told.moved > 5 and not told.is_supposed and told.accounts == 32
    assert sum(told.before.values()) == sum(told.after.values()) == 32
    assert bands() == before and Alert.objects.filter(state=Alert.State.OPEN).count() == open_before
    actions.save_card(
        "standard", name={"en": "Standard"}, definition=STRICTER, effective_on=book.day, by=None, now=now
    )
    # Both days anew by the new version, as the preview compares them.
    type(card).objects.get(pk=card.pk).versions.update(effective_on=dt.date(2000, 1, 1))
    raised = night(book.day, now)
    after = bands()
    moved = {key for key in before if before[key] != after[key]}
    assert moved == {one.account for one in told.movers}
    assert all(
        after[one.account] == one.after.band and before[one.account] == one.before.band for one in told.movers
    )
    opened = {one.rule.key: one.opens for one in told.alerts if one.opens}
    assert "other" not in opened, "it asks nothing of the health"
    assert opened["weak"] > 0
    counted: dict[str, int] = {}
    for alert in raised.opened:
        counted[alert.rule.key] = counted.get(alert.rule.key, 0) + 1
    assert counted == opened and sum(opened.values()) > 0
    assert len(raised.closed) == sum(one.closes for one in told.alerts)
    started = {playbook.key: n for playbook, n in told.playbooks}
    assert sum(started.values()) == Enrolment.objects.count() - entered_before


def test_the_same_card_changes_nothing(book: SimpleNamespace) -> None:
    told = effect(STANDARD, saved=Scorecard.objects.get(key="standard"))
    assert (told.moved, told.alerts, told.playbooks) == (0, (), ())
    assert told.before == told.after


def test_a_new_card_is_told_for_its_segment_and_else_as_if_it_showed_all(
    book: SimpleNamespace, now: dt.datetime
) -> None:
    Segment.objects.create(key="some", name={"en": "Some"}, created_at=now, changed_at=now)
    SegmentMember.objects.bulk_create(
        [SegmentMember(segment="some", account=one, since=book.day) for one in book.accounts[:4]]
    )
    told = effect(STRICTER, segment="some")
    assert told.accounts == 4 and not told.is_supposed
    assert effect(STRICTER).is_supposed
    other, _version = actions.save_card(
        "first",
        name={"en": "First"},
        definition=STANDARD,
        effective_on=book.day,
        segment="some",
        by=None,
        now=now,
    )
    assert effect(STRICTER, segment="some").is_supposed
    assert effect(STRICTER, saved=other, segment="some").accounts == 4


def test_a_persons_verdict_stands_whatever_the_card_says(book: SimpleNamespace, now: dt.datetime) -> None:
    account = next(one for one in book.accounts if bands()[one.pk] != "red")
    actions.override(account, 10, reason="They told us", expires_on=book.day, by=book.owner, now=now)
    night(book.day, now)
    told = effect(STRICTER, saved=Scorecard.objects.get(key="standard"))
    assert account.pk not in {one.account for one in told.movers}


def test_before_the_first_night_there_is_nothing_to_tell(db: None, home: Home) -> None:
    assert what_if(definitions.card_from(STANDARD)) is None
