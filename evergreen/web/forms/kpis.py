"""A value and a target of a KPI as people type them on an account's page."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from evergreen.events.kpis import periods
from evergreen.events.kpis.models import Kpi

_NUMBER = re.compile(r"([-−]?)(\d+(?:\.\d+)?|\.\d+)\s*([%％])?")


class MeasureField(forms.CharField):
    """A number as people write it: 1,234.5, and 87% where the KPI is a share. Empty: None, which takes it back."""

    def __init__(self, *, kpi: Kpi, **kwargs: Any) -> None:
        super().__init__(max_length=40, **kwargs)
        self.is_share = kpi.unit == Kpi.Unit.SHARE

    def clean(self, value: Any) -> Any:
        text = re.sub(r"(?<=\d)[,，](?=\d{3}(?!\d))", "", str(super().clean(value) or "").strip())
        if not text:
            return None
        match = _NUMBER.fullmatch(text)
        if match is None or (match[3] and not self.is_share):
            raise forms.ValidationError(
                _("“%(found)s” cannot be read: write 0.87 or 87%%.") % {"found": text}
                if self.is_share
                else _("“%(found)s” cannot be read: write a number such as 1234.5.") % {"found": text}
            )
        number = float(match[2]) * (-1 if match[1] else 1)
        return round(number / 100, 12) if match[3] else number


class ValueForm(forms.Form):
    def __init__(self, *args: Any, kpi: Kpi, today: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        start = periods.start_of(kpi.span, today)
        self.fields["period"] = forms.CharField(
            label=_("Period"),
            max_length=40,
            initial=periods.text_of(kpi.span, start),
            help_text=_("As %(example)s, or a date in it.") % {"example": periods.EXAMPLES[kpi.span]},
        )
        self.fields["value"] = MeasureField(
            kpi=kpi,
            label=_("Value"),
            required=False,
            help_text=_("Empty takes the value of the period back; what stood is kept as history."),
        )


class TargetForm(forms.Form):
    def __init__(self, *args: Any, kpi: Kpi, today: dt.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        day = forms.DateInput({"type": "date"}, "%Y-%m-%d")
        self.fields["target"] = MeasureField(
            kpi=kpi,
            label=_("Target"),
            required=False,
            help_text=_("Empty: there is no target from that day on; earlier ones are kept as history."),
        )
        self.fields["starts_on"] = forms.DateField(
            label=_("Counts from"), widget=day, initial=periods.start_of(kpi.span, today)
        )
        self.fields["target_by"] = forms.DateField(label=_("To be reached by"), widget=day, required=False)
