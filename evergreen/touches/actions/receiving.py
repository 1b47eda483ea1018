"""What providers say of messages afterwards: doubled and in any order, it comes to the same."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from evergreen.touches import rules
from evergreen.touches.models import DeadAddress, Message, Receipt

Kind = Receipt.Kind
# How far a message came; a later word of a smaller one changes nothing.
_FARTHEST = (
    Kind.DELIVERED, Kind.OPENED, Kind.CLICKED, Kind.BOUNCED, Kind.REPLIED, Kind.UNSUBSCRIBED, Kind.COMPLAINED,
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
    changed: dict[str, object] = {}
    if not is_machine and _rank(kind) > _rank(held.outcome):
        changed["outcome"] = held.outcome = kind
    if held.state == Message.State.UNKNOWN:
        changed |= {"state": Message.State.ACCEPTED, "reason": "", "is_told": False}
    if changed:
        Message.objects.filter(pk=held.pk).update(**changed)
    if (kind == Kind.BOUNCED and is_permanent) or kind == Kind.COMPLAINED:
        DeadAddress.objects.get_or_create(
            medium=held.medium,
            address=rules.address_key(held.medium, held.address),
            defaults={"reason": f"{kind}: {detail}"[:300], "at": at},
        )
    return receipt


def _rank(kind: str) -> int:
    return _FARTHEST.index(Kind(kind)) if kind in _FARTHEST else -1
