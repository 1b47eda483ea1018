"""What playbooks were shown to do, as the foresight room reads it, and the accounts to which they are named for it."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pytest

from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.foresight.models import Proof, RecommendationLearning
from evergreen.foresight.recommendations import recommending, words
from evergreen.health.actions import install_shipped
from evergreen.outcomes.experiments import holdouts, proofs
from evergreen.playbooks import actions
from evergreen.playbooks.models import Enrolment, Playbook, Refusal
from evergreen.playbooks.queries import open_to
from tests.conftest import NOW, TODAY
from tests.outcomes.nights import book, write
from tests.playbooks.building import published, task

pytestmark = pytest.mark.usefixtures("home")
BEGAN = NOW - dt.timedelta(days=60)


def _shown(cast: SimpleNamespace, gain: float) -> Playbook:
    """300 accounts, two fifths held out; health of those inside rises by ``gain`` and stays."""
    install_shipped(now=NOW)
    made, chance, rows = book(cast.owner, 300), np.random.default_rng(2), []
    Account.objects.filter(pk__in=[one.pk for one in made]).update(live_on=BEGAN.date())
    playbook = published(task("call"), now=BEGAN, holdout=40, reentry="never", triggers=[{"kind": "lifecycle", "day": 0, "counts_from": "live_on"}])  # fmt: skip
    actions.enrol(now=BEGAN)
    inside = set(Enrolment.objects.values_list("account_id", flat=True))
    for one in made:
        base = chance.normal(60, 8)
        for days in (-1, 28, 56):
            score = base + chance.normal(0, 2) + (gain if days > 0 and one.pk in inside else 0)
            rows.append((BEGAN.date() + dt.timedelta(days=days), one.pk, 5, score))
    write(rows)
    return playbook


@pytest.mark.postgres
def test_each_comparison_is_written_with_its_figures_and_written_over(cast: SimpleNamespace) -> None:
    playbook = _shown(cast, 20)
    count = proofs.write(store.reading(), now=NOW)
    assert count == Proof.objects.count() == proofs.write(store.reading(), now=NOW)
    row = Proof.objects.get(outcome="health_score", days=28)
    found = holdouts.compared(store.reading(), playbook, 40, 28)
    told = next(one for one in found.readings if one["outcome"] == "health_score")
    assert (row.method, row.playbook, row.accounts, row.unit) == ("holdout", "care", 300, "number")
    assert (row.estimate, row.low, row.high) == tuple(
        told["absolute"][key] for key in ("value", "low", "high")
    )
    # The sequential interval is of the relative difference: here it is in points of health.
    assert row.always_low == pytest.approx(told["sequential"]["low"] * told["control"]["mean"])
    assert row.always_low < row.low < 20 < row.high < row.always_high and row.is_clear
    assert row.as_of == (BEGAN + dt.timedelta(days=56)).date()
    assert not Proof.objects.filter(days=90).exists()
    # A playbook that holds nobody out any more has nothing to show.
    published(task("call"), now=NOW)
    assert proofs.write(store.reading(), now=NOW) == Proof.objects.count() == 0


def test_a_playbook_shown_to_help_is_named_to_whom_it_is_open_and_to_nobody_held_out(
    cast: SimpleNamespace,
) -> None:
    _shown(cast, 20)
    proofs.write(store.reading(), now=NOW)
    RecommendationLearning.objects.create(day=TODAY, made_at=NOW, report={})
    inside = Enrolment.objects.earliest("pk").account
    out = Refusal.objects.filter(reason="holdout").earliest("pk").account
    fresh = Account.objects.get(pk=cast.well.pk)
    Account.objects.filter(pk=fresh.pk).update(tier="strategic")  # whom no lot holds out
    fresh.refresh_from_db()
    named = {}
    for one in (inside, out, fresh):
        keys = open_to(one, recommending.proven(), now=NOW)
        found = recommending.recommend(one, now=NOW, playbooks=keys)
        named[one.pk] = [item for item in found.items if item.kind == "playbook"]
    assert (named[inside.pk], named[out.pk]) == ([], [])
    (item,) = named[fresh.pk]
    said = words.reasons(item, {}, "en")[0]
    assert "by a holdout: health score +" in said and "300 accounts" in said and "interval" in said
    assert "据对照组：56 天后健康度 +" in words.reasons(item, {}, "zh")[0]
    assert not [one for one in recommending.recommend(fresh, now=NOW).items if one.kind == "playbook"]


def test_what_is_not_clear_to_whoever_looks_every_night_is_not_named(cast: SimpleNamespace) -> None:
    _shown(cast, 2)
    proofs.write(store.reading(), now=NOW)
    row = Proof.objects.get(outcome="health_score", days=28)
    # With the end fixed beforehand it would be told; it is looked at every night.
    assert row.low > 0 > row.always_low and not row.is_clear and not recommending.proven()
    Proof.objects.filter(pk=row.pk).update(always_low=1.0, is_uneven=True)
    assert not recommending.proven()
