"""A playbook's holdout: who is kept out, and what the playbook brought against them."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.health.actions import install_shipped
from evergreen.outcomes.experiments import holdouts
from evergreen.playbooks import actions, rules
from evergreen.playbooks.book import Book
from evergreen.playbooks.models import Enrolment, Playbook, Refusal
from evergreen.playbooks.trying import trial
from tests.conftest import NOW, TODAY
from tests.outcomes.nights import book, write
from tests.playbooks.building import enter, published, task, wait

SHARE = 40


def _care(now: dt.datetime = NOW, **more: Any) -> Playbook:
    return published(
        task("call"), wait("rest", days=200), now=now, holdout=SHARE,
        triggers=[{"kind": "lifecycle", "day": 0, "counts_from": "live_on"}, {"kind": "by_hand"}], **more,
    )  # fmt: skip


def _out() -> set[int]:
    return set(Refusal.objects.filter(reason="holdout").values_list("account_id", flat=True))


@pytest.mark.postgres
def test_a_share_of_the_accounts_is_kept_out_always_the_same_ones(cast: SimpleNamespace) -> None:
    made = book(cast.owner)
    _care()
    assert actions.enrol(now=NOW) == Enrolment.objects.count()
    out, inside = _out(), set(Enrolment.objects.values_list("account_id", flat=True))
    assert out | inside == {one.pk for one in made} and not out & inside
    assert 55 <= len(out) <= 105  # 80 expected
    assert out == {one.pk for one in made if rules.is_held_out("care", str(one.pk), SHARE)}
    assert set(Enrolment.objects.values_list("is_compared", flat=True)) == {True}
    # Another day is another occasion, and nobody changes sides.
    # Only theirs: the cast's accounts would enter for the first time, on a side that hangs on their numbers.
    Account.objects.filter(pk__in=[one.pk for one in made]).update(live_on=TODAY + dt.timedelta(days=3))
    Enrolment.objects.update(ended_at=NOW, state="left")
    actions.enrol(now=NOW + dt.timedelta(days=3))
    assert _out() == out


def test_who_is_strategic_or_in_the_red_or_put_in_by_hand_is_on_neither_side(cast: SimpleNamespace) -> None:
    strategic, red = book(cast.owner, 40, tier="strategic"), []
    for n, one in enumerate(strategic[20:]):
        one.tier, one.band, one.external_id = "growth", "red", f"R{n}"
        red.append(one)
    Account.objects.bulk_update(red, ["tier", "band", "external_id"])
    playbook = _care()
    actions.enrol(now=NOW)
    assert not _out() and Enrolment.objects.count() == 40
    assert set(Enrolment.objects.values_list("is_compared", flat=True)) == {False}
    by_hand = Account.objects.bulk_create(
        Account(external_id=f"B{k}", name=f"By hand {k}", owner=cast.owner, created_at=NOW, known_at=NOW)
        for k in range(20)
    )
    assert enter(playbook, *by_hand) == 20
    assert not Enrolment.objects.filter(account__in=by_hand, is_compared=True).exists()


def test_events_keep_their_holdouts_too(cast: SimpleNamespace) -> None:
    made = book(cast.owner, 60)
    published(task("call"), holdout=SHARE, triggers=[{"kind": "event", "event": "export.failed"}])
    actions.enrol(now=NOW)
    happened = [actions.Happened(one.pk, "export.failed", f"m{one.pk}", NOW) for one in made]
    actions.hear(happened, now=NOW)
    actions.enrol(now=NOW)
    assert _out() == {one.pk for one in made if rules.is_held_out("care", str(one.pk), SHARE)}
    assert Enrolment.objects.count() == 60 - len(_out())


@pytest.mark.parametrize("share", [-1, 51, "many"])
def test_a_holdout_is_up_to_half(cast: SimpleNamespace, share: Any) -> None:
    with pytest.raises(rules.PlaybookError, match="holdout"):
        published(task("call"), holdout=share)


@pytest.mark.usefixtures("home")
def test_what_it_brought_is_found_and_what_it_did_not_is_not(cast: SimpleNamespace) -> None:
    """Health rises by ten for those inside, use is the same; each is seen 28 days after its own entry, never later."""
    install_shipped(now=NOW)
    made = book(cast.owner, 300)
    began = NOW - dt.timedelta(days=60)
    playbook = _care(began)
    chance, rows = np.random.default_rng(4), []
    Account.objects.filter(pk__in=[one.pk for one in made]).update(live_on=began.date())
    actions.enrol(now=began)
    out = _out()
    for one in made:
        base, users = chance.normal(60, 8), chance.integers(5, 50)
        # Before, the night 27 days after, and one much later that must not be looked at.
        for days, gain in ((-1, 0), (27, 10), (59, -50)):
            day, seen = began.date() + dt.timedelta(days=days), int(users + chance.integers(-2, 3))
            score = base + chance.normal(0, 2) + (0 if one.pk in out else gain)
            rows.append((day, one.pk, seen, score))
    write(rows)
    found = holdouts.compared(store.reading(), playbook, SHARE, 28)
    told = {one["outcome"]: one for one in found.readings}
    assert (found.units, found.unripe, found.arms[0].units) == (300, 0, len(out))
    assert found.ratio is not None and found.ratio > 0.01
    health, use = told["health_score"], told["active_users_28d"]
    assert health["absolute"]["low"] < 10 < health["absolute"]["high"] and health["absolute"]["p"] < 1e-6
    assert health["adjusted"]["high"] - health["adjusted"]["low"] < 0.5 * (
        health["absolute"]["high"] - health["absolute"]["low"]
    )
    assert health["adjusted"]["low"] < 10 < health["adjusted"]["high"]
    assert use["absolute"]["low"] < 0 < use["absolute"]["high"]
    assert told["kept"]["absolute"] is None  # nobody was lost
    assert found.needed > 0
    # Whoever entered less than the window ago is not looked at.
    assert holdouts.compared(store.reading(), playbook, SHARE, 90).units == 0


@pytest.mark.usefixtures("home")
def test_the_dry_run_keeps_the_same_ones_out(cast: SimpleNamespace) -> None:
    from evergreen.metrics import actions as metrics
    from evergreen.playbooks.models import PlaybookVersion

    book(cast.owner, 60)
    Account.objects.update(known_at=NOW - dt.timedelta(days=30))
    playbook = _care(NOW - dt.timedelta(days=1))
    actions.enrol(now=NOW)
    with store.session() as con:
        for n in (2, 1):
            metrics.take_snapshot(con, TODAY - dt.timedelta(days=n), now=NOW)
    found = trial(
        store.reading(), "care", Book(NOW).definition(PlaybookVersion.objects.get(playbook=playbook))
    )
    assert found is not None and found.refused["holdout"] == len(_out()) > 5
    assert {run.account for run in found.runs} == set(Enrolment.objects.values_list("account_id", flat=True))
