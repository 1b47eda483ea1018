"""Reads of settings, staff and jobs."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from evergreen.base import clock
from evergreen.base.models import ExchangeRate, Setting, User
from evergreen.base.options import OPTIONS


def setting(key: str) -> Any:
    """The value in force: what the operator set, else the default of ``base.options``."""
    row = Setting.objects.filter(key=key).values_list("value", flat=True).first()
    return OPTIONS[key].default if row is None else row


def all_settings() -> dict[str, Any]:
    """Every setting with the value in force, one query."""
    stored = dict(Setting.objects.values_list("key", "value"))
    return {key: stored.get(key, option.default) for key, option in OPTIONS.items()}


def vendor_zone() -> ZoneInfo:
    return clock.zone(setting("timezone"))


def vendor_day(now: dt.datetime) -> dt.date:
    """The vendor's calendar day at an instant."""
    return clock.local_day(now, vendor_zone())


def active_staff() -> list[User]:
    return list(User.objects.filter(is_active=True))


def rates(day: dt.date) -> dict[str, Decimal]:
    """Units of the vendor's currency for one unit of each known currency, as valid on a day."""
    found: dict[str, Decimal] = {setting("currency"): Decimal(1)}
    for currency, rate in (
        ExchangeRate.objects.filter(valid_from__lte=day)
        .order_by("currency", "valid_from")
        .values_list("currency", "rate")
    ):
        found[currency] = rate
    return found


def staff_emails() -> list[tuple[int, str]]:
    """(key, e-mail) of everybody who works or worked here."""
    return list(User.objects.order_by("pk").values_list("pk", "email"))
