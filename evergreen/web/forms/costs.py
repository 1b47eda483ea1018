"""What winning accounts costs in a month, and levers at an account, as people type it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from evergreen.base import money


class CostForm(forms.Form):
    """``currency`` is the vendor's. An empty amount takes the month's cost back."""

    month = forms.CharField(label=_("Month"), max_length=7, help_text=_("As 2026-10."))
    cost = forms.CharField(
        label=_("Spent"), max_length=20, required=False, help_text=_("Empty takes the month's cost back.")
    )
    note = forms.CharField(label=_("Note"), max_length=200, required=False)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency

    def clean_month(self) -> dt.date:
        text = self.cleaned_data["month"].strip()
        if not re.fullmatch(r"(19|20)\d\d-(0[1-9]|1[0-2])", text):
            raise forms.ValidationError(
                _("“%(found)s” is no month: write one such as 2026-10.") % {"found": text}
            )
        return dt.date.fromisoformat(f"{text}-01")

    def clean_cost(self) -> int | None:
        """Minor units, None to take it back."""
        return amount_of(self.cleaned_data["cost"], self.currency)


class LeverCostForm(forms.Form):
    """What each lever costs at one account, in the vendor's currency; an empty amount takes the cost back."""

    def __init__(
        self, *args: Any, currency: str, levers: Mapping[str, str], costs: Mapping[str, int], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        for key, name in levers.items():
            held = money.to_major(costs[key], currency) if key in costs else None
            self.fields[key] = forms.CharField(
                label=name,
                max_length=20,
                required=False,
                initial="" if held is None else f"{held.normalize():f}",
            )

    def clean(self) -> dict[str, Any]:
        """Minor units by lever, None to take it back."""
        for key in self.fields:
            try:
                self.cleaned_data[key] = amount_of(self.cleaned_data.get(key, ""), self.currency) or None
            except forms.ValidationError as error:
                self.add_error(key, error)
        return self.cleaned_data


def amount_of(typed: str, currency: str) -> int | None:
    """Minor units of an amount from 0 on, None for an empty one. ValidationError otherwise."""
    text = re.sub(r"(?<=\d)[,，](?=\d{3}(?!\d))", "", typed.strip())
    if not text:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or amount > 10**12:
        raise forms.ValidationError(
            _("“%(found)s” cannot be read: write an amount from 0 on, such as 120000.") % {"found": text}
        )
    return money.to_minor(amount, currency)
