"""Amounts of a row in minor units of its currency."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext as _

from evergreen.base import money
from evergreen.events.imports.context import Context, Item


def currency_of(context: Context, item: Item, account: str) -> str:
    """The row's own currency, else the mapping's, the account's, the vendor's."""
    return item.get("currency") or context.mapping.currency or account or context.currency


def cents(context: Context, item: Item, name: str, currency: str) -> int | None:
    """A field's amount in minor units; None where the row has none. The mapping says in which units it
    stands.
    """
    amount: Decimal | None = item.get(name)
    if amount is None:
        return None
    if not context.mapping.is_minor:
        return money.to_minor(amount, currency)
    if amount != amount.to_integral_value():
        raise context.refuse(
            name, amount, _("whole minor units (format.money is minor)"), _("Minor units have no fraction.")
        )
    return int(amount)
