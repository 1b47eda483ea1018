"""The pure parts against naive calculations: growth, purchases, chances, look-alikes, values."""

from __future__ import annotations

import datetime as dt
import itertools
import math

import numpy as np
import pytest

from evergreen.customers.lines import NEVER, number
from evergreen.foresight.expansion import alike, buying, chances, growth, values
from evergreen.foresight.expansion.buying import Kind
from evergreen.foresight.expansion.catalogue import Catalogue, Sold

DAY = number(dt.date(2026, 1, 1))
SMALL, LARGE, OTHER = 1, 2, 3
SHOP = Catalogue(
    (10, 20),
    {
        SMALL: Sold(SMALL, 10, frozenset({"a", "b"}), {"a": 100.0}),
        LARGE: Sold(LARGE, 10, frozenset({"a", "b", "c"}), {"a": 500.0}),
        OTHER: Sold(OTHER, 20, frozenset({"x"}), {}),
    },
)


def test_the_change_a_week_is_the_median_of_all_pairs_a_month_apart() -> None:
    dice = np.random.default_rng(3)
    values_ = np.arange(26)[:, None] * np.array([0.5, 0.0, -1.0]) + dice.normal(0, 2, (26, 3)) + 40
    values_[[2, 9], 1] = np.nan
    level, change, low, high = growth.slopes(values_)
    for column in range(3):
        series = values_[:, column]
        pairs = [
            (series[b] - series[a]) / (b - a)
            for a, b in itertools.combinations(range(26), 2)
            if b - a >= 4 and not math.isnan(series[a]) and not math.isnan(series[b])
        ]
        assert change[column] == pytest.approx(np.median(pairs))
        levels = [
            one + change[column] * (25 - week) for week, one in enumerate(series) if not math.isnan(one)
        ]
        assert level[column] == pytest.approx(np.median(levels))
        assert min(pairs) <= low[column] <= change[column] <= high[column] <= max(pairs)
    assert low[0] > 0 > high[2] and low[1] <= 0 <= high[1]


def test_one_odd_week_moves_no_slope_and_too_few_weeks_say_nothing() -> None:
    plain = np.arange(26, dtype=np.float64)[:, None]
    odd = plain.copy()
    odd[25] = 500
    assert growth.slopes(odd)[1][0] == pytest.approx(growth.slopes(plain)[1][0])
    short = np.full((26, 1), np.nan)
    short[-5:] = 7.0
    assert all(math.isnan(one[0]) for one in growth.slopes(short))


def test_the_interval_of_the_change_holds_the_truth_about_nine_times_in_ten() -> None:
    """On windows of four weeks that overlap, as the metric is: the naive interval would hold it far less often."""
    dice = np.random.default_rng(11)
    weekly = dice.normal(10, 3, (29, 400)) + np.arange(29)[:, None] * 0.2
    windows = np.stack([weekly[n : n + 4].mean(axis=0) for n in range(26)])
    _level, _change, low, high = growth.slopes(windows)
    held = float(((low <= 0.2) & (high >= 0.2)).mean())
    assert 0.84 <= held <= 0.99


@pytest.mark.parametrize(
    ("limit", "level", "change", "weeks"),
    [(50, 40, 2.0, 5.0), (50, 50, 0.0, 0.0), (50, 60, -3.0, 0.0), (50, 40, 0.0, None), (50, 40, -1.0, None)],
)
def test_weeks_until_a_limit(limit: float, level: float, change: float, weeks: float | None) -> None:
    assert growth.weeks_until(limit, level, change) == weeks
    assert growth.weeks_until(limit, math.nan, change) is None


def _line(
    product: int, edition: int, start: int, end: int, cents: float, seats: float, known: int | None = None
) -> tuple[int, int, int, int, int, int, float, float]:
    return (
        1,
        product,
        edition,
        DAY + start,
        DAY + end,
        DAY + (start if known is None else known),
        cents,
        seats,
    )


def _bought(*lines: tuple[int, int, int, int, int, int, float, float]) -> list[tuple[str, int, float, float]]:
    found = buying.purchases(buying.lines_of(lines), SHOP)
    return [
        (buying.KINDS[kind].value, on - DAY, cents, seats)
        for kind, on, cents, seats in zip(
            found.kind.tolist(),
            found.bought.tolist(),
            found.cents.tolist(),
            found.seats.tolist(),
            strict=True,
        )
    ]


def test_a_renewal_with_more_seats_is_a_purchase_on_the_day_it_was_signed() -> None:
    assert _bought(_line(10, SMALL, 0, 365, 1200, 10), _line(10, SMALL, 365, 730, 1800, 15, known=350)) == [
        ("seats", 350, 600, 5)
    ]


def test_seats_added_within_a_term_count_beside_those_held() -> None:
    assert _bought(_line(10, SMALL, 0, 365, 1200, 10), _line(10, SMALL, 100, 365, 300, 3)) == [
        ("seats", 100, 300, 3)
    ]


def test_a_late_renewal_is_compared_with_what_was_held_last() -> None:
    first = _line(10, SMALL, 0, 365, 1200, 10)
    assert _bought(first, _line(10, SMALL, 390, 755, 1200, 10)) == []
    assert _bought(first, _line(10, SMALL, 390, 755, 1320, 11)) == [("seats", 390, 120, 1)]
    # Who comes back after a year buys anew; nothing is enlarged.
    assert _bought(first, _line(10, SMALL, 800, 1200, 2400, 20)) == []


