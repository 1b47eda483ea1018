"""The twin on panels whose rule is known, and against naive calculation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from evergreen.customers.lines import NEVER
from evergreen.foresight.twin import backtest, dynamics, levers, renewing, simulating
from evergreen.foresight.twin.dynamics import TooLittleHistoryError
from evergreen.foresight.twin.levers import LEVERS
from evergreen.foresight.twin.panel import Ends, Panel
from evergreen.foresight.twin.simulating import Shift
from tests.foresight.twin.panels import LAST, panel


@given(st.integers(0, 1_000), st.integers(1, 30))
@settings(max_examples=15, deadline=None)
def test_the_mean_of_an_account_is_that_of_its_last_year_drawn_towards_all(seed: int, steps: int) -> None:
    dice = np.random.default_rng(seed)
    values = dice.normal(3, 1, (7, steps))
    there = dice.random((7, steps)) < 0.7
    found = dynamics.own_means(values, there)
    many = [values[row][there[row]] for row in range(7) if there[row].sum() >= 2]
    if many:
        within = sum(((one - one.mean()) ** 2).sum() for one in many) / sum(len(one) - 1 for one in many)
        means = np.array([one.mean() for one in many])
        strength = min(
            within / max(means.var() - within * np.mean([1 / len(one) for one in many]), 1e-9), 1e6
        )
    else:
        strength = 1.0
    for row in range(7):
        for step in range(steps):
            mine = values[row, max(0, step - 12) : step + 1][there[row, max(0, step - 12) : step + 1]]
            if not len(mine):
                assert np.isnan(found[row, step])
                continue
            everyone = values[there[:, step], step]
            centre = everyone.mean() if len(everyone) else 0.0
            weight = len(mine) / (len(mine) + strength)
            assert found[row, step] == pytest.approx(
                weight * mine.mean() + (1 - weight) * centre, rel=1e-6, abs=1e-9
            )


def test_residuals_and_what_is_drawn_back_add_up_to_what_happened() -> None:
    told = panel()
    learned = dynamics.learn(told)
    c, k = learned.usage
    again = told.usage[:, :-1] + c + k * (learned.usage_means[:, :-1] - told.usage[:, :-1]) + learned.e
    assert np.allclose(again, told.usage[:, 1:])
    assert 0.3 < k < 0.9 and 10 < learned.health[2] < 20


def test_too_little_history_says_what_is_needed() -> None:
    with pytest.raises(TooLittleHistoryError, match=r"found were 5, needed are 60.*evergreen night"):
        dynamics.learn(panel(accounts=5, steps=2))


def test_renewal_is_the_penalised_logistic_of_a_well_kept_library() -> None:
    told = panel(accounts=300)
    learned = dynamics.learn(told)
    found = renewing.learn(told, learned.usage_means)
    step = np.searchsorted(told.days, told.ends.on, "left") - 1
    place = told.ends.place
    table = np.column_stack([
        told.health[place, step],
        told.usage[place, step] - learned.usage_means[place, step],
        told.usage[place, step] - told.usage[place, np.maximum(step - 3, 0)],
    ])  # fmt: skip
    scaled = np.clip((table - table.mean(axis=0)) / table.std(axis=0), -4, 4)
    other = LogisticRegression(C=1.0, tol=1e-10, max_iter=1_000).fit(scaled, told.ends.lost)
    assert found.weights[1:] == pytest.approx(other.coef_[0], abs=1e-3)
    assert found.weights[0] == pytest.approx(other.intercept_[0], abs=1e-3)
    low, high = found.lost_chance(np.array([30.0, 90.0]), np.zeros(2), np.zeros(2))
    assert low > 3 * high


def test_with_few_losses_everybody_has_the_vendors_rate() -> None:
    told = panel()
    few = replace(told, ends=Ends(told.ends.place, told.ends.on, np.arange(len(told.ends.on)) < 4))
    found = renewing.learn(few, dynamics.learn(few).usage_means)
    assert found.base == pytest.approx((found.lost + 1) / (found.ends + 2))
    assert (found.lost_chance(np.array([0.0, 100.0]), np.zeros(2), np.zeros(2)) == found.base).all()


def _found(told: Panel) -> levers.Found:
    learned = dynamics.learn(told)
    # Who stands in the middle has the most accounts like it.
    place = int(
        np.argmin(np.abs(learned.states[:, -1, :4] / [1, 0.3, 0.3, 15] - [5, 0, 0, 70 / 15]).sum(axis=1))
    )
    every = levers.moves(told, learned, LEVERS[0])
    states = learned.states[told.there]
    return levers.effect(LEVERS[0], every, learned.states[place, -1], states, place)


def test_a_planted_effect_is_found_with_its_interval() -> None:
    found = _found(panel(accounts=500, effect=0.6, noise=0.1))
    assert found.is_told and found.is_clear
    low, high = found.interval(0)
    # Three months after the move use has come up by most of it, drawn by 0.4 a month.
    assert 0.3 < low < found.usage < high < 0.65
    assert len(set(found.places.tolist())) == found.count


def test_without_an_effect_none_is_claimed() -> None:
    claimed = [_found(panel(accounts=400, effect=0.0, seed=seed)).is_clear for seed in range(8)]
    assert sum(claimed) <= 2


def test_below_thirty_accounts_a_lever_is_silent() -> None:
    found = _found(panel(accounts=40, effect=0.6))
    assert 0 < found.count < 30 and not found.is_told and not found.is_clear and not len(found.draws)


def test_an_account_is_simulated_the_same_whoever_is_asked_with_it() -> None:
    told = panel()
    learned = dynamics.learn(told)
    rate = renewing.learn(told, learned.usage_means)
    many = simulating.simulate(told, learned, rate, np.arange(10), seed=5, paths=50)
    alone = simulating.simulate(told, learned, rate, np.array([7]), seed=5, paths=50)
    assert (many.usage[7] == alone.usage[0]).all() and (many.health[7] == alone.health[0]).all()
    assert (many.stays[7] == alone.stays[0]).all()
    other = simulating.simulate(told, learned, rate, np.array([7]), seed=6, paths=50)
    assert (other.usage != alone.usage).any()


def test_a_path_is_what_the_formula_says_step_by_step() -> None:
    told = panel()
    learned = dynamics.learn(told)
    rate = renewing.learn(told, learned.usage_means)
    found = simulating.simulate(told, learned, rate, np.array([4]), seed=5, paths=3)
    near = np.sort(dynamics.alike_blocks(learned, np.array([4]), 23)[0])
    picked = np.random.default_rng((5, int(told.accounts[4]))).integers(0, len(near), (3, 5))
    for path in range(3):
        x, h = told.usage[4, -1], told.health[4, -1]
        for ahead in range(13):
            row, step = learned.blocks[near[picked[path, ahead // 3]]]
            move = (
                learned.usage[0]
                + learned.usage[1] * (learned.usage_means[4, -1] - x)
                + learned.e[row, step + ahead % 3]
            )
            to = max(0.0, x + move)
            h += learned.health[0] + learned.health[1] * (learned.health_means[4, -1] - h)
            h = min(100.0, max(0.0, h + learned.health[2] * (to - x) + learned.f[row, step + ahead % 3]))
            x = to
            assert found.usage[0, path, ahead] == pytest.approx(x) and found.health[
                0, path, ahead
            ] == pytest.approx(h)
    left = np.ones(3)
    for _step, _on, lost in found.ends[0]:
        left *= 1 - lost
    assert found.stays[0, :, -1] == pytest.approx(left)


def test_fewer_months_are_the_first_of_more() -> None:
    told = panel()
    learned = dynamics.learn(told)
    places = np.array([2, 9])
    usage, health = simulating.months(told, learned, places, seed=5, paths=30)
    for steps in (1, 4, 12):
        few, less = simulating.months(told, learned, places, seed=5, paths=30, steps=steps)
        assert (few == usage[:, :, :steps]).all() and (less == health[:, :, :steps]).all()


def test_a_lever_lifts_each_path_by_what_was_drawn_and_leaves_the_rest() -> None:
    told = panel()
    learned = dynamics.learn(told)
    rate = renewing.learn(told, learned.usage_means)
    drawn = np.linspace(0, 0.5, 40)
    base = simulating.simulate(told, learned, rate, np.array([4]), seed=5, paths=40)
    lifted = simulating.simulate(
        told, learned, rate, np.array([4]), seed=5, paths=40, shift=Shift(drawn, drawn * 20)
    )
    assert np.allclose(lifted.usage[0, :, 5:] - base.usage[0, :, 5:], drawn[:, None])
    assert np.allclose(lifted.usage[0, :, 2] - base.usage[0, :, 2], drawn / 2)
    assert (lifted.stays[0, :, -1] >= base.stays[0, :, -1] - 1e-12).all()


def test_ends_come_again_after_each_term_and_at_anniversaries_without_an_end() -> None:
    told = panel()
    told.next_end[0], told.term[0] = LAST + 10, 90
    told.next_end[1] = NEVER
    told.age[1, -1] = 365 * 3 - 40
    assert simulating.end_days(told, 0) == [LAST + 10, LAST + 100, LAST + 190, LAST + 280]
    assert simulating.end_days(told, 1) == [LAST + 40]


def test_widths_learned_earlier_bring_the_interval_to_eighty_of_a_hundred() -> None:
    whole = panel(accounts=400, steps=30, noise=0.3)
    start = whole.cut(20)
    factors = backtest.widths(start)
    future, places = backtest._run(start, factors)
    told = simulating.quantiles(future.usage)
    inside = [
        float(
            (
                (whole.usage[places, 20 + ahead] >= told[:, 0, ahead - 1])
                & (whole.usage[places, 20 + ahead] <= told[:, 2, ahead - 1])
            ).mean()
        )
        for ahead in range(1, 10)
    ]
    assert 0.74 < np.mean(inside) < 0.86
    middle = np.abs(told[:, 1, 3] - whole.usage[places, 24]).mean()
    assert middle < np.abs(whole.usage[places, 20] - whole.usage[places, 24]).mean()
