"""An account as it is written down by hand, and as it is edited."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from evergreen.base.models import Team, User
from evergreen.customers.models import Account, Edition
from evergreen.web import formats
from evergreen.web.presenters.accounts.columns import may_reassign


class _Editions(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic for the checker only
    def label_from_instance(self, obj: Any) -> str:
        return formats.named(obj.name) or str(obj)


def _day(label: Any) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))


class AccountForm(forms.Form):
    """Fields of an account. ``changes`` are what ``customers.actions`` takes."""

    name = forms.CharField(label=_("Account name"), max_length=200)
    external_id = forms.CharField(
        label=_("External id"),
        max_length=200,
        help_text=_("The account's number in your CRM or product; events and imports name it by this."),
    )
    owner = forms.ModelChoiceField(User.objects.none(), label=_("Owner"), required=False, empty_label="—")
    team = forms.ModelChoiceField(Team.objects.all(), label=_("Team"), required=False, empty_label="—")
    stage = forms.ChoiceField(label=_("Stage"), choices=Account.Stage.choices)
    tier = forms.ChoiceField(label=_("Tier"), choices=[("", "—"), *Account.Tier.choices], required=False)
    touch_model = forms.ChoiceField(
        label=_("Touch model"), choices=[("", "—"), *Account.TouchModel.choices], required=False
    )
    edition = _Editions(
        Edition.objects.select_related("product"),
        label=_("Edition"),
        required=False,
        empty_label="—",
        help_text=_("Counts where no contract in force names one."),
    )
    industry = forms.CharField(label=_("Industry"), max_length=80, required=False)
    region = forms.CharField(label=_("Region"), max_length=80, required=False)
    size = forms.IntegerField(label=_("Employees"), min_value=0, max_value=10_000_000, required=False)
    tags = forms.CharField(
        label=_("Tags"), max_length=2000, required=False, help_text=_("Separated by commas.")
    )
    signed_on = _day(_("Signed on"))
    kickoff_on = _day(_("Kick-off on"))
    live_on = _day(_("Live on"))
    first_value_on = _day(_("First value on"))

    def __init__(self, *args: Any, user: User, account: Account | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        staff = self.fields["owner"]
        assert isinstance(staff, forms.ModelChoiceField)
        staff.queryset = User.objects.filter(is_active=True)
        if account is None:
            self.fields["stage"].initial = Account.Stage.ONBOARDING
            self.fields["owner"].initial = user.pk
        else:
            self.fields["external_id"].disabled = not user.may_configure
            staff.disabled = not may_reassign(user, account)

    @classmethod
    def of(cls, account: Account, user: User) -> AccountForm:
        """The form filled with an account as it is."""
        stored = {name: getattr(account, name) for name in cls.base_fields if name != "tags"}
        return cls(initial={**stored, "tags": ", ".join(account.tags)}, user=user, account=account)

    def clean_external_id(self) -> str:
        found = str(self.cleaned_data["external_id"]).strip()
        others = Account.objects.filter(external_id=found)
        if self.account is not None:
            others = others.exclude(pk=self.account.pk)
        if others.exists():
            raise forms.ValidationError(
                _("Another account has this id already. Search for it, or write another.")
            )
        return found

    def clean_tags(self) -> list[str]:
        parts = str(self.cleaned_data["tags"]).replace("，", ",").split(",")
        return list(dict.fromkeys(part.strip()[:80] for part in parts if part.strip()))

    @property
    def changes(self) -> dict[str, Any]:
        return dict(self.cleaned_data)
