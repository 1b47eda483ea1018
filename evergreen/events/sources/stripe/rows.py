"""Stripe's objects as rows. Amounts stay in minor units, seconds become times."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Row = dict[str, Any]

# How many of these make a month.
_MONTHS = {"month": Decimal(1), "year": Decimal(12), "week": Decimal(12) / 52, "day": Decimal(12) / 365}
_NEVER_BEGUN = {"incomplete", "incomplete_expired"}


def customer(one: Row) -> Iterator[Row]:
    """One account."""
    name = one.get("name") or one.get("description") or one.get("email") or one["id"]
    yield {
        **one,
        "display_name": str(name)[:200],
        "currency": _currency(one),
        "created_at": moment(one.get("created")),
    }


def subscription(one: Row) -> Iterator[Row]:
    """A row for each of its items. API versions from 2025 keep the period with the item, older ones with the whole."""
    if one.get("status") in _NEVER_BEGUN:
        return
    for item in (one.get("items") or {}).get("data") or []:
        price = item.get("price") or item.get("plan") or {}
        recurring = price.get("recurring") or price
        ends = one.get("ended_at") or one.get("cancel_at")
        if not ends and recurring.get("interval") == "year":
            # A year's end is a renewal that people prepare; a month's is not.
            ends = item.get("current_period_end") or one.get("current_period_end")
        product = price.get("product")
        yield {
            "id": item["id"],
            "subscription": one["id"],
            "customer": _id(one.get("customer")),
            "status": one.get("status"),
            "title": price.get("nickname") or (product.get("name") if isinstance(product, dict) else product) or price.get("id"),
            "price": price.get("id"),
            "product": _id(product),
            "quantity": item.get("quantity"),
            "start": moment(item.get("created") or one.get("start_date") or one.get("created")),
            "end": moment(ends),
            "mrr": monthly(price, recurring, item.get("quantity")),
            "currency": str(price.get("currency") or one.get("currency") or "").upper() or None,
            "is_trial": one.get("status") == "trialing",
            "auto_renews": not (one.get("cancel_at_period_end") or one.get("cancel_at") or one.get("ended_at")),
            "metadata": {**(one.get("metadata") or {}), **(item.get("metadata") or {})},
        }  # fmt: skip


def invoice(one: Row) -> Iterator[Row]:
    """A receivable; nothing of drafts, nothing due of what was voided."""
    if one.get("status") == "draft":
        return
    is_void = one.get("status") == "void"
    changes = one.get("status_transitions") or {}
    issued = changes.get("finalized_at") or one.get("effective_at") or one.get("created")
    yield {
        **{name: value for name, value in one.items() if not isinstance(value, list | dict)},
        "customer": _id(one.get("customer")),
        "due_amount": 0 if is_void else one.get("amount_due"),
        "paid_amount": 0 if is_void else one.get("amount_paid"),
        "currency": _currency(one),
        "due": moment(one.get("due_date") or issued),
        "issued": moment(issued),
        "paid_on": None if is_void else moment(changes.get("paid_at")),
        "metadata": one.get("metadata") or {},
    }


def monthly(price: Row, recurring: Row, quantity: int | None) -> int | None:
    """What an item brings a month, in minor units, before discounts; None for prices by tiers or by use."""
    unit = (
        price.get("unit_amount_decimal")
        or price.get("unit_amount")
        or price.get("amount_decimal")
        or price.get("amount")
    )
    span = _MONTHS.get(str(recurring.get("interval")))
    if unit is None or span is None or recurring.get("usage_type") == "metered":
        return None
    months = span * int(recurring.get("interval_count") or 1)
    whole = Decimal(str(unit)) * (1 if quantity is None else quantity) / months
    return int(whole.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def moment(seconds: Any) -> str | None:
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC).isoformat() if seconds else None


def _currency(one: Row) -> str | None:
    return str(one["currency"]).upper() if one.get("currency") else None


def _id(value: Any) -> Any:
    """A reference, which may be the whole object where it was expanded."""
    return value.get("id") if isinstance(value, dict) else value
