"""How a person is told of what needs them, on the profile."""

from __future__ import annotations

from functools import cached_property

from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.flow.notifying.telling import settings_of
from evergreen.flow.notifying.ways import channels, default_channel
from evergreen.touches.channels import registry
from evergreen.touches.models import Channel, Notification


class NotifyingCard:
    """The choices a person has, and which one is in force."""

    def __init__(self, user: User) -> None:
        self._user = user

    @cached_property
    def row(self) -> Notification:
        return settings_of(self._user)

    @cached_property
    def _channels(self) -> list[Channel]:
        return channels()

    @cached_property
    def _usual(self) -> Channel | None:
        return default_channel(self._channels)

    @property
    def has_ways(self) -> bool:
        """Whether any channel reaches a colleague."""
        return bool(self._channels)

    @property
    def chosen(self) -> str:
        if self.row.is_off:
            return "off"
        return self.row.channel.key if self.row.channel is not None else "vendor"

    @property
    def choices(self) -> list[tuple[str, str]]:
        """(value, words) of every way; the vendor's first."""
        usual = self._usual.name if self._usual is not None else _("nobody is told")
        found = [("vendor", _("As your company set it: %(how)s") % {"how": usual})]
        found += [(one.key, one.name) for one in self._channels]
        return [*found, ("off", _("Not at all"))]

    @property
    def in_force(self) -> Channel | None:
        """The channel by which the person is told now."""
        if self.row.is_off:
            return None
        picked = next((one for one in self._channels if one.pk == self.row.channel_id), None)
        return picked if self.row.channel_id else self._usual

    @property
    def has_buttons(self) -> bool:
        """Whether things can be done where they are read."""
        channel = self.in_force
        return channel is not None and registry.adapter_class(channel.kind).draws_cards and bool(channel.door)
