"""A member of staff and a team as they are written."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from evergreen.base.models import Team, User
from evergreen.base.roles import Role, Scope


class PersonForm(forms.Form):
    """What an administrator says of a colleague."""

    name = forms.CharField(label=_("Name"), max_length=100)
    email = forms.EmailField(label=_("E-mail"), max_length=254, help_text=_("The name to sign in with."))
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.CSM)
    scope = forms.ChoiceField(
        label=_("Sees"),
        choices=[("", _("as the role says")), *Scope.choices],
        required=False,
        help_text=_("A partner sees own accounts only, whatever stands here."),
    )
    teams = forms.ModelMultipleChoiceField(
        Team.objects.order_by("name"), label=_("Teams"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, person: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person

    @classmethod
    def of(cls, person: User) -> PersonForm:
        stored = {"name": person.name, "email": person.email, "role": person.role, "scope": person.scope}
        return cls(initial={**stored, "teams": list(person.teams.all())}, person=person)

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip().lower()
        others = User.objects.filter(email=email)
        if self.person is not None:
            others = others.exclude(pk=self.person.pk)
        if others.exists():
            raise forms.ValidationError(_("Somebody signs in with this e-mail already."))
        return email


class RateForm(forms.Form):
    """What one unit of a currency is worth from a day on."""

    currency = forms.RegexField(
        r"^[A-Z]{3}$",
        label=_("Currency"),
        error_messages={"invalid": _("Write a three-letter ISO code, such as USD.")},
    )
    rate = forms.DecimalField(label=_("Rate"), max_digits=18, decimal_places=8)
    valid_from = forms.DateField(label=_("From"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))

    def clean_rate(self) -> Any:
        rate = self.cleaned_data["rate"]
        if rate <= 0:
            raise forms.ValidationError(_("Write a number above 0."))
        return rate
