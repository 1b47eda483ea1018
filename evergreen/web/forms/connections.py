"""A connection as it is written: its form is drawn from the connector's configuration."""

from __future__ import annotations

from typing import Any

import yaml
from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from evergreen.events.connections.models import Connection
from evergreen.events.sources import registry
from evergreen.web.forms.drawn import drawn

SCHEDULES = (
    (0, _("only when told to")),
    (15, _("every 15 minutes")),
    (60, _("every hour")),
    (360, _("every 6 hours")),
    (1440, _("every day")),
)


class ConnectionForm(forms.Form):
    """Name, schedule and the fields of one kind of connector; secrets are never shown again."""

    name = forms.CharField(label=pgettext_lazy("thing", "Name"), max_length=60)
    every_minutes = forms.TypedChoiceField(label=_("It is read"), coerce=int, choices=SCHEDULES, initial=60)

    def __init__(self, kind: str, *args: Any, stored: Connection | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.stored = kind, stored
        if stored is not None and stored.every_minutes not in dict(SCHEDULES):
            minutes = self.fields["every_minutes"]
            minutes.choices = [*SCHEDULES, (stored.every_minutes, f"{stored.every_minutes} min")]  # type: ignore[attr-defined]
        for one in registry.fields(kind):
            self.fields[one.name] = drawn(one, is_stored=stored is not None and bool(stored.credentials))

    @classmethod
    def of(cls, connection: Connection) -> ConnectionForm:
        shown = {"name": connection.name, "every_minutes": connection.every_minutes, **connection.config}
        return cls(connection.kind, initial=shown, stored=connection)

    @property
    def given(self) -> dict[str, Any]:
        """What was typed for the connector."""
        return {one.name: self.cleaned_data.get(one.name, "") for one in registry.fields(self.kind)}

    @property
    def own(self) -> list[tuple[forms.BoundField, bool]]:
        """The connector's fields and whether each takes the whole width: short ones first."""
        fields = [(self[one.name], bool(one.metadata["is_long"])) for one in registry.fields(self.kind)]
        return sorted(fields, key=lambda field: field[1])


class FeedForm(forms.Form):
    """Whether a list is read, and by which mapping."""

    is_on = forms.BooleanField(label=_("Read this list"), required=False)
    mapping = forms.CharField(
        label=_("Mapping (YAML)"),
        max_length=100_000,
        widget=forms.Textarea({"rows": 20, "spellcheck": "false", "class": "code"}),
        help_text=_("As for files: columns of the list on the right, fields of ours on the left."),
    )

    def clean_mapping(self) -> dict[str, Any]:
        try:
            given = yaml.load(self.cleaned_data["mapping"], yaml.BaseLoader)  # noqa: S506  it makes texts only
        except yaml.YAMLError as error:
            raise forms.ValidationError(
                _("This is no YAML: %(error)s") % {"error": str(error)[:300]}
            ) from error
        if not isinstance(given, dict):
            raise forms.ValidationError(_("A mapping has keys with values, such as columns."))
        return given


class HistoryForm(forms.Form):
    """From which day on a connection is read again."""

    since = forms.DateField(label=_("From"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
