from __future__ import annotations

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace

import pytest

from evergreen.base import actions, money, queries
from evergreen.base.models import AuditEntry, Setting
from evergreen.base.options import OPTIONS


def test_a_setting_has_its_default_until_it_is_changed(cast: SimpleNamespace, now: dt.datetime) -> None:
    assert queries.setting("night_hour") == 2
    actions.change_setting("night_hour", "4", by=cast.boss, now=now)
    assert queries.setting("night_hour") == 4 == queries.all_settings()["night_hour"]
    entry = AuditEntry.objects.get(verb="setting.changed")
    assert (entry.by, entry.before, entry.after) == (cast.boss, {"night_hour": None}, {"night_hour": 4})


def test_setting_the_same_value_again_writes_nothing(db: None, now: dt.datetime) -> None:
    for _time in range(2):
        actions.change_setting("night_hour", 4, by=None, now=now)
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("night_hour", 24, "0 to 23"),
        ("night_hour", "two", "whole number"),
        ("language", "fr", "zh-hans, en"),
        ("timezone", "Mars/Olympus", "Asia/Shanghai"),
        ("currency", "rmb", "three-letter ISO code"),
        ("calendar", "DE", "CN, weekends"),
        ("attachment_mb", 0, "1 to 1024"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(
    db: None, now: dt.datetime, key: str, value: object, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        actions.change_setting(key, value, by=None, now=now)
    assert not Setting.objects.exists()


def test_every_default_is_itself_allowed() -> None:
    assert {key: option.clean(option.default) for key, option in OPTIONS.items() if option.default != ""} == {
        key: option.default for key, option in OPTIONS.items() if option.default != ""
    }


def test_a_rate_holds_from_its_day_on(db: None, now: dt.datetime) -> None:
    actions.set_rate("USD", Decimal("7.1"), dt.date(2026, 1, 1), by=None, now=now)
    actions.set_rate("USD", Decimal("7.2"), dt.date(2026, 7, 1), by=None, now=now)
    assert queries.rates(dt.date(2025, 12, 31)) == {"CNY": Decimal(1)}
    assert queries.rates(dt.date(2026, 6, 30))["USD"] == Decimal("7.1")
    assert queries.rates(dt.date(2026, 7, 1))["USD"] == Decimal("7.2")
    with pytest.raises(ValueError, match="above 0"):
        actions.set_rate("USD", Decimal(0), dt.date(2026, 1, 1), by=None, now=now)


def test_the_vendors_day_begins_in_its_own_zone(db: None, now: dt.datetime) -> None:
    late = dt.datetime(2026, 11, 20, 16, 30, tzinfo=dt.UTC)
    assert queries.vendor_day(late) == dt.date(2026, 11, 21)
    actions.change_setting("timezone", "UTC", by=None, now=now)
    assert queries.vendor_day(late) == dt.date(2026, 11, 20)


def test_money_keeps_the_decimals_of_its_currency() -> None:
    assert money.to_minor(Decimal("12.345"), "CNY") == 1235
    assert money.to_minor(Decimal("1234"), "JPY") == 1234
    assert money.to_major(12345, "KWD") == Decimal("12.345")
    assert money.full(28_600_000, "CNY") == "¥286,000.00"


def test_money_is_read_in_ten_thousands_in_chinese_and_in_thousands_in_english() -> None:
    assert money.short(28_600_000, "CNY", "zh-hans") == "¥ 28.6 万"
    assert money.short(28_600_000, "CNY", "en") == "¥286k"
