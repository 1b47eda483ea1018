"""What people write down about an account: conversations, notes, tasks, contacts."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from evergreen.base import clock
from evergreen.customers.models import Account, Contact
from evergreen.customers.queries import contacts_of
from evergreen.web.forms.tasks import TaskForm
from evergreen.work.models import Conversation


class ConversationForm(forms.Form):
    """``changes`` are what ``work.actions.record_conversation`` takes."""

    kind = forms.ChoiceField(label=_("How"), choices=Conversation.Kind.choices)
    at = forms.DateTimeField(
        label=_("When"), widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    minutes = forms.IntegerField(label=_("Minutes"), required=False, min_value=1, max_value=1440)
    contacts = forms.ModelMultipleChoiceField(
        Contact.objects.none(), label=_("With whom"), required=False, widget=forms.CheckboxSelectMultiple
    )
    summary = forms.CharField(
        label=_("What was said"), required=False, max_length=10_000, widget=forms.Textarea({"rows": 4})
    )

    def __init__(self, *args: Any, account: Account, now: dt.datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = self.fields["contacts"]
        assert isinstance(people, forms.ModelMultipleChoiceField)
        people.queryset = contacts_of(account).filter(left_on__isnull=True)
        self.fields["at"].initial = timezone.localtime(now).replace(second=0, microsecond=0)

    @property
    def changes(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class _Files(forms.ClearableFileInput):
    allow_multiple_selected = True


class _FilesField(forms.FileField):
    widget = _Files

    def clean(self, data: Any, initial: Any = None) -> Any:
        given = data if isinstance(data, (list, tuple)) else [data]
        return [super(_FilesField, self).clean(one, initial) for one in given if one]


class NoteForm(forms.Form):
    body = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=100_000,
        widget=forms.Textarea({"rows": 4}),
        help_text=_("Markdown; @name tells a colleague."),
    )
    attachments = _FilesField(label=_("Files"), required=False)


class AccountTaskForm(TaskForm):
    """A task of an account that is already known."""

    account = None  # type: ignore[assignment]  # takes the field away


class ContactForm(forms.Form):
    """``changes`` are what ``customers.actions.add_contact`` and ``update_contact`` take."""

    name = forms.CharField(label=_("Name"), max_length=100)
    title = forms.CharField(label=_("Title"), max_length=100, required=False)
    email = forms.EmailField(label=_("E-mail"), required=False)
    phone = forms.CharField(label=_("Phone"), max_length=40, required=False)
    role = forms.ChoiceField(
        label=_("Role in the decision chain"), choices=[("", "—"), *Contact.ChainRole.choices], required=False
    )
    influence = forms.TypedChoiceField(
        label=_("Influence"),
        choices=[("", "—"), *((str(n), str(n)) for n in range(1, 6))],
        coerce=int,
        empty_value=None,
        required=False,
    )
    attitude = forms.ChoiceField(label=_("Attitude"), choices=Contact.Attitude.choices)
    reports_to = forms.ModelChoiceField(
        Contact.objects.none(), label=_("Reports to"), required=False, empty_label="—"
    )
    is_champion = forms.BooleanField(label=_("Champion: pushes for us inside"), required=False)
    is_sponsor = forms.BooleanField(label=_("Sponsor: backs us from above"), required=False)
    language = forms.ChoiceField(
        label=_("Language of messages"),
        choices=[("", _("as the vendor")), ("zh-hans", "中文"), ("en", "English")],
        required=False,
    )
    time_zone = forms.CharField(
        label=_("Time zone"),
        max_length=60,
        required=False,
        help_text=_("Of quiet hours, such as Asia/Shanghai; empty: the vendor's."),
    )
    end_user = forms.CharField(
        label=_("End user id"),
        max_length=200,
        required=False,
        help_text=_("The person's id in the product's events."),
    )
    left_on = forms.DateField(
        label=_("Left on"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )

    def __init__(self, *args: Any, account: Account, contact: Contact | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = account.contacts.all()
        superior = self.fields["reports_to"]
        assert isinstance(superior, forms.ModelChoiceField)
        superior.queryset = others.exclude(pk=contact.pk) if contact else others
        if contact is None:
            self.fields["attitude"].initial = Contact.Attitude.UNKNOWN

    @classmethod
    def of(cls, contact: Contact) -> ContactForm:
        """The form filled with a contact as it is."""
        stored = {name: getattr(contact, name) for name in cls.base_fields}
        return cls(initial=stored, account=contact.account, contact=contact)

    def clean_time_zone(self) -> str:
        name = str(self.cleaned_data["time_zone"]).strip()
        if name:
            try:
                clock.zone(name)
            except ValueError as error:
                raise forms.ValidationError(str(error)) from error
        return name

    @property
    def changes(self) -> dict[str, Any]:
        return dict(self.cleaned_data)
