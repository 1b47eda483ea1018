"""Measures of a forecast against calculations written out by hand."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.base import measures

# Few different values, so that ties and bin edges are frequent.
PROBABILITIES = st.one_of(st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 1.0]), st.floats(0, 1))
ROWS = st.lists(st.tuples(st.booleans(), PROBABILITIES), min_size=1, max_size=30)


def _split(rows: list[tuple[bool, float]]) -> tuple[list[bool], list[float]]:
    return [truth for truth, _ in rows], [score for _, score in rows]


def _equal(found: float | None, naive: float | None) -> bool:
    if found is None or naive is None:
        return found is naive
    return math.isclose(found, naive, rel_tol=1e-9, abs_tol=1e-12)


@given(ROWS)
@settings(max_examples=150, deadline=None)
def test_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[bool, float]]) -> None:
    pairs = [
        1.0 if gone > stayed else 0.5 if gone == stayed else 0.0
        for (left, gone), (remained, stayed) in itertools.product(rows, rows)
        if left and not remained
    ]
    assert _equal(measures.auc(*_split(rows)), statistics.fmean(pairs) if pairs else None)


@given(ROWS)
@settings(max_examples=150, deadline=None)
def test_pr_auc_is_the_mean_precision_at_each_hit(rows: list[tuple[bool, float]]) -> None:
    hits = [score for truth, score in rows if truth]
    precisions = [
        sum(truth for truth, score in rows if score >= at) / sum(score >= at for _, score in rows)
        for at in hits
    ]
    assert _equal(measures.pr_auc(*_split(rows)), statistics.fmean(precisions) if hits else None)


@given(ROWS, st.sampled_from([0.1, 0.2, 0.29, 0.5, 1.0]))
@settings(max_examples=150, deadline=None)
def test_lift_is_what_rows_drawn_from_the_top_give_on_average(
    rows: list[tuple[bool, float]], top: float
) -> None:
    taken = max(1, int(round(top * 100) * len(rows) / 100))
    edge = sorted((score for _, score in rows), reverse=True)[taken - 1]
    sure = [truth for truth, score in rows if score > edge]
    drawn = [truth for truth, score in rows if score == edge]
    found = sum(sure) + (taken - len(sure)) * statistics.fmean(drawn)
    share = statistics.fmean(truth for truth, _ in rows)
    assert _equal(measures.lift(*_split(rows), top), found / taken / share if share else None)


@given(ROWS)
@settings(max_examples=150, deadline=None)
def test_brier_and_ece_are_means_over_rows_and_bins(rows: list[tuple[bool, float]]) -> None:
    assert _equal(measures.brier(*_split(rows)), statistics.fmean((p - truth) ** 2 for truth, p in rows))
    gaps = []
    for place in range(10):
        low, high = (-1.0 if place == 0 else place / 10), (place + 1) / 10
        inside = [(truth, p) for truth, p in rows if low < p <= high]
        if inside:
            said, happened = statistics.fmean(p for _, p in inside), statistics.fmean(t for t, _ in inside)
            gaps.append(len(inside) / len(rows) * abs(said - happened))
    assert _equal(measures.ece(*_split(rows)), sum(gaps))


def test_no_rows_of_one_kind_give_no_figure_and_never_a_zero() -> None:
    assert measures.auc([True, True], [0.1, 0.2]) is None
    assert measures.pr_auc([False], [0.3]) is None and measures.lift([False], [0.3]) is None
    assert measures.brier([], []) is None and measures.ece([], []) is None


@pytest.mark.parametrize(
    ("truths", "scores", "words"),
    [
        ([True], [0.1, 0.2], "one a row"),
        ([True, False], [0.1, math.nan], "blank"),
        ([1, 2], [0.1, 0.2], "true or false"),
    ],
)
def test_rows_that_cannot_be_judged_are_refused(truths: list[int], scores: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        measures.auc(truths, scores)


def test_a_probability_off_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        measures.brier([True, False], [0.2, 1.2])


def test_the_interval_of_an_auc_stands_around_it_and_is_sound_at_the_ends() -> None:
    # Hanley and McNeil (1982): an area of 0.893 of 51 and 58 rows has a standard error near 0.03.
    middle = measures.auc_interval(0.893, 51, 58)
    assert 0.80 < middle.low < 0.86 and 0.92 < middle.high < 0.96
    perfect = measures.auc_interval(1.0, 5, 5)
    assert perfect.high == 1.0 and 0.3 < perfect.low < 0.8
    assert measures.auc_interval(0.7, 1000, 1000).low > measures.auc_interval(0.7, 20, 20).low


@given(st.floats(0, 1), st.integers(1, 200), st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_an_interval_holds_just_the_areas_within_196_of_their_errors(
    area: float, gone: int, stayed: int
) -> None:
    found = measures.auc_interval(area, gone, stayed)
    assert 0 <= found.low <= area <= found.high <= 1
    for end in (found.low, found.high):
        half = (gone + stayed) / 2 - 1
        error = math.sqrt(
            end * (1 - end) * (1 + half * (1 - end) / (2 - end) + half * end / (1 + end)) / (gone * stayed)
        )
        assert end in (0.0, 1.0) or math.isclose(abs(area - end), 1.959963984540054 * error, abs_tol=1e-6)
