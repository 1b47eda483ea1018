"""Money: minor units by ISO 4217 exponent, words for zh (万, 亿) and en (k, M)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from evergreen.base.languages import is_zh

# ISO 4217 exponents that are not 2.
_EXPONENTS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    "CLF": 4,
    "UYW": 4,
}
_SIGNS = {
    "CNY": "¥",
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "JP¥",
    "HKD": "HK$",
    "SGD": "S$",
    "TWD": "NT$",
}


def exponent(currency: str) -> int:
    """How many decimal places the currency's minor unit has."""
    return _EXPONENTS.get(currency, 2)


def to_minor(amount: Decimal, currency: str) -> int:
    """An amount in major units as whole minor units, half up."""
    return int((amount * Decimal(10) ** exponent(currency)).quantize(Decimal(1), ROUND_HALF_UP))


def to_major(minor: int, currency: str) -> Decimal:
    """Minor units as an exact amount in major units."""
    return Decimal(minor) / Decimal(10) ** exponent(currency)


def converted(minor: int, currency: str, target: str, rates: Mapping[str, Decimal]) -> int | None:
    """Minor units of one currency as minor units of another, half up; None where a rate is missing.

    ``rates`` are units of any one currency for one major unit of each; minor units differ (the yen has none).
    """
    if currency == target:
        return minor
    if currency not in rates or target not in rates:
        return None
    return to_minor(to_major(minor, currency) * rates[currency] / rates[target], target)


def sign(currency: str) -> str:
    return _SIGNS.get(currency, currency + " ")


def short(minor: int, currency: str, language: str) -> str:
    """Money as people read it: ``¥ 28.6 万`` in zh, ``¥286k`` in en. Three to four significant figures."""
    amount = to_major(minor, currency)
    size = abs(amount)
    zh = is_zh(language)
    steps = (
        ((Decimal(10**8), "亿"), (Decimal(10**4), "万"))
        if zh
        else ((Decimal(10**6), "M"), (Decimal(10**3), "k"))
    )
    for unit, word in steps:
        if size >= unit:
            value = amount / unit
            digits = 0 if abs(value) >= 1000 else 1
            text = f"{value:,.{digits}f}"
            text = text[:-2] if text.endswith(".0") and not zh else text
            return f"{sign(currency)} {text} {word}" if zh else f"{sign(currency)}{text}{word}"
    text = f"{amount:,.0f}"
    return f"{sign(currency)} {text}" if zh else f"{sign(currency)}{text}"


def whole(minor: int, currency: str) -> str:
    """Money in whole units, with grouping: ``¥286,000``."""
    return f"{sign(currency)}{to_major(minor, currency):,.0f}"


def full(minor: int, currency: str) -> str:
    """Money to the last minor unit, with grouping: ``¥286,000.00``."""
    return f"{sign(currency)}{to_major(minor, currency):,.{exponent(currency)}f}"


_SIGN = "|".join(sorted((re.escape(sign) for sign in _SIGNS.values()), key=len, reverse=True))
# Three capitals before a number are a currency, but for the trade's own words.
_WORDS = "ARR|MRR|NRR|GRR|NPS|CES|DAU|WAU|MAU|SLA|SOP|KPI|API|CSM"
_AMOUNT = re.compile(rf"(?:{_SIGN}|\b(?!{_WORDS})[A-Z]{{3}} )\s?[-−]?\d(?:[\d,.]*\d)?(?:\s?[万亿]|[kM]\b)?")


def veiled(text: str) -> str:
    """A text whose amounts of money are dots, for readers whose role does not see them."""
    return _AMOUNT.sub("•••", text)
