"""Figures in words of the reader's language: money, shares, changes, days and ages. Pure functions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import get_language, gettext, ngettext, pgettext

from evergreen.base import clock, languages, money
from evergreen.customers.models import Account
from evergreen.health.words import whole_points

DASH = "—"
MINUS = "\N{MINUS SIGN}"
BANDS = {"green": "good", "yellow": "warn", "red": "bad"}


def language() -> str:
    return get_language() or "en"


def is_zh() -> bool:
    return languages.is_zh(language())


def today() -> dt.date:
    """The vendor's calendar day: pages run in the vendor's zone."""
    return clock.utc_now().astimezone(timezone.get_current_timezone()).date()


def named(value: Any) -> str:
    """The text of a ``{zh, en}`` name in the reader's language; ``{text}`` as a person wrote it."""
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    first, second = ("zh", "en") if is_zh() else ("en", "zh")
    return str(value.get(first) or value.get("text") or value.get(second) or "")


def money_short(cents: int | None, currency: str) -> str:
    """``¥ 28.6 万`` or ``¥286k``; a dash for nothing known."""
    return DASH if cents is None else money.short(int(cents), currency or "CNY", language())


@dataclass(frozen=True, slots=True)
class AmountUnit:
    """One unit for amounts that stand together, so that they can be added up by eye: whole units of a currency, 1,000 (zh:
    10,000) of them, or a million (zh: 10^8)."""

    minor: int
    digits: int
    sign: str
    suffix: str

    @property
    def words(self) -> str:
        """¥k, ¥ 万."""
        return f"{self.sign}{self._space}{self.suffix}".strip()

    def figure(self, cents: int) -> str:
        """An amount without its unit, with as many decimals as all the others."""
        return fixed(cents / self.minor, self.digits)

    def money(self, cents: int) -> str:
        """An amount with its unit: ¥1,551.4k, ¥ 155.1 万."""
        return f"{self.sign}{self._space}{self.figure(cents)}{self._space}{self.suffix}".strip()

    @property
    def _space(self) -> str:
        return " " if is_zh() else ""


def amount_unit(cents: Iterable[int], currency: str) -> AmountUnit:
    """The unit in which the largest of these amounts still has three digits and at most six before the decimal."""
    major = 10 ** money.exponent(currency)
    most = max((abs(one) for one in cents), default=0) / major
    steps = (
        ((10**8, 10**12, "亿"), (10**4, 10**6, "万"))
        if is_zh()
        else ((10**6, 10**9, "M"), (10**3, 10**5, "k"))
    )
    for size, least, suffix in steps:
        if most >= least:
            return AmountUnit(major * size, 1, money.sign(currency), suffix)
    return AmountUnit(major, 0, money.sign(currency), "")


def arr_of(account: Account, currency: str) -> tuple[int | None, str]:
    """An account's ARR and its currency: the vendor's, or the account's own where no exchange rate is known."""
    if account.arr_base_cents is None and account.arr_cents:
        return account.arr_cents, account.arr_currency
    return account.arr_base_cents, currency


def for_reader(text: str, sees_money: bool) -> str:
    """A sentence with figures as this reader may see it: without a right to amounts they are dots."""
    return text if sees_money else money.veiled(text)


def number(value: float | int | None, digits: int = 0) -> str:
    """Grouped digits, with ``digits`` decimals at most: 1,234.5 and 12, never 12.0."""
    if value is None:
        return DASH
    text = f"{float(value):,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", MINUS) if text != "-0" else "0"


def points(score: float | None) -> str:
    """A health score in the whole points reached, as every page shows it."""
    return DASH if score is None else number(whole_points(score))


def fixed(value: float | None, digits: int = 0) -> str:
    """Grouped digits with exactly so many decimals, as figures below each other need: 1,234.5, 12.0."""
    if value is None:
        return DASH
    text = f"{float(value):,.{digits}f}"
    return text.removeprefix("-") if not text.strip("-0.,") else text.replace("-", MINUS)


def percent(share: float | None, digits: int = 0) -> str:
    """A share of 1 as per cent, with exactly so many decimals."""
    return DASH if share is None else f"{fixed(share * 100, digits)}%"


def short_percent(share: float) -> str:
    """A share of 1 as per cent as it stands in a sentence, with a decimal where it has one: 86%, 86.5%."""
    return f"{number(share * 100, 1)}%"


def signed(value: float | None, digits: int = 0) -> str:
    """A change with its sign: +1.1, −14, 0."""
    if value is None:
        return DASH
    rounded = round(float(value), digits)
    if not rounded:
        return "0"
    return f"{'+' if rounded > 0 else MINUS}{number(abs(rounded), digits)}"


