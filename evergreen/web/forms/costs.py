"""What winning accounts cost in a month, as people type it."""

from __future__ import annotations

import datetime as dt
import re
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
        text = re.sub(r"(?<=\d)[,，](?=\d{3}(?!\d))", "", self.cleaned_data["cost"].strip())
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
        return money.to_minor(amount, self.currency)
