"""Cells as people write them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from evergreen.events.imports import cells, fields
from evergreen.events.imports.fields import Field, Kind
from evergreen.events.imports.formats import Formats, UnreadableError

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture(autouse=True)
def english() -> Any:
    with translation.override("en"):
        yield


def read(value: Any, kind: Kind, **options: Any) -> Any:
    of = {name: options.pop(name) for name in ("most", "least", "choices") if name in options}
    return cells.read(value, Field("f", kind, "字段", "Field", **of), Formats(SHANGHAI, **options))


@pytest.mark.parametrize(
    ("written", "formats", "meant"),
    [
        ("2025-01-31", (), dt.date(2025, 1, 31)),
        ("2025/1/31", (), dt.date(2025, 1, 31)),
        ("2025.01.31", (), dt.date(2025, 1, 31)),
        ("2025年1月31日", (), dt.date(2025, 1, 31)),
        ("２０２５年１月３１日", (), dt.date(2025, 1, 31)),
        ("20250131", (), dt.date(2025, 1, 31)),
        (20250131, (), dt.date(2025, 1, 31)),
        ("45688", (), dt.date(2025, 1, 31)),
        (45688, (), dt.date(2025, 1, 31)),
        (45688.75, (), dt.date(2025, 1, 31)),
        (dt.datetime(2025, 1, 31, 23, 30), (), dt.date(2025, 1, 31)),
        ("2025-01-31T18:00:00Z", (), dt.date(2025, 2, 1)),  # Shanghai's day
        ("31-01-2025", ("%d-%m-%Y",), dt.date(2025, 1, 31)),
        ("01/31/25", ("%m/%d/%y",), dt.date(2025, 1, 31)),
        ("2025-01-31", ("%d-%m-%Y",), dt.date(2025, 1, 31)),
        ("9999-12-31", (), dt.date(9999, 12, 31)),
    ],
)
def test_dates_are_read(written: Any, formats: tuple[str, ...], meant: dt.date) -> None:
    assert read(written, Kind.DATE, dates=formats) == meant


@pytest.mark.parametrize(
    ("written", "formats"),
    [
        ("31/01/2025", ()),
        ("2025-02-30", ()),
        ("soon", ()),
        ("2025-31-01", ("%Y-%d-%m-x",)),
        ("12", ()),
        (True, ()),
    ],
)
def test_what_is_no_date_says_what_would_be(written: Any, formats: tuple[str, ...]) -> None:
    with pytest.raises(UnreadableError) as error:
        read(written, Kind.DATE, dates=formats)
    assert "a date" in error.value.allowed
    assert error.value.found


def test_a_format_that_begins_with_the_year_is_the_only_one_taken() -> None:
    assert read("2025-03-01", Kind.DATE, dates=("%Y-%d-%m",)) == dt.date(2025, 1, 3)
    with pytest.raises(UnreadableError):
        read("2025-01-31", Kind.DATE, dates=("%Y-%m-%d %H:%M",))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2025-01-31 18:30", dt.datetime(2025, 1, 31, 10, 30, tzinfo=dt.UTC)),
        ("2025-01-31", dt.datetime(2025, 1, 30, 16, tzinfo=dt.UTC)),
        ("2025-01-31T18:30:00+01:00", dt.datetime(2025, 1, 31, 17, 30, tzinfo=dt.UTC)),
        ("2025年1月31日 18时30分", dt.datetime(2025, 1, 31, 10, 30, tzinfo=dt.UTC)),
        ("2025/1/31 8:05:09.25", dt.datetime(2025, 1, 31, 0, 5, 9, 250_000, tzinfo=dt.UTC)),
        (45688.5, dt.datetime(2025, 1, 31, 4, tzinfo=dt.UTC)),
        ("1738290600", dt.datetime(2025, 1, 31, 2, 30, tzinfo=dt.UTC)),
        (1738290600123, dt.datetime(2025, 1, 31, 2, 30, 0, 123_000, tzinfo=dt.UTC)),
    ],
)
def test_naive_times_are_the_vendors(written: Any, meant: dt.datetime) -> None:
    assert read(written, Kind.MOMENT) == meant


@pytest.mark.parametrize(
    ("written", "decimal", "meant"),
    [
        ("1234.56", ".", "1234.56"),
        ("1,234.56", ".", "1234.56"),
        ("¥1,234", ".", "1234"),
        ("￥ 1,234.50", ".", "1234.5"),
        ("1234元", ".", "1234"),
        ("USD 1,234", ".", "1234"),
        ("1.2万", ".", "12000"),
        ("3亿", ".", "300000000"),
        ("(1,234.00)", ".", "-1234"),
        ("-5", ".", "-5"),
        ("１２３４", ".", "1234"),
        ("1.234,56", ",", "1234.56"),
        ("1 234,56 €", ",", "1234.56"),
        ("1'234.50", ".", "1234.5"),
        (0.1, ".", "0.1"),
        ("1e3", ".", "1000"),
    ],
)
def test_amounts_are_read(written: Any, decimal: str, meant: str) -> None:
    assert read(written, Kind.MONEY, decimal=decimal) == Decimal(meant)


@pytest.mark.parametrize(
    ("written", "decimal"), [("1,50", "."), ("1.50", ","), ("12,34,567", "."), ("ten", "."), ("", ".")]
)
def test_an_ambiguous_amount_is_not_guessed_at(written: str, decimal: str) -> None:
    with pytest.raises(UnreadableError) as error:
        read(written, Kind.MONEY, decimal=decimal)
    assert "decimal" in error.value.allowed


def test_shares_are_read_as_parts_or_percent() -> None:
    assert read("15%", Kind.SHARE) == read("0.15", Kind.SHARE) == read(0.15, Kind.SHARE) == Decimal("0.15")
    with pytest.raises(UnreadableError):
        read("150%", Kind.SHARE)


def test_ids_and_phones_keep_every_letter() -> None:
    assert read("007", Kind.KEY) == "007"
    assert read(8613800138000, Kind.KEY) == "8613800138000"
    assert read(8613800138000.0, Kind.TEXT) == "8613800138000"
    assert read("+86 138-0013-8000", Kind.TEXT) == "+86 138-0013-8000"
    with pytest.raises(UnreadableError) as error:
        read("1.38E+12", Kind.KEY)
    assert "shortened" in error.value.reason


def test_flags_and_choices_know_chinese_and_english_words() -> None:
    for yes in ("是", "TRUE", "Yes", "1", 1, True, "√"):
        assert read(yes, Kind.FLAG) is True
    for no in ("否", "false", "N", "0", 0.0, False):
        assert read(no, Kind.FLAG) is False
    assert read("J", Kind.FLAG, true_words=frozenset({"j"})) is True
    assert read("紧急", Kind.CHOICE, choices=fields.PRIORITIES) == "urgent"
    assert read("Decision Maker", Kind.CHOICE, choices=fields.CHAIN_ROLES) == "decision_maker"
    with pytest.raises(UnreadableError) as error:
        read("gold", Kind.CHOICE, choices=fields.TIERS)
    assert "strategic, growth, basic" in error.value.allowed


def test_texts_that_a_database_cannot_hold_are_refused() -> None:
    assert read("a\0b", Kind.TEXT) == "ab"
    with pytest.raises(UnreadableError):
        read("\ud800", Kind.TEXT)
    with pytest.raises(UnreadableError, match="too long"):
        read("x" * 201, Kind.TEXT)
    with pytest.raises(UnreadableError, match="formula"):
        read("#REF!", Kind.TEXT)


def test_several_words_in_a_cell_are_split() -> None:
    assert read("大客户；续约, 重点、大客户", Kind.WORDS) == ["大客户", "续约", "重点"]


def test_custom_values_keep_their_type_and_codes_their_zeros() -> None:
    found = [
        read(value, Kind.PLAIN)
        for value in ("12", "0012", "1.5", "True", "+86", "-3", "text", Decimal("2.50"))
    ]
    assert found == [12, "0012", 1.5, True, "+86", -3, "text", 2.5]