def days(count: int | None) -> str:
    """A length in days: 87 天, 1 day, 87 days."""
    if count is None:
        return DASH
    return ngettext("%(count)s day", "%(count)s days", count) % {"count": number(count)}


def days_until(day: dt.date | None, now: dt.date | None = None) -> str:
    """How far a day lies from today: in 87 days, today, 3 days ago."""
    if day is None:
        return DASH
    count = (day - (now or today())).days
    if not count:
        return gettext("today")
    template = (
        ngettext("in %(count)s day", "in %(count)s days", count)
        if count > 0
        else ngettext("%(count)s day ago", "%(count)s days ago", -count)
    )
    return template % {"count": number(abs(count))}


def day(value: dt.date | dt.datetime | None) -> str:
    """A short date: 11-20 (2025-11-20 outside this year), Nov 20 (Nov 20, 2025)."""
    if value is None:
        return DASH
    if isinstance(value, dt.datetime):
        value = value.astimezone(timezone.get_current_timezone()).date()
    this_year = value.year == today().year
    if is_zh():
        return f"{value:%m-%d}" if this_year else f"{value:%Y-%m-%d}"
    return f"{value:%b} {value.day}" + ("" if this_year else f", {value.year}")


def moment(value: dt.datetime | None) -> str:
    """A short date with the time in the vendor's zone: 11-20 06:00."""
    if value is None:
        return DASH
    local = value.astimezone(timezone.get_current_timezone())
    return f"{day(local)} {local:%H:%M}"


def weekday(value: dt.date) -> str:
    names = (
        gettext("Monday"),
        gettext("Tuesday"),
        gettext("Wednesday"),
        gettext("Thursday"),
        gettext("Friday"),
        gettext("Saturday"),
        gettext("Sunday"),
    )
    return names[value.weekday()]


def age(value: dt.datetime | None, now: dt.datetime | None = None) -> str:
    """How long ago, in its largest unit: 4 seconds ago … 29 days ago, then the date."""
    if value is None:
        return DASH
    seconds = max(0, int(((now or clock.utc_now()) - value).total_seconds()))
    for limit, size, template in (
        (60, 1, ngettext("%(count)s second ago", "%(count)s seconds ago", seconds)),
        (3600, 60, ngettext("%(count)s minute ago", "%(count)s minutes ago", seconds // 60)),
        (86_400, 3600, ngettext("%(count)s hour ago", "%(count)s hours ago", seconds // 3600)),
        (30 * 86_400, 86_400, ngettext("%(count)s day ago", "%(count)s days ago", seconds // 86_400)),
    ):
        if seconds < limit:
            return template % {"count": seconds // size}
    return day(value)


def tenure(start: dt.date | None, now: dt.date | None = None) -> str:
    """A long span in years and months: 2 年 4 个月, 2 yr 4 mo, 12 天."""
    if start is None:
        return DASH
    end = now or today()
    months = (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)
    if months < 1:
        return days(max(0, (end - start).days))
    years, rest = divmod(months, 12)
    parts = []
    if years:
        parts.append(pgettext("length", "%(count)s yr") % {"count": years})
    if rest:
        parts.append(pgettext("length", "%(count)s mo") % {"count": rest})
    return " ".join(parts)


def with_unit(value: float | int | None, unit: str, currency: str = "") -> str:
    """A metric's value with its unit (days, users, share, score, money in minor units, count …)."""
    if value is None:
        return DASH
    match unit:
        case "share" | "percent" | "ratio":
            return short_percent(value)
        case "days" | "day":
            return days(int(value))
        case "cents" | "money":
            return money_short(int(value), currency)
        case "users" | "people":
            return ngettext("%(count)s user", "%(count)s users", int(value)) % {"count": number(value)}
        case "seconds":
            return pgettext("length", "%(count)s s") % {"count": number(value, 1)}
        case "minutes":
            return pgettext("length", "%(count)s min") % {"count": number(value, 1)}
        case "hours":
            return pgettext("length", "%(count)s h") % {"count": number(value, 1)}
        case "points":
            return pgettext("score", "%(count)s points") % {"count": number(value, 1)}
        case _:
            return number(value, 1)


def band_tone(band: str) -> str:
    """The colour of a band: good, warn, bad, or none for insufficient data."""
    return BANDS.get(band, "none")


def band_word(band: str) -> str:
    match band:
        case "green":
            return gettext("green")
        case "yellow":
            return gettext("yellow")
        case "red":
            return gettext("red")
    return gettext("insufficient data")
