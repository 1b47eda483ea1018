"""NPS, CSAT and CES of what customers answered."""

from __future__ import annotations

from math import sqrt

import pytest

from evergreen.events.scales import CES_TOP, CSAT_TOP, Nps, nps, scale


def test_the_published_vector_of_five_answers_is_forty() -> None:
    found = nps([10, 9, 9, 7, 3])
    assert (found.promoters, found.passives, found.detractors, found.score) == (3, 1, 1, 40)


def test_the_edges_of_promoters_passives_and_detractors() -> None:
    assert nps([0, 6]) == Nps(0, 0, 2)
    assert nps([7, 8]) == Nps(0, 2, 0)
    assert nps([9, 10]) == Nps(2, 0, 0)


def test_the_interval_is_the_adjusted_wald_of_rocks() -> None:
    low, high = Nps(50, 30, 20).interval or (0, 0)
    p, q, n = 50.75 / 103, 20.75 / 103, 103
    half = 1.96 * sqrt((p + q - (p - q) ** 2) / n)
    assert (low, high) == pytest.approx((100 * (p - q - half), 100 * (p - q + half)))
    assert low < 30 < high
    all_happy = Nps(4, 0, 0).interval or (0, 0)
    assert all_happy[0] < 100, "four answers say little, though all are the same"
    assert all_happy[1] == 100


def test_no_answer_is_no_figure() -> None:
    assert (Nps(0, 0, 0).score, Nps(0, 0, 0).interval) == (None, None)
    empty = scale([], CSAT_TOP)
    assert (empty.mean, empty.top_share) == (None, None)


def test_csat_is_told_as_mean_and_top_two_and_ces_as_mean_and_above_four() -> None:
    csat = scale([5, 4, 3, 1], CSAT_TOP)
    assert (csat.mean, csat.top_share) == (3.25, 0.5)
    ces = scale([7, 5, 4, 2], CES_TOP)
    assert (ces.mean, ces.top_share) == (4.5, 0.5)
