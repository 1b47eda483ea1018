"""Many accounts summed: the total of each path against naive loops, and what accounts share."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from evergreen.foresight.models import Effect
from evergreen.foresight.twin import asking, dynamics, groups, levers, renewing, simulating
from evergreen.foresight.twin.asking import Learned
from evergreen.foresight.twin.levers import LEVERS
from evergreen.foresight.twin.panel import Panel
from tests.foresight.twin.panels import panel

NOW = dt.datetime(2026, 11, 17, 2, tzinfo=dt.UTC)
PATHS = 60


def learned_of(told: Panel) -> Learned:
    found = dynamics.learn(told)
    moves = {lever.key: levers.moves(told, found, lever) for lever in LEVERS}
    return Learned(told, found, renewing.learn(told, found.usage_means), np.ones((2, 13)), moves)


@pytest.fixture(scope="module")
def learned() -> Learned:
    told = panel(accounts=200, effect=0.6, noise=0.1)
    told.arr[:, -1] = 1_000_000 + 10_000 * np.arange(200)
    # Some end twice within the year, some not at all, some pay nothing any more.
    told.term[:20] = 90
    told.next_end[20:30] = told.days[-1] + 4_000
    told.arr[30:35, -1] = 0
    return learned_of(told)


def effect_of(lever: str, estimate: float, low: float, high: float) -> Effect:
    return Effect(
        lever=lever,
        figure=Effect.Figure.USAGE,
        estimate=estimate,
        low=low,
        high=high,
        accounts=400,
        known_at=NOW,
    )


def naive(learned: Learned, lever: levers.Lever | None) -> dict[str, Any]:
    """Account by account, path by path, step by step."""
    panel, sums = learned.panel, {key: np.zeros((PATHS, 13)) for key in ("events", "health", "there", "arr")}
    shared = levers.samples(200)
    expected, renewed, due, told = np.zeros(PATHS), np.zeros(PATHS), 0, 0
    for place in range(200):
        if not panel.there[place, -1]:
            continue
        shift = None
        if lever is not None:
            found = levers.effect(
                lever, learned.moves[lever.key], learned.states_of(place), learned.states, place, shared
            )
            if found.is_told:
                told += 1
                shift = asking.shift_of(found, {}, PATHS)
        one = simulating.simulate(
            panel, learned.dynamics, learned.renewal, np.array([place]), seed=asking.SEED, paths=PATHS, widths=learned.widths, shift=shift
        )  # fmt: skip
        luck = np.random.default_rng((asking.SEED, int(panel.accounts[place]), 1)).random(
            (len(one.ends[0]), PATHS)
        )
        due += bool(one.ends[0])
        for path in range(PATHS):
            there = [True] * 13
            for number, (step, _on, chance) in enumerate(one.ends[0]):
                is_lost = luck[number, path] < chance[path]
                renewed[path] += number == 0 and not is_lost
                for ahead in range(step, 13):
                    there[ahead] = there[ahead] and not is_lost
            for ahead in range(13):
                sums["events"][path, ahead] += max(np.exp(one.usage[0, path, ahead]) - 1, 0)
                sums["health"][path, ahead] += one.health[0, path, ahead]
                sums["there"][path, ahead] += there[ahead]
                sums["arr"][path, ahead] += there[ahead] * panel.arr[place, -1]
            expected[path] += panel.arr[place, -1] * one.stays[0, path, -1]
    return {**sums, "expected": expected, "renewed": renewed, "due": due, "told": told}


def test_the_total_and_its_interval_are_those_of_naive_sums_path_by_path(learned: Learned) -> None:
    found = groups.ask(learned, learned.panel.accounts.tolist(), {}, paths=PATHS)
    assert (found["asked"], found["accounts"], found["absent"]) == (200, 195, 5)
    assert found["arr_cents"] == learned.panel.arr[:, -1].sum()
    base = naive(learned, None)
    for lever, row in ((None, found["nothing"]), (LEVERS[0], found["levers"]["features"])):
        loops = base if lever is None else naive(learned, lever)
        for ahead in (0, 5, 12):
            levels = (0.1, 0.5, 0.9)
            assert row["usage"][ahead] == pytest.approx(np.quantile(loops["events"][:, ahead], levels))
            assert row["health"][ahead] == pytest.approx(np.quantile(loops["health"][:, ahead] / 195, levels))
            assert row["arr"][ahead] == pytest.approx(np.quantile(loops["arr"][:, ahead], levels))
            assert row["accounts"][ahead] == pytest.approx(np.quantile(loops["there"][:, ahead], levels))
        assert row["arr_mean"] == pytest.approx(loops["expected"].mean())
        assert row["renewed"] == pytest.approx(np.quantile(loops["renewed"], levels))
        assert row["due"] == loops["due"] == 185
        if lever is not None:
            assert row["told"] == loops["told"] and row["told"] + row["silent"] == 195 and row["told"] > 4
            gained = loops["expected"] - base["expected"]
            assert row["gain"] == pytest.approx(np.quantile(gained, levels))
            assert row["gain_mean"] == pytest.approx(gained.mean())


def test_accounts_end_independently_so_the_total_is_surer_than_each(learned: Learned) -> None:
    found = groups.ask(learned, learned.panel.accounts[35:].tolist(), {}, paths=600)["nothing"]
    low, _middle, high = found["accounts"][-1]
    future = asking.doing_nothing(learned, np.arange(35, 200), 200)
    stays = future.stays[:, :, -1].mean(axis=1)
    # Of independent ends: the spread of a sum is the root of the summed variances; 80 of 100 lie within 1.2816 of them.
    spread = np.sqrt((stays * (1 - stays)).sum())
    assert high - low == pytest.approx(2 * 1.2816 * spread, rel=0.25)
    assert found["accounts_mean"] == pytest.approx(stays.sum(), rel=0.01)


def test_the_error_of_an_effect_is_shared_by_all_accounts(learned: Learned) -> None:
    measured = {"training": {str(Effect.Figure.USAGE): effect_of("training", 0.3, -0.1, 0.7)}}
    some = learned.panel.accounts[40:120].tolist()
    found = groups.ask(learned, some, measured, paths=400)
    row = found["levers"]["training"]
    assert row["rests_on"] == "experiment" and row["experiment_accounts"] == 400
    assert (row["told"], row["silent"]) == (80, 0) and row["use"] == [0.3, -0.1, 0.7] and not row["clear"]
    low, middle, high = row["usage"][-1]
    base = found["nothing"]["usage"][-1]
    # Were each account's effect drawn alone, the error (0.2 of the logarithm) would shrink to a ninth in a sum of 80.
    assert (high - low) / middle > 0.35 > 0.1 > (base[2] - base[0]) / base[1]


def test_effects_of_accounts_alike_come_from_the_same_samples(learned: Learned) -> None:
    shared = levers.samples(200)
    assert (shared.sum(axis=1) == 200).all() and shared.shape == (levers.SAMPLES, 200)
    place = next(
        one for one in range(200)
        if levers.effect(LEVERS[0], learned.moves["features"], learned.states_of(one), learned.states, one, shared).is_told
    )  # fmt: skip
    found = levers.effect(
        LEVERS[0], learned.moves["features"], learned.states_of(place), learned.states, place, shared
    )
    for sample in (0, 17):
        drawn = [
            value
            for one, value in zip(found.places, found.moves.usage, strict=True)
            for _time in range(int(shared[sample, one]))
        ]
        assert found.draws[sample, 0] == pytest.approx(np.mean(drawn))


def test_of_a_big_segment_some_are_drawn_and_sums_stand_for_all(
    learned: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "MOST", 50)
    every = learned.panel.accounts[35:].tolist()
    found = groups.ask(learned, every, {}, paths=PATHS)
    assert (found["asked"], found["drawn"], found["accounts"]) == (165, 50, 50)
    alone = groups.ask(learned, groups.chosen(every).tolist(), {}, paths=PATHS)
    for ahead in (0, 12):
        assert found["nothing"]["arr"][ahead] == pytest.approx(
            [3.3 * one for one in alone["nothing"]["arr"][ahead]]
        )
    assert found["nothing"]["health"] == alone["nothing"]["health"]


def test_a_lever_that_nobody_pulled_is_silent_for_all(learned: Learned) -> None:
    row = groups.ask(learned, learned.panel.accounts[35:60].tolist(), {}, paths=20)["levers"]["touches"]
    assert (row["told"], row["silent"], row["use"], row["clear"]) == (0, 25, None, False)
    assert "gain" not in row


@pytest.mark.django_db
def test_the_newest_experiment_of_a_lever_counts(home: Any) -> None:
    for days, estimate in ((0, 0.1), (5, 0.4), (2, 0.2)):
        Effect.objects.create(
            lever="users", figure=Effect.Figure.USAGE, estimate=estimate, low=0.0, high=0.6, accounts=9,
            known_at=NOW + dt.timedelta(days=days), origin_kind="experiment", origin_id=str(days),
        )  # fmt: skip
    assert asking.measured_effects()["users"][Effect.Figure.USAGE].estimate == 0.4
