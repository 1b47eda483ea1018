"""KPIs as they are declared, and keys of the API."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from evergreen.base.models import User
from evergreen.events.kpis.models import Kpi
from evergreen.web.api.keys import RIGHTS


class KpiForm(forms.Form):
    """``changes`` are what ``declare_kpi`` and ``update_kpi`` take beside the key."""

    zh = forms.CharField(label=_("Name in Chinese"), max_length=60, required=False)
    en = forms.CharField(label=_("Name in English"), max_length=60, required=False)
    key = forms.SlugField(
        label=_("Key"),
        max_length=60,
        allow_unicode=True,
        help_text=_("Letters, digits, - and _; files and the API name it so. It stays as it is."),
    )
    period = forms.ChoiceField(
        label=_("Period"), choices=Kpi.Period.choices, help_text=_("What one value stands for.")
    )
    unit = forms.ChoiceField(label=pgettext_lazy("of a KPI", "Unit"), choices=Kpi.Unit.choices)
    currency = forms.CharField(
        label=_("Currency"),
        max_length=3,
        required=False,
        help_text=_("Of amounts; blank: the account's, else yours."),
    )
    unit_zh = forms.CharField(
        label=_("Unit's word in Chinese"), max_length=20, required=False, help_text=_("Such as 天, 单.")
    )
    unit_en = forms.CharField(
        label=_("Unit's word in English"), max_length=20, required=False, help_text=_("Such as days, orders.")
    )
    direction = forms.ChoiceField(label=_("Direction"), choices=Kpi.Direction.choices)
    aggregation = forms.ChoiceField(
        label=_("Aggregation"),
        choices=Kpi.Aggregation.choices,
        help_text=_("How values of several periods become one of a longer span."),
    )
    least = forms.FloatField(
        label=_("Lowest value allowed"), required=False, help_text=_("A share from 0 to 1.")
    )
    most = forms.FloatField(label=_("Highest value allowed"), required=False)
    is_retired = forms.BooleanField(
        label=_("Retired: takes no more values, what it has stays"), required=False
    )

    def __init__(self, *args: Any, kpi: Kpi | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kpi = kpi
        if kpi is None:
            del self.fields["is_retired"]
            self.fields["period"].initial = Kpi.Period.MONTH
        else:
            self.fields["key"].disabled = True

    @classmethod
    def of(cls, kpi: Kpi, data: Any = None) -> KpiForm:
        """The form filled with a KPI as it is, or with what was typed over it."""
        stored = {
            "zh": kpi.name.get("zh", ""),
            "en": kpi.name.get("en", ""),
            "unit_zh": kpi.unit_name.get("zh", ""),
            "unit_en": kpi.unit_name.get("en", ""),
            **{
                name: getattr(kpi, name)
                for name in ("key", "period", "unit", "currency", "direction", "aggregation", "is_retired")
            },
            **{
                name: None if bound is None else f"{bound:.15g}"
                for name, bound in (("least", kpi.least), ("most", kpi.most))
            },
        }
        return cls(data, initial=stored, kpi=kpi)

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        if self.kpi is None and Kpi.objects.filter(key=key).exists():
            raise forms.ValidationError(_("A KPI has this key already."))
        return key

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("zh") and not cleaned.get("en"):
            self.add_error("zh", _("Write a name in one of the two languages."))
        return cleaned

    @property
    def names(self) -> dict[str, str]:
        return _both(self.cleaned_data.get("zh", ""), self.cleaned_data.get("en", ""))

    @property
    def changes(self) -> dict[str, Any]:
        given = self.cleaned_data
        words = _both(given["unit_zh"], given["unit_en"])
        found = {
            "name": self.names,
            "unit_name": words if given["unit"] == Kpi.Unit.NUMBER and any(words.values()) else {},
            **{
                name: given[name]
                for name in ("period", "unit", "currency", "direction", "aggregation", "least", "most")
            },
        }
        if self.kpi is not None:
            found["is_retired"] = given["is_retired"]
        elif given["unit"] == Kpi.Unit.SHARE and given["least"] is None and given["most"] is None:
            found |= {"least": 0.0, "most": 1.0}
        return found


class ApiKeyForm(forms.Form):
    name = forms.CharField(
        label=pgettext_lazy("thing", "Name"),
        max_length=60,
        help_text=_("Who sends with it, such as ERP: the source of what it writes."),
    )
    rights = forms.MultipleChoiceField(
        label=_("Rights"), choices=list(RIGHTS.items()), widget=forms.CheckboxSelectMultiple
    )
    staff = forms.ModelChoiceField(
        User.objects.filter(is_active=True),
        label=_("Reaches"),
        required=False,
        empty_label=_("All accounts, as the vendor's own key"),
        help_text=_("Or what one member of staff may reach, for as long as they have access."),
    )


def _both(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh or en, "en": en or zh}
