"""Readings of a difference, against gbstats, against published figures, and against chance itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from evergreen.outcomes.experiments import sizes, statistics
from evergreen.outcomes.experiments.statistics import Arm

# What gbstats 0.8.0 says, run in an environment of its own (SampleMeanStatistic n 100, sum 520.5, sum of squares 3100.25 against n 120,
# sum 700, sum of squares 4600; ProportionStatistic 8502 of 44700 against 8279 of 45489): sequential test with tuning 5000, and its
# Bayesian test without a prior.
SMALL = (
    Arm(100, 5.205, (3100.25 - 520.5**2 / 100) / 99),
    Arm(120, 700 / 120, (4600 - 700**2 / 120) / 119),
)
P, Q = 8502 / 44700, 8279 / 45489
COOKIES = (Arm(44700, P, P * (1 - P)), Arm(45489, Q, Q * (1 - Q)))


@pytest.mark.parametrize(
    ("arms", "value", "low", "high", "p"),
    [
        (SMALL, 0.12071725904578923, -0.15672303727156361, 0.39815755536314207, 0.6403406342913629),
        (COOKIES, -0.043119034896460164, -0.08740643462651934, 0.0011683648335990143, 0.06651383650585464),
    ],
)
def test_the_sequential_reading_is_gbstats(
    arms: tuple[Arm, Arm], value: float, low: float, high: float, p: float
) -> None:
    found = statistics.sequential(*arms)
    assert (found.value, found.low, found.high, found.p) == pytest.approx((value, low, high, p), rel=1e-9)


@pytest.mark.parametrize(
    ("arms", "chance", "low", "high", "risk"),
    [
        (SMALL, 0.988814372788804, 0.08914411851515825, 1.1675225481515077, 0.0010555066272342826),
        (COOKIES, 0.0007779127868536274, -0.013281552418885546, -0.0031210442115262808, 0.008201846629137744),
    ],
)
def test_the_bayesian_reading_is_gbstats(
    arms: tuple[Arm, Arm], chance: float, low: float, high: float, risk: float
) -> None:
    found = statistics.belief(*arms)
    assert (found.chance, found.low, found.high) == pytest.approx((chance, low, high), rel=1e-6)
    assert found.risk == pytest.approx(risk, rel=1e-4)


def test_the_fixed_reading_is_welchs_test() -> None:
    chance = np.random.default_rng(1)
    a, b = chance.normal(10, 2, 80), chance.normal(11, 5, 60)
    found = statistics.read(a, b)
    told = stats.ttest_ind(b, a, equal_var=False)
    low, high = told.confidence_interval(0.95)
    assert found.absolute is not None and found.relative is not None
    assert (found.absolute.low, found.absolute.high) == pytest.approx((low, high))
    assert found.absolute.p == pytest.approx(told.pvalue) == found.relative.p
    assert found.control.n == 80 and found.control.mean == pytest.approx(a.mean())
    assert found.control.variance == pytest.approx(a.var(ddof=1))
    assert found.relative.value == pytest.approx(b.mean() / a.mean() - 1)


def test_by_chance_alone_one_in_twenty_is_told_and_of_those_who_look_daily_fewer() -> None:
    chance = np.random.default_rng(7)
    fixed = looked = 0
    for _ in range(400):
        a, b = chance.exponential(1, 2_000), chance.exponential(1, 2_000)
        found = statistics.read(a, b)
        assert found.absolute is not None
        fixed += found.absolute.p < statistics.ALPHA
        # Looked at ten times on the way: one look that tells something is enough to be misled.
        looked += any(
            statistics.sequential(*(Arm(n, v[:n].mean(), v[:n].var(ddof=1)) for v in (a, b))).p
            < statistics.ALPHA
            for n in range(200, 2_001, 200)
        )
    assert 8 <= fixed <= 34  # 20 expected; beyond that less than once in a thousand
    assert looked <= 34


def test_an_interval_holds_the_truth_nineteen_times_in_twenty() -> None:
    chance = np.random.default_rng(11)
    held = 0
    for _ in range(400):
        found = statistics.read(chance.normal(5, 3, 50), chance.normal(6, 4, 70)).absolute
        assert found is not None
        held += found.low <= 1 <= found.high
    assert 366 <= held <= 394


def test_what_was_known_before_makes_the_interval_narrower_and_does_not_move_it() -> None:
    chance = np.random.default_rng(3)
    before = chance.normal(100, 20, 4_000)
    after = before + chance.normal(0, 5, 4_000)
    after[2_000:] += 1
    plain = statistics.read(after[:2_000], after[2_000:])
    found = statistics.read(after[:2_000], after[2_000:], covariates=(before[:2_000], before[2_000:]))
    assert plain.absolute is not None and found.adjusted is not None and plain.adjusted is None
    assert found.adjusted.high - found.adjusted.low < 0.4 * (plain.absolute.high - plain.absolute.low)
    assert found.adjusted.low < 1 < found.adjusted.high


def test_where_what_was_before_says_everything_no_adjusted_reading_is_made_up() -> None:
    before = np.arange(40.0)
    found = statistics.read(before[:20], before[20:] + 10, covariates=(before[:20], before[20:] + 10))
    assert found.absolute is not None and found.adjusted is None


def test_without_a_baseline_there_is_an_answer_but_no_relative_one() -> None:
    nobody, some = np.zeros(50), np.r_[np.zeros(40), np.ones(10)]
    found = statistics.read(nobody, some)
    assert found.relative is None and found.absolute is not None and found.sequential is not None
    assert found.absolute.value == found.sequential.value == pytest.approx(0.2)
    # A negative baseline would turn the relative sign round.
    losing = statistics.read(np.array([-3.0, -1.0, -2.0]), np.array([-1.0, 0.0, 1.0]))
    assert (
        losing.relative is None
        and losing.sequential is not None
        and losing.sequential.value == pytest.approx(2)
    )


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.ones(9), np.ones(9)),
        (np.ones(1), np.zeros(9)),
        (np.array([]), np.ones(3)),
        (np.full(4, math.nan), np.ones(3)),
    ],
)
def test_where_nothing_can_be_said_nothing_is(a: NDArray[np.float64], b: NDArray[np.float64]) -> None:
    found = statistics.read(a, b)
    assert [found.absolute, found.relative, found.sequential, found.belief] == [None] * 4


def test_one_huge_value_is_shown_capped_beside() -> None:
    chance = np.random.default_rng(5)
    a, b = chance.exponential(10, 3_000), chance.exponential(10, 3_000) + 1
    assert statistics.read(a, b).capped is None
    a[0] = 50_000
    found = statistics.read(a, b)
    assert found.capped is not None and found.absolute is not None and found.cap is not None
    assert found.absolute.p > 0.05 > found.capped.p and found.cap < 200


@pytest.mark.parametrize(
    ("counts", "shares", "p"),
    [((44700, 45489), (1, 1), 0.0086), ((500, 500), (1, 1), 1.0), ((900, 100), (9, 1), 1.0)],
)
def test_arms_of_other_sizes_than_planned_are_told(
    counts: tuple[int, int], shares: tuple[float, float], p: float
) -> None:
    found = sizes.sample_ratio(counts, shares)
    assert found == pytest.approx(p, abs=5e-5)
    planned = np.array(shares) / sum(shares) * sum(counts)
    assert found == pytest.approx(stats.chisquare(counts, planned).pvalue, rel=1e-6)


def test_so_many_units_show_the_difference_four_times_in_five() -> None:
    n = sizes.needed(10.0, 25.0, 0.1)
    chance = np.random.default_rng(9)
    seen = 0
    for _ in range(300):
        found = statistics.read(chance.normal(10, 5, n // 2), chance.normal(11, 5, n - n // 2)).absolute
        assert found is not None
        seen += found.p < statistics.ALPHA
    assert 0.72 <= seen / 300 <= 0.88
    assert sizes.needed(0, 1, 0.1) == sizes.needed(1, 0, 0.1) == 0


def _answers(n: int, yes: int) -> NDArray[np.float64]:
    return np.repeat(np.array([1.0, 0.0]), [yes, n - yes])


def test_few_yes_are_tested_exactly_and_none_of_forty_has_an_interval() -> None:
    found = statistics.read(_answers(40, 0), _answers(40, 6))
    assert found.exact and found.absolute is not None and found.sequential is not None
    assert found.absolute.p == pytest.approx(stats.barnard_exact([[6, 0], [34, 40]]).pvalue)
    # Agresti and Caffo by hand: 1 of 42 and 7 of 42.
    half = 1.959964 * math.sqrt((1 / 42 * 41 / 42 + 7 / 42 * 35 / 42) / 42)
    assert (found.absolute.low, found.absolute.high) == pytest.approx((6 / 42 - half, 6 / 42 + half))
    assert found.absolute.value == found.sequential.value == 0.15
    assert found.sequential.low < found.absolute.low and found.absolute.high < found.sequential.high
    many = statistics.read(_answers(5_000, 2), _answers(5_000, 15))
    assert many.exact and many.absolute is not None
    assert many.absolute.p == pytest.approx(stats.fisher_exact([[15, 2], [4_985, 4_998]]).pvalue)
    assert not statistics.read(_answers(5_000, 20), _answers(5_000, 35)).exact
    # Nobody against everybody: nothing varies within an arm, and yet it is told.
    apart = statistics.read(_answers(30, 0), _answers(30, 30)).absolute
    assert apart is not None and apart.p < 1e-6 and apart.high == 1.0 and apart.low > 0.8


def test_exact_intervals_hold_the_truth_as_often_as_they_say() -> None:
    # All outcomes of 20 against 20 at true shares of 0.1 and 0.3, each by its likelihood: nothing drawn, no luck.
    weights = [stats.binom.pmf(range(21), 20, share) for share in (0.1, 0.3)]
    held = 0.0
    for a, b in ((a, b) for a in range(9) for b in range(16)):  # beyond lies less than one in a thousand
        found = statistics.read(_answers(20, a), _answers(20, b)).absolute
        held += float(weights[0][a] * weights[1][b]) * (
            found is not None and found.low <= 0.2 <= found.high if (a, b) != (0, 0) else 0.0
        )
    assert 0.94 <= held <= 0.985


def test_one_enormous_value_in_the_control_makes_no_certainty_of_chance() -> None:
    # Its mean of 2,000 has an error of 2,000. The delta method says p = 0 (gbstats 0.8.0 does), Welch's test 0.32.
    a, b = np.r_[100_000.0, np.zeros(49)], np.random.default_rng(1).normal(5, 1, 50)
    found = statistics.read(a, b)
    assert found.relative is None and found.absolute is not None and found.sequential is not None
    assert found.absolute.p > 0.3 and found.sequential.p == 1.0
    assert found.sequential.value == pytest.approx(found.absolute.value)


def test_a_tested_arm_of_nothing_has_a_difference_and_no_share() -> None:
    found = statistics.read(np.random.default_rng(2).normal(20, 5, 60), np.zeros(60))
    assert found.relative is None and found.sequential is not None and found.sequential.high < 0
    assert found.absolute is not None and found.absolute.p < 1e-6


def test_one_huge_value_is_capped_in_a_small_table_too() -> None:
    chance = np.random.default_rng(8)
    a, b = chance.normal(10, 2, 60), chance.normal(10, 2, 60)
    a[0] = 100_000
    found = statistics.read(a, b)
    assert found.capped is not None and found.cap is not None
    assert found.cap < 20 and abs(found.capped.value) < 2
