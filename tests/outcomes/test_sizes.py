"""Sizes of arms, ratios of sums and what accounts pay on a day, each against a calculation by hand."""

from __future__ import annotations

import datetime as dt
import itertools
import math

import numpy as np
import pytest
from scipy import stats

from evergreen.customers.lines import columns, number, pairs
from evergreen.outcomes.experiments import sizes, statistics
from evergreen.outcomes.portfolio.standings import overdue_until, paid_on
from evergreen.outcomes.revenue import Line, movements
from tests.torture.experiments import SLACK, WORLDS, alarms, most, uneven


@pytest.mark.parametrize(("counts", "share"), [((9, 1), 0.5), ((3, 0), 0.5), ((40, 60), 0.6), ((25, 8), 0.1)])
def test_few_units_in_two_arms_are_held_against_the_binomial_itself(
    counts: tuple[int, int], share: float
) -> None:
    n, seen = sum(counts), counts[1]
    chances = [math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
    by_hand = sum(one for one in chances if one <= chances[seen] * (1 + 1e-7))
    assert sizes.sample_ratio(counts, (1 - share, share)) == pytest.approx(by_hand)


def test_few_units_in_three_arms_are_held_against_the_multinomial_itself() -> None:
    counts, planned = (9, 1, 2), (0.5, 0.3, 0.2)

    def chance(of: tuple[int, ...]) -> float:
        ways = math.factorial(12) / math.prod(map(math.factorial, of))
        return ways * math.prod(share**n for share, n in zip(planned, of, strict=True))

    every = [of for of in itertools.product(range(13), repeat=3) if sum(of) == 12]
    by_hand = sum(chance(of) for of in every if chance(of) <= chance(counts) * (1 + 1e-9))
    assert sizes.sample_ratio(counts, planned) == pytest.approx(by_hand)
    assert sizes.sample_ratio((0, 0, 0), planned) == sizes.sample_ratio((5,)) == 1.0


def test_many_arms_of_few_units_are_drawn_and_many_units_by_chi_square() -> None:
    ten = [1] * 10
    assert sizes.sample_ratio([3, 3, 3, 3, 3, 3, 3, 3, 3, 3], ten) == pytest.approx(1.0, abs=1e-4)
    # All thirty in one arm of ten.
    assert sizes.sample_ratio([30] + [0] * 9, ten) < 1e-4
    counts = [340, 330, 290, 360]
    assert sizes.sample_ratio(counts) == pytest.approx(stats.chisquare(counts).pvalue)


def test_the_exact_test_flags_no_more_fair_arms_than_it_says() -> None:
    # Every outcome of 60 fair tosses by its likelihood: nothing drawn, no luck.
    flagged = sum(
        stats.binom.pmf(k, 60, 0.5) for k in range(61) if sizes.sample_ratio((60 - k, k)) < sizes.RATIO_ALPHA
    )
    assert 0.003 < flagged <= sizes.RATIO_ALPHA


def test_of_arms_without_a_difference_few_are_told_apart() -> None:
    """A small run of ``make torture GROUP=experiments``: two worlds, 40 experiments each."""
    dice = np.random.default_rng(5)
    for world in (WORLDS[1], WORLDS[6]):
        found = alarms(world, 40, dice)
        assert max(found.fixed, found.adjusted) <= most(40, statistics.ALPHA + SLACK), world.name
        assert found.looked <= most(40, statistics.ALPHA) and found.said <= found.fixed
    assert uneven(60, dice) <= most(60, sizes.RATIO_ALPHA)


def test_the_power_told_beforehand_is_the_share_of_experiments_that_see_it() -> None:
    shares, n, chance, seen = (0.3, 0.7), 240, np.random.default_rng(12), 0
    for _ in range(150):
        found = statistics.read(chance.normal(50, 12, 72), chance.normal(55, 12, 168)).absolute
        seen += found is not None and found.p < 0.05
    told = sizes.power(50, 144, 0.1, n, shares)
    assert abs(seen / 150 - told) < 0.09
    # As many as are needed for four in five give four in five.
    wanted = sizes.needed(50, 144, 0.1, shares)
    assert sizes.power(50, 144, 0.1, wanted, shares) == pytest.approx(0.8, abs=0.005)
    assert sizes.needed(0, 1, 0.1, shares) == 0 and sizes.power(0, 1, 0.1, 10) == 0.0


def test_a_ratio_of_sums_has_the_delta_methods_interval() -> None:
    chance = np.random.default_rng(6)
    arms = []
    for lift in (1.0, 1.1):
        before = chance.lognormal(8, 1, 400)
        arms.append((before * chance.normal(lift, 0.3, 400).clip(0), before))
    found = statistics.read_ratio(*arms)
    assert found.absolute is not None and found.relative is not None and found.sequential is not None
    errors = []
    for (after, before), arm in zip(arms, (found.control, found.treatment), strict=True):
        ratio = after.sum() / before.sum()
        # Var(y)/x² + y² Var(x)/x⁴ - 2 y Cov/x³, of means.
        cov = np.cov(after, before)
        y, x = after.mean(), before.mean()
        by_hand = cov[0, 0] / x**2 + y**2 * cov[1, 1] / x**4 - 2 * y * cov[0, 1] / x**3
        assert arm.mean == pytest.approx(ratio) and arm.variance == pytest.approx(by_hand)
        errors.append(by_hand / 400)
    half = (found.absolute.high - found.absolute.low) / 2
    assert half == pytest.approx(1.96 * math.sqrt(sum(errors)), rel=0.01)
    assert found.absolute.value == pytest.approx(found.treatment.mean - found.control.mean)
    assert found.relative.value == pytest.approx(found.treatment.mean / found.control.mean - 1)
    # Missing on either side is left out; without anything paid nothing is said.
    gone = np.r_[arms[0][1], math.nan]
    assert statistics.read_ratio((np.r_[arms[0][0], 5.0], gone), arms[1]).control.n == 400
    nothing = statistics.read_ratio((np.zeros(5), np.zeros(5)), arms[1])
    assert nothing.absolute is None and nothing.treatment.n == 400


@pytest.mark.parametrize("grace", [0, 60])
def test_what_an_account_pays_on_a_day_of_its_own_is_what_the_portfolio_says(grace: int) -> None:
    chance, first = np.random.default_rng(grace + 1), dt.date(2026, 1, 1)
    rows = [
        (int(chance.integers(1, 40)), contract, start, start + int(chance.integers(20, 200)) if chance.random() < 0.8 else None, None, int(chance.integers(1, 900)), int(chance.integers(1, 3)), None)
        for contract in range(160)
        for start in [number(first) + int(chance.integers(-200, 200))]
    ]  # fmt: skip
    lines = columns(rows)
    accounts = np.arange(1, 45)
    asked = number(first) + chance.integers(-50, 250, len(accounts))
    followed = pairs(lines, int(asked.min()) - grace, int(asked.max()), grace)
    found = paid_on(lines, overdue_until(lines, followed, grace), accounts, asked)
    plain = [Line(a, c, dt.date(1970, 1, 1) + dt.timedelta(days=s), None if e is None else dt.date(1970, 1, 1) + dt.timedelta(days=e), cents, edition) for a, c, s, e, _signed, cents, edition, _by in rows]  # fmt: skip
    for account, day, cents in zip(accounts.tolist(), asked.tolist(), found.tolist(), strict=True):
        on = dt.date(1970, 1, 1) + dt.timedelta(days=day)
        moved = {
            one.account: one.end_cents
            for one in movements(plain, on - dt.timedelta(days=1), on, grace_days=grace)
        }
        assert cents == moved.get(account, 0), (account, on)
