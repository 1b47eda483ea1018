"""What touches go by, and what pages show of them."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from evergreen.base import clock
from evergreen.base.models import User
from evergreen.base.queries import setting, vendor_zone
from evergreen.customers.models import Contact
from evergreen.customers.queries import accounts_for
from evergreen.touches import rules
from evergreen.touches.models import Channel, CustomerGroup, Message


def limits() -> rules.Limits:
    """The limits that the vendor set for what people get."""
    begins, ends = str(setting("quiet_from")), str(setting("quiet_to"))
    return rules.Limits(
        a_day=int(setting("touches_a_day")),
        a_week=int(setting("touches_a_week")),
        a_playbook_week=int(setting("touches_a_playbook_week")),
        quiet_from=dt.time.fromisoformat(begins) if begins and ends else None,
        quiet_to=dt.time.fromisoformat(ends) if begins and ends else None,
        on_working_days=bool(setting("touches_on_working_days")),
    )


def setting_of(channel: Channel, key: str) -> Any:
    """A setting of touches, as the channel has its own, else the vendor's."""
    return channel.limits[key] if key in channel.limits else setting(key)


def zone_of(contact: Contact | None) -> ZoneInfo:
    """The time zone that a contact lives in; the vendor's where nobody said, or where the name is none."""
    if contact is not None and contact.time_zone:
        try:
            return clock.zone(contact.time_zone)
        except ValueError:
            pass
    return vendor_zone()


def language_of(person: Contact | User) -> str:
    """The language that a person reads; the vendor's where nobody said."""
    return person.language or str(setting("language"))


def messages_for(user: User) -> QuerySet[Message]:
    """The messages about accounts that somebody may see, those about none to themselves, and those to groups that they may see."""
    found = Message.objects.select_related("account", "contact", "staff", "channel", "template", "group")
    # To a group of several accounts: whoever may see it by one of them.
    groups = CustomerGroup.objects.filter(accounts__in=accounts_for(user)).values("pk")
    mine = Q(account=None) & (Q(staff=user) | Q(group__in=groups) | Q(group__owner=user))
    return found.filter(Q(account__in=accounts_for(user)) | mine)
