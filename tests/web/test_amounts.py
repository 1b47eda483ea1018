"""Figures that stand below each other: one unit, as many decimals."""

from __future__ import annotations

import pytest
from django.utils import translation

from evergreen.web import formats


@pytest.mark.parametrize(
    ("language", "currency", "cents", "words", "shown"),
    [
        ("en", "CNY", [155_140_200, 176_560_000], "¥k", ["1,551.4", "1,765.6"]),
        ("en", "CNY", [1_000_00, 99_999_00], "¥", ["1,000", "99,999"]),
        ("en", "CNY", [100_000_00, -28_000_49], "¥k", ["100.0", "−28.0"]),
        ("en", "USD", [2_000_000_000_00, 0], "$M", ["2,000.0", "0.0"]),
        ("en", "JPY", [100_000], "JP¥k", ["100.0"]),
        ("zh-hans", "CNY", [155_140_200, 176_560_000], "¥ 万", ["155.1", "176.6"]),
        ("zh-hans", "CNY", [999_999_00], "¥", ["999,999"]),
        ("zh-hans", "CNY", [2_000_000_000_000_00], "¥ 亿", ["20,000.0"]),
        ("en", "CNY", [], "¥", []),
    ],
)
def test_amounts_that_stand_together_have_one_unit(
    language: str, currency: str, cents: list[int], words: str, shown: list[str]
) -> None:
    with translation.override(language):
        unit = formats.amount_unit(cents, currency)
        assert unit.words == words
        assert [unit.figure(one) for one in cents] == shown


def test_an_amount_alone_carries_its_unit() -> None:
    with translation.override("en"):
        assert formats.amount_unit([155_140_200], "CNY").money(155_140_200) == "¥1,551.4k"
    with translation.override("zh-hans"):
        assert formats.amount_unit([155_140_200], "CNY").money(155_140_200) == "¥ 155.1 万"


@pytest.mark.parametrize(
    ("share", "digits", "shown"),
    [(1.0, 1, "100.0%"), (0.99994, 2, "99.99%"), (-0.0001, 1, "0.0%"), (-0.12, 0, "−12%"), (None, 1, "—")],
)
def test_shares_have_as_many_decimals_as_asked(share: float | None, digits: int, shown: str) -> None:
    assert formats.percent(share, digits) == shown
