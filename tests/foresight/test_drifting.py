"""The population stability index: against a sum by hand, by chance alone, of words and of what is missing."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from evergreen.foresight.learning import drifting
from evergreen.foresight.learning.drifting import shape_from, shape_of


def test_it_is_the_sum_over_classes_by_hand() -> None:
    then = np.arange(1.0, 101.0)
    shape = shape_of(then)
    assert len(shape.edges or ()) == 9 and shape.n == 100
    now = np.concatenate([np.full(60, 1.0), np.full(40, 99.5)])
    edges = [np.quantile(then, k / 10) for k in range(1, 10)]
    expected = 0.0
    for low, high in zip([-math.inf, *edges], [*edges, math.inf], strict=True):
        before = ((then > low) & (then <= high)).sum()
        after = max(((now > low) & (now <= high)).sum(), 0.5)
        # Classes that nobody is in stand for half a row, the missing ones among them.
        expected += _term(before / 100.5, after / (100 + 8 * 0.5 + 0.5))
    expected += _term(0.5 / 100.5, 0.5 / 104.5)
    assert drifting.psi(shape, now) == pytest.approx(expected)
    assert drifting.psi(shape, then) == pytest.approx(0.0)


def _term(before: float, after: float) -> float:
    return float((after - before) * math.log(after / before))


def test_what_is_missing_is_a_class_of_its_own() -> None:
    then = np.where(np.arange(1000) % 10 == 0, np.nan, np.arange(1000.0))
    shape = shape_of(then)
    assert shape.counts[-1] == 100
    now = np.where(np.arange(1000) % 2 == 0, np.nan, np.arange(1000.0))
    assert drifting.psi(shape, then) == pytest.approx(0.0)
    assert drifting.psi(shape, now) > drifting.ANOTHER


def test_words_are_classes_and_new_ones_fall_together() -> None:
    then = np.array(["large"] * 60 + ["small"] * 40, object)
    shape = shape_of(then)
    assert shape.words == ("large", "small") and list(shape.counts) == [60, 40, 0]
    assert drifting.psi(shape, then) == pytest.approx(0.0)
    assert drifting.psi(shape, np.array(["huge"] * 50 + ["small"] * 50, object)) > drifting.ANOTHER


def test_a_column_that_is_empty_or_of_one_value_has_a_shape_too() -> None:
    every: list[Any] = [np.full(50, np.nan), np.full(50, 3.0), np.zeros(0)]
    for cells in every:
        shape = shape_of(cells)
        assert drifting.psi(shape, cells) == pytest.approx(0.0)
    assert drifting.by_chance(shape_of(np.zeros(0)), 50) == math.inf


def test_two_samples_of_one_population_seldom_pass_what_chance_does() -> None:
    dice = np.random.default_rng(7)
    passed = 0
    for _again in range(400):
        shape = shape_of(dice.normal(size=300))
        passed += drifting.psi(shape, dice.normal(size=200)) > drifting.by_chance(shape, 200)
    assert passed <= 6
    shape = shape_of(dice.normal(size=300))
    assert drifting.psi(shape, dice.normal(1.0, size=200)) > drifting.by_chance(shape, 200)


def test_a_shape_comes_back_from_json() -> None:
    for shape in (shape_of(np.arange(100.0)), shape_of(np.array(["a", "b"] * 5, object))):
        assert shape_from(json.loads(json.dumps(shape.data()))) == shape
