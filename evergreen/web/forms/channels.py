"""A channel as it is written: its form is drawn from the adapter's configuration, with the limits that the vendor sets."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from evergreen.touches.actions.channels import LIMITS
from evergreen.touches.channels import registry
from evergreen.touches.channels.contract import CONTACTS
from evergreen.touches.models import Channel
from evergreen.web.forms.drawn import drawn

_LIMITS = {
    "a_minute": _("Messages a minute, at most"),
    "an_hour": _("Messages an hour, at most"),
    "a_day": _("Messages in 24 hours, at most"),
    "contact_a_day": _("Messages a contact gets by it a day"),
    "reserved_percent": _("Of its day kept for urgent messages, %"),
}


class ChannelForm(forms.Form):
    """Name, the fields of one kind of channel, limits; secrets are never shown again."""

    name = forms.CharField(label=pgettext_lazy("thing", "Name"), max_length=60)

    def __init__(self, kind: str, *args: Any, stored: Channel | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.stored = kind, stored
        for one in registry.fields(kind):
            self.fields[one.name] = drawn(one, is_stored=stored is not None and bool(stored.credentials))
        adapter = registry.adapter_class(kind)
        for key, label in _LIMITS.items():
            if key == "contact_a_day" and adapter.audience != CONTACTS:
                continue
            known = getattr(adapter.rates, key, 0)
            self.fields[key] = forms.IntegerField(
                label=label,
                required=False,
                min_value=0,
                max_value=LIMITS[key],
                widget=forms.NumberInput({"placeholder": known or ""}),
            )

    @classmethod
    def of(cls, channel: Channel) -> ChannelForm:
        return cls(
            channel.kind, initial={"name": channel.name, **channel.config, **channel.limits}, stored=channel
        )

    @property
    def given(self) -> dict[str, Any]:
        """What was typed for the adapter."""
        return {one.name: self.cleaned_data.get(one.name, "") for one in registry.fields(self.kind)}

    @property
    def limits(self) -> dict[str, int]:
        found = {key: self.cleaned_data.get(key) for key in _LIMITS}
        return {key: value for key, value in found.items() if value}

    @property
    def own(self) -> list[tuple[forms.BoundField, bool]]:
        """The adapter's fields and whether each takes the whole width."""
        return [(self[one.name], bool(one.metadata["is_long"])) for one in registry.fields(self.kind)]

    @property
    def limit_fields(self) -> list[forms.BoundField]:
        return [self[key] for key in _LIMITS if key in self.fields]
