"""What providers say of messages afterwards: doubled and in any order, it comes to the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from evergreen.customers.models import Contact
from evergreen.touches import rules
from evergreen.touches.channels import registry
from evergreen.touches.channels.told import Heard
from evergreen.touches.models import Channel, DeadAddress, Message, Receipt

Kind = Receipt.Kind
_ANSWERED_WITHIN = dt.timedelta(days=14)
# How far a message came; a later word of a smaller one changes nothing.
_FARTHEST = (
    Kind.DELIVERED, Kind.OPENED, Kind.DISMISSED, Kind.CLICKED, Kind.BOUNCED, Kind.REPLIED, Kind.UNSUBSCRIBED, Kind.COMPLAINED,
)  # fmt: skip


@transaction.atomic
def receive(
    message: Message,
    kind: str,
    *,
    at: dt.datetime,
    key: str = "",
    detail: str = "",
    is_machine: bool = False,
    is_permanent: bool = True,
) -> Receipt | None:
    """Write down a receipt; None for one that was told before. A permanent bounce and a complaint make the address a dead one; a
    message that was unknown has arrived when anything is heard of it."""
    receipt, is_new = Receipt.objects.get_or_create(
        message=message,
        kind=kind,
        key=key[:120],
        defaults={"at": at, "detail": detail[:300], "is_machine": is_machine},
    )
    if not is_new:
        return None
    held = Message.objects.select_for_update(of=("self",)).get(pk=message.pk)
    changed: dict[str, object] = {"waits_for": ""} if held.waits_for else {}
    if not is_machine and _rank(kind) > _rank(held.outcome):
        changed["outcome"] = held.outcome = kind
    if held.state == Message.State.UNKNOWN:
        changed |= {"state": Message.State.ACCEPTED, "reason": "", "is_told": False}
    if changed:
        Message.objects.filter(pk=held.pk).update(**changed)
    if (kind == Kind.BOUNCED and is_permanent) or kind == Kind.COMPLAINED:
        hold(held.contact_id)
        DeadAddress.objects.get_or_create(
            medium=held.medium,
            address=rules.address_key(held.medium, held.address),
            defaults={"reason": f"{kind}: {detail}"[:300], "at": at},
        )
    return receipt


def hold(contact: int | None) -> None:
    """Wait for a claim that is looking at this contact, and let the next one wait: what is claimed after a withdrawal sees it. Within a
    transaction."""
    if contact is not None:
        list(Contact.everything.select_for_update().filter(pk=contact).values_list("pk"))


def hear(channel: Channel, told: Sequence[Heard], *, now: dt.datetime) -> int:
    """Write down what a provider told: told twice or in another order it comes to the same. An answer of refusal counts even where
    no message fits it. Returns how many found their message.
    """
    from evergreen.touches.actions.consenting import answered, refused_by_word, refused_there

    done = 0
    for one in told:
        message = _message_of(channel, one)
        if one.kind == Kind.REPLIED:
            if message is not None:
                answered(message, one.text, at=one.at, key=one.mark, now=now)
            else:
                refused_by_word(channel, one.address, one.text, now=now)
        elif message is not None:
            receive(
                message, one.kind, at=one.at, key=one.mark, detail=one.detail, is_permanent=one.is_permanent
            )
            if one.kind == Kind.UNSUBSCRIBED:
                refused_there(message, now=now)
        done += message is not None
    return done


def _message_of(channel: Channel, one: Heard) -> Message | None:
    """By the key we gave, by the provider's own id, else the newest of the last days to the address."""
    mine = Message.objects.filter(channel=channel)
    if one.key:
        # A returning address carries the beginning of the key; hexadecimal digits end before "g".
        found = mine.filter(key__gte=one.key, key__lt=f"{one.key}g").first()
        if found is not None:
            return found
    if one.provider_id:
        found = mine.filter(provider_id=one.provider_id).order_by("-pk").first()
        if found is not None:
            return found
    if not one.address:
        return None
    medium = registry.adapter_class(channel.kind).medium
    wanted = {one.address, rules.address_key(medium, one.address)} - {""}
    recent = Message.objects.filter(
        medium=medium, address__in=wanted, handed_at__gt=one.at - _ANSWERED_WITHIN
    )
    return recent.order_by("-handed_at", "-pk").first()


def _rank(kind: str) -> int:
    return _FARTHEST.index(Kind(kind)) if kind in _FARTHEST else -1
