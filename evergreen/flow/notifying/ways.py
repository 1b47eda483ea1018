"""By which channel each of us is told, and of what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.base.queries import setting
from evergreen.touches.channels import registry
from evergreen.touches.models import Channel, Notification


@dataclass(frozen=True, slots=True)
class Way:
    """How one of us is told now. ``row`` is what the person chose, not saved where nothing was."""

    user: User
    channel: Channel
    row: Notification

    @property
    def medium(self) -> str:
        return registry.adapter_class(self.channel.kind).medium


def channels() -> list[Channel]:
    """The channels that reach a single colleague, those that are on."""
    return list(Channel.objects.filter(is_on=True, kind__in=registry.personal_kinds()).order_by("name"))


def default_channel(known: Iterable[Channel]) -> Channel | None:
    """The vendor's channel for colleagues; None where none was set, or it is off."""
    wanted = str(setting("staff_channel"))
    return next((one for one in known if one.key == wanted), None)


def ways(*, now: dt.datetime) -> list[Way]:
    """Everybody who is told of something. Three queries."""
    known = {one.pk: one for one in channels()}
    usual = default_channel(known.values())
    rows = {row.user_id: row for row in Notification.objects.all()}
    if not known or (usual is None and not rows):
        return []
    found = []
    for user in User.objects.filter(is_active=True).order_by("pk"):
        row = rows.get(user.pk) or Notification(user=user, looked_at=now)
        channel = known.get(row.channel_id or 0) if row.channel_id else usual
        if channel is not None and not row.is_off:
            found.append(Way(user, channel, row))
    return found


def choose(user: User, way: str, *, at_once: bool, each_morning: bool, now: dt.datetime) -> Notification:
    """Keep how a person wants to be told: ``vendor``, ``off`` or the key of a channel. Raises ValidationError for another."""
    picked = next((one for one in channels() if one.key == way), None)
    if way not in {"vendor", "off"} and picked is None:
        raise ValidationError(
            _(
                "There is no such channel among those that are on. Choose one of the list. Nothing was changed."
            )
        )
    # What is new counts from now on: nobody gets what happened before.
    row, _made = Notification.objects.update_or_create(
        user=user,
        defaults={
            "is_off": way == "off", "channel": picked, "at_once": at_once, "each_morning": each_morning, "looked_at": now,
        },
    )  # fmt: skip
    return row
