"""A task as a person writes it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.web import formats
from evergreen.web.chosen import colleagues_of
from evergreen.work.models import Task

# Between an account's name and its id where one is picked by typing.
SIGN = " · "


def account_label(account: Account) -> str:
    return f"{account.name}{SIGN}{account.external_id}"


class TaskForm(forms.Form):
    """Fields of a task. ``changes`` are what ``work.actions`` takes."""

    title = forms.CharField(label=_("What is to be done"), max_length=300)
    account = forms.CharField(
        label=_("Account"),
        required=False,
        max_length=500,
        help_text=_("Type some letters and choose; empty for work without an account."),
        widget=forms.TextInput(
            {"list": "task-accounts", "autocomplete": "off", "hx-trigger": "input changed delay:200ms"}
        ),
    )
    assignee = forms.ChoiceField(label=_("For"), required=False)
    due_on = forms.DateField(
        label=_("Due"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    priority = forms.TypedChoiceField(
        label=_("Priority"), choices=Task.Priority.choices, coerce=int, initial=Task.Priority.NORMAL
    )
    body = forms.CharField(
        label=_("Details"), required=False, max_length=10_000, widget=forms.Textarea({"rows": 3})
    )

    def __init__(self, *args: Any, user: User, task: Task | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.task = user, task
        self.people = {str(person.pk): person for person in colleagues_of(user)}
        if task is not None and task.assignee and str(task.assignee_id) not in self.people:
            self.people[str(task.assignee_id)] = task.assignee
        assignee = self.fields["assignee"]
        assert isinstance(assignee, forms.ChoiceField)
        assignee.choices = [("", _("nobody")), *((key, str(person)) for key, person in self.people.items())]
        assignee.initial = str(user.pk)

    @classmethod
    def of(cls, task: Task, user: User) -> TaskForm:
        """The form filled with a task as it is."""
        stored = {
            "title": formats.named(task.title),
            "account": account_label(task.account) if task.account else "",
            "assignee": str(task.assignee_id or ""),
            "due_on": task.due_on,
            "priority": task.priority,
            "body": task.body,
        }
        return cls(initial=stored, user=user, task=task)

    def clean_account(self) -> Account | None:
        text = str(self.cleaned_data["account"]).strip()
        if not text:
            return None
        if self.task and self.task.account and text == account_label(self.task.account):
            return self.task.account
        _name, _sign, key = text.rpartition(SIGN)
        visible = accounts_for(self.user)
        found = visible.filter(external_id=key or text)[:2] or visible.filter(name=text)[:2]
        if len(found) != 1:
            raise forms.ValidationError(
                _("No single account of yours is called “%(found)s”. Choose one from the list.")
                % {"found": text}
            )
        return found[0]

    def clean_assignee(self) -> User | None:
        return self.people.get(str(self.cleaned_data["assignee"]))

    @property
    def changes(self) -> dict[str, Any]:
        changes = dict(self.cleaned_data)
        if self.task is not None and changes["title"] == formats.named(self.task.title):
            # The words of a rule stay in both languages unless somebody writes others.
            del changes["title"]
        return changes
