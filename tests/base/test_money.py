from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from evergreen.base import money

RATES = {"CNY": Decimal(1), "USD": Decimal("7.1234"), "JPY": Decimal("0.048215"), "KWD": Decimal("23.15")}


@pytest.mark.parametrize("amount", [0, 1, 99, 12_345, 1_000_000_007, -4_321])
@pytest.mark.parametrize("currency", RATES)
@pytest.mark.parametrize("target", RATES)
def test_an_amount_is_converted_by_its_minor_units_and_rates(amount: int, currency: str, target: str) -> None:
    places = {"CNY": 2, "USD": 2, "JPY": 0, "KWD": 3}
    exact = Fraction(amount, 10 ** places[currency]) * Fraction(RATES[currency]) / Fraction(RATES[target])
    found = money.converted(amount, currency, target, RATES)
    assert found is not None
    assert abs(Fraction(found, 10 ** places[target]) - exact) <= Fraction(1, 2 * 10 ** places[target])


def test_a_thousand_yen_are_forty_eight_yuan_and_not_half_a_yuan() -> None:
    assert money.converted(1_000, "JPY", "CNY", RATES) == 4_822


def test_without_a_rate_nothing_is_converted() -> None:
    assert money.converted(5, "EUR", "CNY", RATES) is None
    assert money.converted(5, "EUR", "EUR", {}) == 5
