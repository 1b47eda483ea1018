"""Suggested weights: they find what matters, leave alone what chance made, and never learn from what they are judged on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evergreen.health.backtest import weights
from evergreen.health.backtest.judging import Seen

OWN = np.array([25.0, 25.0, 25.0, 25.0])


def past(rows: int, truth: tuple[float, ...], seed: int, *, missing: float = 0.1) -> Seen:
    """Endings of which the marks decide by ``truth`` who is lost; each mark is missing now and then."""
    chance = np.random.default_rng(seed)
    marks = chance.uniform(0, 100, (len(truth), rows))
    risk = np.array(truth) @ (50 - marks) / 10
    lost = chance.random(rows) < 1 / (1 + np.exp(1.5 - risk))
    marks[chance.random(marks.shape) < missing] = np.nan
    on = np.sort(chance.integers(1000, 1900, rows))
    there = (~np.isnan(marks)).sum(axis=0)
    score = np.where(there, np.nan_to_num(marks).sum(axis=0) / np.maximum(there, 1), 50.0)
    return Seen(
        lead_days=60,
        account=np.arange(rows),
        on=on,
        is_lost=lost,
        decided_on=on + np.where(lost, 60, -10),
        cents=np.ones(rows, np.int64),
        seen_on=on - 60,
        score=score,
        band=np.full(rows, "red"),
        coverage=np.ones(rows),
        marks=marks,
        costs=np.zeros_like(marks),
    )


def test_the_measures_that_foretell_get_the_weight_and_the_gain_is_judged_later() -> None:
    found = weights.suggested(past(1500, (1.0, 0.4, 0.0, 0.0), seed=3), OWN)
    assert found is not None
    assert sum(found.weights) == 100 and list(found.former) == [25.0] * 4
    assert found.weights[0] > found.weights[1] > max(found.weights[2:])
    assert max(found.weights[2:]) <= 12
    assert found.is_worth_it and found.gain and found.gain.value > 0.03
    assert found.learned_until < found.judged_from
    assert found.learned_endings + found.judged_endings < 1500


def test_shuffled_losses_bring_no_gain() -> None:
    chance = np.random.default_rng(5)
    worth = 0
    for seed in range(20):
        seen = past(400, (1.0, 0.4, 0.0, 0.0), seed=seed)
        found = weights.suggested(replace(seen, is_lost=chance.permutation(seen.is_lost)), OWN)
        assert found is not None and found.second is not None
        worth += found.is_worth_it
    assert worth <= 2


def test_a_measure_that_points_the_wrong_way_gets_no_weight_and_never_a_negative_one() -> None:
    found = weights.suggested(past(1500, (1.0, -0.8, 0.3, 0.3), seed=4), OWN)
    assert found is not None and found.weights[1] == 0 and min(found.weights) >= 0


def test_measures_that_matter_alike_keep_alike_weights_also_in_a_thin_record() -> None:
    moved = []
    for seed in range(12):
        thin = weights.suggested(past(150, (0.5, 0.5, 0.5, 0.5), seed=seed), OWN)
        assert thin is not None
        moved.append(max(abs(weight - 25) for weight in thin.weights))
    assert sum(moved) / len(moved) <= 8 and max(moved) <= 25
    assert weights.suggested(past(60, (1.0, 0.2, 0.2, 0.2), seed=8), OWN) is None


def test_what_happens_in_the_later_time_changes_no_weight() -> None:
    seen = past(1000, (1.0, 0.4, 0.1, 0.0), seed=6)
    first = weights.suggested(seen, OWN)
    assert first is not None
    later = seen.on >= first.judged_from
    chance = np.random.default_rng(1)
    marks = seen.marks.copy()
    marks[:, later] = chance.uniform(0, 100, (4, int(later.sum())))
    poisoned = weights.suggested(replace(seen, marks=marks), OWN)
    assert poisoned is not None and poisoned.weights == first.weights
    assert poisoned.first != first.first


def test_nothing_is_learned_that_was_not_known_when_the_later_time_was_first_looked_at() -> None:
    seen = past(1000, (1.0, 0.4, 0.1, 0.0), seed=6)
    earlier, later = weights._split(seen, 1500)
    assert (earlier.decided_on < 1500 - seen.lead_days).all() and (later.on >= 1500).all()


def test_one_measure_has_nothing_to_weigh() -> None:
    assert weights.suggested(past(500, (1.0,), seed=1), np.array([100.0])) is None


@pytest.mark.parametrize("given", [[33.4, 33.3, 33.3], [99.6, 0.2, 0.2], [0.5, 49.5, 50.0]])
def test_whole_weights_sum_to_a_hundred(given: list[float]) -> None:
    found = weights._whole(np.array(given))
    assert sum(found) == 100 and all(abs(a - b) < 1 for a, b in zip(found, given, strict=True))
