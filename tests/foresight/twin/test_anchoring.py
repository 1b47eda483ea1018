"""Ends by the churn model's probability where one is in service, else by the twin's own rate."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from evergreen.customers.lines import day, number
from evergreen.events import store
from evergreen.foresight.models import ChurnModel, Risk
from evergreen.foresight.twin import anchoring, asking, dynamics, groups, renewing, simulating
from evergreen.foresight.twin.simulating import Anchor, Shift
from tests.foresight.twin.panels import LAST as LAST_STEP
from tests.foresight.twin.panels import panel
from tests.foresight.twin.test_asking import LAST, NOW, planted
from tests.foresight.twin.test_groups import learned_of


@pytest.mark.parametrize("chance", [0.02, 0.4, 0.97])
def test_ends_up_to_the_day_have_the_anchored_chance_on_the_mean_and_later_ones_their_own(
    chance: float,
) -> None:
    told = panel()
    # Ends after 20 and 60 days and so on every 40; the anchor reaches over the first two.
    told.next_end[3], told.term[3] = LAST_STEP + 20, 40
    learned = dynamics.learn(told)
    rate = renewing.learn(told, learned.usage_means)
    places = np.array([3, 5])
    anchors = {int(told.accounts[3]): Anchor(LAST_STEP + 90, chance)}
    free = simulating.simulate(told, learned, rate, places, seed=5, paths=200)
    found = simulating.simulate(told, learned, rate, places, seed=5, paths=200, anchors=anchors)
    kept = np.ones(200)
    for one, (_step, on, lost) in enumerate(found.ends[0]):
        if on <= LAST_STEP + 90:
            kept *= 1 - lost
        else:
            assert (lost == free.ends[0][one][2]).all()
    assert [on - LAST_STEP <= 90 for _step, on, _lost in found.ends[0][:3]] == [True, True, False]
    assert 1 - kept.mean() == pytest.approx(chance, abs=1e-6)
    # Paths keep their order: who is less healthy is likelier to be lost.
    assert (np.argsort(found.ends[0][1][2]) == np.argsort(free.ends[0][1][2])).all()
    # Who has no anchor stays as it was.
    assert (found.stays[1] == free.stays[1]).all() and (found.moved[1], found.until[1]) == (0, 0)


def test_a_lever_moves_ends_from_the_anchored_chance() -> None:
    told = panel()
    told.next_end[4] = LAST_STEP + 80
    learned = dynamics.learn(told)
    rate = renewing.learn(told, learned.usage_means)
    places, anchors = np.array([4]), {int(told.accounts[4]): Anchor(LAST_STEP + 90, 0.5)}
    shift = Shift(np.full(50, 0.2), np.full(50, 10.0))
    base = simulating.simulate(told, learned, rate, places, seed=5, paths=50, anchors=anchors)
    one = simulating.simulate(told, learned, rate, places, seed=5, paths=50, anchors=anchors, shift=shift)
    again = simulating.lifted(told, learned, rate, places, base, shift)
    assert (one.stays == again.stays).all() and (one.usage == again.usage).all()
    assert base.ends[0][0][2].mean() == pytest.approx(0.5, abs=1e-6)
    assert (one.ends[0][0][2] < base.ends[0][0][2]).all()


def test_a_group_counts_whose_ends_follow_the_model() -> None:
    told = panel(accounts=90)
    told.next_end[:40], told.next_end[40:] = LAST_STEP + 50, LAST_STEP + 300
    learned = learned_of(told)
    anchors = {int(account): Anchor(LAST_STEP + 90, 0.25) for account in told.accounts[:30]}
    found = groups.ask(learned, told.accounts[:40].tolist(), {}, anchors=anchors, paths=50)["nothing"]
    own = groups.ask(learned, told.accounts[30:40].tolist(), {}, paths=50)["nothing"]
    assert (found["due"], found["by_model"]) == (40, 30) and own["by_model"] == 0
    assert found["renewed_mean"] == pytest.approx(30 * 0.75 + own["renewed_mean"], abs=1e-4)


@pytest.mark.django_db
def test_only_risks_of_the_same_day_and_of_models_in_service_count(home: Any) -> None:
    accounts = planted()
    learned = asking.learn(store.reading(), number(LAST))
    panel_ = learned.panel
    near = [
        place for place in np.flatnonzero(panel_.there[:, -1]).tolist()
        if 30 < panel_.next_end[place] - number(LAST) <= 90
    ]  # fmt: skip
    far = next(
        place
        for place in np.flatnonzero(panel_.there[:, -1]).tolist()
        if panel_.next_end[place] - number(LAST) > 180
    )
    assert len(near) >= 3

    def model(horizon: int, state: str) -> ChurnModel:
        return ChurnModel.objects.create(horizon_days=horizon, state=state, made_at=NOW)

    service = {horizon: model(horizon, "champion") for horizon in (30, 90, 180)}
    old = model(90, "retired")

    def risk(place: int, of: ChurnModel, on: dt.date, chance: float) -> None:
        Risk.objects.create(
            account_id=int(panel_.accounts[place]),
            model=of,
            horizon_days=of.horizon_days,
            day=on,
            probability=chance,
        )

    for horizon, chance in ((30, 0.01), (90, 0.3), (180, 0.5)):
        risk(near[0], service[horizon], LAST, chance)
    risk(near[1], service[90], LAST - dt.timedelta(days=1), 0.9)
    risk(near[2], old, LAST, 0.9)
    risk(far, service[90], LAST, 0.9)
    places = np.array([*near[:3], far])
    found = anchoring.of_places(panel_, places, LAST)
    assert found == {int(panel_.accounts[near[0]]): Anchor(number(LAST) + 90, 0.3)}
    told = asking.ask(learned, int(panel_.accounts[near[0]]))
    end = asking.as_dict(told)["ends"][0]
    assert end["by"] == "model" and end["renews"] == pytest.approx(0.7, abs=1e-4)
    assert end["on"] == day(int(panel_.next_end[near[0]])).isoformat()
    assert asking.as_dict(asking.ask(learned, int(panel_.accounts[near[1]])))["ends"][0]["by"] == "own"
    assert accounts
