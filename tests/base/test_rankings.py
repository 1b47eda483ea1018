"""Intervals of an AUC and differences between two, against the pairwise calculation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.base import measures, rankings

ROWS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 6), st.integers(0, 8)), min_size=4, max_size=24
)
Row = tuple[bool, int, int, int]


def _wins(left: float, stayed: float) -> float:
    return 1.0 if left > stayed else 0.5 if left == stayed else 0.0


def naive_covariance(rows: list[Row], one: int, other: int) -> float:
    """Obuchowski (1997), equations 1 to 5, by every pair of rows; with a group a row it is DeLong's."""
    left, stayed = [r for r in rows if r[0]], [r for r in rows if not r[0]]
    areas = {c: sum(_wins(a[c], b[c]) for a, b in itertools.product(left, stayed)) / (len(left) * len(stayed)) for c in (one, other)}  # fmt: skip
    groups = sorted({r[3] for r in rows})

    def up(c: int, group: int) -> float:
        mine = [r for r in left if r[3] == group]
        return sum(sum(_wins(a[c], b[c]) for b in stayed) / len(stayed) - areas[c] for a in mine)

    def down(c: int, group: int) -> float:
        mine = [r for r in stayed if r[3] == group]
        return sum(sum(_wins(a[c], b[c]) for a in left) / len(left) - areas[c] for b in mine)

    m, n = len(left), len(stayed)
    i10, i01, i = len({r[3] for r in left}), len({r[3] for r in stayed}), len(groups)
    s10 = i10 / ((i10 - 1) * m) * sum(up(one, g) * up(other, g) for g in groups)
    s01 = i01 / ((i01 - 1) * n) * sum(down(one, g) * down(other, g) for g in groups)
    s11 = i / (i - 1) * sum(up(one, g) * down(other, g) for g in groups)
    s11_back = i / (i - 1) * sum(up(other, g) * down(one, g) for g in groups)
    return s10 / m + s01 / n + (s11 + s11_back) / (m * n)


def _columns(rows: list[Row]) -> tuple[list[bool], list[int], list[int], list[int]]:
    return [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], [r[3] for r in rows]


@given(rows=ROWS, alone=st.booleans())
@settings(max_examples=150, deadline=None)
def test_interval_and_gain_are_those_of_the_pairwise_formulas(rows: list[Row], alone: bool) -> None:
    if alone:
        rows = [(*row[:3], place) for place, row in enumerate(rows)]
    left, stayed = {r[3] for r in rows if r[0]}, {r[3] for r in rows if not r[0]}
    happened, one, other, groups = _columns(rows)
    given_groups = None if alone else groups
    found = rankings.gain(happened, one, other, given_groups)
    if min(len(left), len(stayed)) < 2:
        assert found is None
        return
    assert found is not None
    spread = naive_covariance(rows, 1, 1) + naive_covariance(rows, 2, 2) - 2 * naive_covariance(rows, 1, 2)
    first, second = measures.auc(happened, one), measures.auc(happened, other)
    assert first is not None and second is not None
    assert found.value == pytest.approx(second - first, abs=1e-12)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * math.sqrt(max(spread, 0)), abs=1e-5)
    area = rankings.area(happened, one, given_groups)
    assert area is not None and 0 <= area.low <= area.value <= area.high <= 1
    variance = naive_covariance(rows, 1, 1)
    if 0 < first < 1 and variance > 1e-12:
        odds = [math.log(edge / (1 - edge)) for edge in (area.low, first, area.high)]
        width = 1.959964 * math.sqrt(variance) / (first * (1 - first))
        assert odds == pytest.approx([odds[1] - width, odds[1], odds[1] + width], rel=1e-5)


def test_rows_that_repeat_an_account_make_nothing_surer() -> None:
    chance = np.random.default_rng(7)
    happened = chance.random(60) < 0.3
    scores = chance.normal(happened * 1.0, 1)
    once = rankings.area(happened, scores)
    tenfold = rankings.area(np.repeat(happened, 10), np.repeat(scores, 10), np.repeat(np.arange(60), 10))
    blind = rankings.area(np.repeat(happened, 10), np.repeat(scores, 10))
    assert once and tenfold and blind
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high), abs=0.002)
    assert blind.high - blind.low < 0.5 * (once.high - once.low)
    assert (tenfold.positives, tenfold.groups) == (int(happened.sum()) * 10, 60)


def test_nineteen_of_twenty_intervals_hold_the_true_area() -> None:
    chance = np.random.default_rng(11)
    truth = 0.5 * (1 + math.erf(1 / 2))  # two normals one apart
    held = 0
    for _ in range(300):
        happened = np.arange(80) < 20
        found = rankings.area(happened, chance.normal(happened * 1.0, 1))
        assert found
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 300 <= 0.98


def test_a_perfect_ranking_of_few_is_not_said_to_be_certain() -> None:
    found = rankings.area([True, True, True, False, False, False], [6, 5, 4, 3, 2, 1])
    assert found and found.value == 1 and found.low < 0.75


def test_nobody_or_everybody_lost_gives_no_area() -> None:
    assert rankings.area([False, False], [1, 2]) is None
    assert rankings.area([True, True], [1, 2]) is None
    assert rankings.area([], []) is None


def test_groups_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one a row"):
        rankings.area([True, False], [1, 2], [1])
