"""Set up, change, switch and try channels."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from evergreen.base import vault
from evergreen.base.actions import audit
from evergreen.base.configurations import configured, secrets_of
from evergreen.base.declarations import free_key
from evergreen.base.models import User
from evergreen.touches.channels import registry
from evergreen.touches.channels.contract import ChannelError
from evergreen.touches.models import Channel
from evergreen.touches.ways import adapter_of, ready

# Limits of a channel that a vendor may set, with the most that is allowed.
LIMITS = {
    "a_minute": 100_000, "an_hour": 1_000_000, "a_day": 10_000_000, "contact_a_day": 1_000, "reserved_percent": 90,
}  # fmt: skip


@transaction.atomic
def save_channel(
    channel: Channel | None,
    *,
    kind: str,
    name: str,
    given: Mapping[str, Any],
    limits: Mapping[str, Any],
    by: User,
    now: dt.datetime,
) -> Channel:
    """Set a channel up (switched off), or change one. A secret that is left empty stays. Raises ValidationError."""
    found = registry.adapter_class(kind)
    hidden = secrets_of(found.Config)
    kept = vault.unseal(channel.credentials) if channel is not None else {}
    values = {**given, **{one: given.get(one) or kept.get(one, "") for one in hidden}}
    problems = configured(found.Config, values)[1] + _wrong_limits(limits)
    if not name.strip():
        problems.append(_("A name is missing."))
    if problems:
        raise ValidationError(problems)
    made = channel or Channel(
        kind=kind,
        key=free_key({"en": name}, kind.replace("_", "-"), Channel.objects.all()),
        created_at=now,
        created_by=by,
    )
    made.name = name.strip()[:60]
    made.config = {
        key: value for key, value in values.items() if key not in hidden and value not in ("", None)
    }
    made.credentials = vault.seal({key: value for key, value in values.items() if key in hidden and value})
    made.limits = {key: int(value) for key, value in limits.items() if str(value).strip()}
    if (found.thanks is not None or found.in_product) and not made.door:
        made.door = secrets.token_urlsafe(24)
    made.faults, made.fault, made.rests_until = 0, "", None
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError as error:
        raise ValidationError(_("Another channel is called “%(name)s”.") % {"name": made.name}) from error
    audit(
        "channel.saved",
        "channel",
        [made.pk],
        by=by,
        now=now,
        after={"name": made.name, "config": made.config},
    )
    return made


def _wrong_limits(limits: Mapping[str, Any]) -> list[str]:
    found = []
    for key, value in limits.items():
        text = str(value).strip()
        if text and not (key in LIMITS and text.isdecimal() and int(text) <= LIMITS[key]):
            found.append(
                _("%(key)s: found “%(found)s”. Allowed: 0 to %(most)s.")
                % {"key": key, "found": text, "most": LIMITS.get(key, 0)}
            )
    return found


@transaction.atomic
def switch_channel(channel: Channel, *, is_on: bool, by: User, now: dt.datetime) -> None:
    """Let messages go by a channel, or not. Raises ValidationError where people could not refuse its mails."""
    if is_on:
        try:
            ready(channel)
        except ValueError as error:
            raise ValidationError(str(error)) from error
    Channel.objects.filter(pk=channel.pk).update(is_on=is_on, faults=0, fault="", rests_until=None)
    audit("channel.switched", "channel", [channel.pk], by=by, now=now, after={"is_on": is_on})
    channel.is_on = is_on


def try_channel(channel: Channel, *, by: User, now: dt.datetime) -> str:
    """Ask the provider a first question; its answer in words. Raises ValidationError with what is wrong."""
    try:
        adapter = adapter_of(channel)
        try:
            said = adapter.test()
        finally:
            adapter.close()
    except (ChannelError, ValueError) as error:
        raise ValidationError(str(error)) from error
    Channel.objects.filter(pk=channel.pk).update(faults=0, fault="", rests_until=None)
    return said


@transaction.atomic
def remove_channel(channel: Channel, *, by: User, now: dt.datetime) -> None:
    """Delete a channel that never sent anything. Raises ValidationError for one that did: what was sent stays traceable."""
    if channel.messages.exists():
        raise ValidationError(
            _("%(name)s has sent messages, so it stays. Switch it off instead.") % {"name": channel.name}
        )
    audit("channel.removed", "channel", [channel.pk], by=by, now=now, before={"name": channel.name})
    channel.delete()
