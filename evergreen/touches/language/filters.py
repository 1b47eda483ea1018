"""The filters of templates: a fixed list, each with what may stand behind its colon."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from evergreen.base import money
from evergreen.base.languages import is_zh

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@dataclass(frozen=True, slots=True)
class Filter:
    """``apply(value, argument, language)``; ``allowed`` says what the argument may be, ``is_allowed`` whether it is."""

    apply: Callable[[Any, Any, str], Any]
    zh: str
    en: str
    example: str = ""
    allowed: str = "-"
    is_allowed: Callable[[Any], bool] = lambda argument: False
    is_needed: bool = False

    def wrong(self, argument: Any) -> str:
        """What is allowed instead of an argument; '' where it is right."""
        return "" if self.is_allowed(argument) else self.allowed


def _date(value: Any, form: Any, language: str) -> Any:
    if not isinstance(value, dt.date):
        return value
    if form == "iso":
        return value.strftime("%Y-%m-%d")
    if form == "short":
        return (
            f"{value.month}月{value.day}日"
            if is_zh(language)
            else f"{value.day} {_MONTHS[value.month - 1][:3]}"
        )
    if is_zh(language):
        return f"{value.year}年{value.month}月{value.day}日"
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def _decimal(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and not isinstance(value, bool) else None


def _number(value: Any, digits: Any, language: str) -> Any:
    number = _decimal(value)
    if number is None:
        return value
    if digits is None:
        digits = 0 if number == number.to_integral_value() else 1
    return f"{number:,.{int(digits)}f}"


def _percent(value: Any, digits: Any, language: str) -> Any:
    number = _decimal(value)
    return value if number is None else f"{number * 100:,.{int(digits or 0)}f}%"


def _money(value: Any, currency: Any, language: str) -> Any:
    number = _decimal(value)
    if number is None or currency is None:
        return value
    places = money.exponent(str(currency))
    return f"{currency} {number:,.{places}f}"


def _join(value: Any, between: Any, language: str) -> Any:
    if isinstance(value, tuple | list):
        return str(between if between is not None else ("、" if is_zh(language) else ", ")).join(
            map(str, value)
        )
    return value


def _truncate(value: Any, length: Any, language: str) -> Any:
    text = str(value)
    return text if len(text) <= int(length) else text[: max(0, int(length) - 1)].rstrip() + "…"


def _digits(most: int, least: int = 0) -> dict[str, Any]:
    return {
        "allowed": f"{least}–{most}",
        "is_allowed": lambda given: (
            isinstance(given, int) and not isinstance(given, bool) and least <= given <= most
        ),
    }


_ANY: dict[str, Any] = {"allowed": '"…"', "is_allowed": lambda given: True}
_FORMS = ("long", "short", "iso")

FILTERS: dict[str, Filter] = {
    "default": Filter(
        lambda value, instead, language: instead if value is None or value == "" else value,
        "没有值时用它", "used where there is no value", '"…"', is_needed=True, **_ANY,
    ),
    "date": Filter(
        _date, "日期：long（2026年5月1日）、short（5月1日）、iso", "a date: long (1 May 2026), short (1 May), iso", '"short"',
        ", ".join(_FORMS), lambda given: given in _FORMS,
    ),
    "number": Filter(_number, "数字，千位分隔，小数位数", "a number, thousands split, with so many decimals", "1", **_digits(6)),
    "percent": Filter(_percent, "百分数：0.25 写成 25%", "a share: 0.25 becomes 25%", "1", **_digits(3)),
    "money": Filter(
        _money, "金额，后面是货币", "an amount, with its currency", "account.currency",
        "CNY, USD, EUR …", lambda given: isinstance(given, str) and len(given) == 3 and given.isupper(), True,
    ),
    "join": Filter(_join, "把几个连起来", "several in a row", '"; "', **_ANY),
    "truncate": Filter(_truncate, "最多多少个字", "at most so many characters", "40", is_needed=True, **_digits(1000, 1)),
    "trim": Filter(lambda value, _none, language: str(value).strip(), "去掉首尾空白", "without blanks around it"),
    "upper": Filter(lambda value, _none, language: str(value).upper(), "大写", "in capitals"),
    "lower": Filter(lambda value, _none, language: str(value).lower(), "小写", "in small letters"),
    "capitalize": Filter(
        lambda value, _none, language: str(value)[:1].upper() + str(value)[1:], "首字母大写", "the first letter a capital"
    ),
}  # fmt: skip