def test_an_edition_that_holds_more_is_a_purchase_and_a_smaller_one_is_none() -> None:
    up = _bought(_line(10, SMALL, 0, 365, 1200, 10), _line(10, LARGE, 365, 730, 3000, 10))
    assert up == [("edition", 365, 1800, 0)]
    assert _bought(_line(10, LARGE, 0, 365, 3000, 10), _line(10, SMALL, 365, 730, 1200, 8)) == []


def test_another_product_is_a_purchase_once_and_the_first_of_all_is_none() -> None:
    lines = [
        _line(10, SMALL, 0, 730, 1200, 10), _line(20, OTHER, 200, 565, 500, 0), _line(20, OTHER, 565, 930, 500, 0),
    ]  # fmt: skip
    assert _bought(*lines) == [("product", 200, 500, 0)]
    assert _bought(_line(10, SMALL, 0, 365, 1200, 10), _line(20, OTHER, 0, 365, 500, 0)) == []


def test_which_edition_stands_above_goes_by_features_and_limits() -> None:
    assert SHOP.next_above(SMALL) == LARGE and SHOP.next_above(LARGE) is None
    assert not SHOP.is_above(LARGE, OTHER)
    wider = Catalogue((1,), {5: Sold(5, 1, frozenset({"a"}), {"a": 10}), 6: Sold(6, 1, frozenset({"a"}), {})})
    assert wider.is_above(6, 5) and not wider.is_above(5, 6)


def test_chances_lie_between_the_pattern_s_own_count_and_what_its_signs_say() -> None:
    dice = np.random.default_rng(5)
    flags = dice.random((6_000, 3)) < [0.3, 0.5, 0.2]
    truth = 0.03 + 0.15 * flags[:, 0] + 0.05 * flags[:, 2]
    bought = dice.random(6_000) < truth
    table = chances.learn(("a", "b", "c"), flags, bought, 1.0)
    assert table.base == pytest.approx((bought.sum() + 0.5) / 6_001)
    said = table.shares(flags)
    for pattern in np.unique(chances.patterns(flags)).tolist():
        rows = chances.patterns(flags) == pattern
        assert table.counts[pattern] == (rows.sum(), bought[rows].sum())
        assert said[rows][0] == table.chance(pattern).share
    assert abs(said - truth).mean() < 0.02
    assert abs(table.effects[2]) < 0.35 < table.effects[1]


def test_too_few_purchases_tell_no_signs_apart() -> None:
    flags = np.array([[True], [False]] * 200)
    bought = np.zeros(400, np.bool_)
    bought[:16:2] = True
    table = chances.learn(("a",), flags, bought, 1.0)
    assert table.is_thin and set(table.shares(flags).tolist()) == {table.base}
    assert chances.learn(("a",), flags[:0], bought[:0], 1.0).base == 0.5


def test_a_rare_pattern_is_drawn_to_the_prior_and_a_frequent_one_keeps_its_count() -> None:
    n, k = np.array([2.0, 900.0]), np.array([2.0, 90.0])
    strength = chances.best_strength(n, k, np.array([0.1, 0.1]))
    posterior = (k + strength * 0.1) / (n + strength)
    assert 0.1 < posterior[0] < 1.0 and posterior[1] == pytest.approx(0.1, abs=0.001)


def test_look_alikes_are_the_nearest_other_accounts_each_once() -> None:
    dice = np.random.default_rng(1)
    cases, account = dice.normal(size=(600, 4)), dice.integers(0, 120, 600)
    asked, own = dice.normal(size=(9, 4)), np.arange(9)
    bought = dice.random(600) < 0.2
    found = alike.alike(asked, own, cases, account, bought, 0.2)
    for row in range(9):
        nearest: dict[int, int] = {}
        for place in np.argsort(((cases - asked[row]) ** 2).sum(axis=1)).tolist():
            if account[place] != own[row]:
                nearest.setdefault(int(account[place]), place)
        wanted = list(nearest.values())[:30]
        assert found.places[row].tolist() == wanted
        assert found.bought[row] == bought[wanted].sum()


def test_where_the_near_ones_bought_by_chance_their_share_is_the_vendor_s() -> None:
    dice = np.random.default_rng(2)
    cases = dice.normal(size=(900, 3))
    bought = dice.random(900) < 0.1
    found = alike.alike(cases[:200], np.arange(200), cases, np.arange(900), bought, float(bought.mean()))
    assert abs(found.share - bought.mean()).max() < 0.1
    planted = cases[:, 0] > 1.2
    sure = alike.alike(cases[:200], np.arange(200), cases, np.arange(900), planted, float(planted.mean()))
    assert sure.share[cases[:200, 0] > 1.5].min() > 2 * sure.share[cases[:200, 0] < 0].max()


def test_by_how_much_past_buyers_enlarged() -> None:
    assert values.typical_share(np.array([2.0, 10.0, 3.0]), np.array([10.0, 20.0, 0.0])) == 0.35
    assert values.typical_share(np.zeros(0), np.zeros(0)) == 0.1


def test_every_kind_is_spelled_as_the_record_does(db: None) -> None:
    from evergreen.foresight.expansion.models import Suggestion

    assert [kind.value for kind in Kind] == Suggestion.Kind.values
    assert NEVER > DAY
