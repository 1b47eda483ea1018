"""What people and playbooks do to messages that are not sent yet, or of which nobody knows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

from django.db import transaction
from django.db.models import F, Q

from evergreen.base.actions import audit
from evergreen.base.changes import batches
from evergreen.base.models import User
from evergreen.base.upserts import in_batches
from evergreen.touches.models import Message

State = Message.State


def withdraw_planned(origin_kind: str, origin_ids: Collection[str], *, now: dt.datetime) -> int:
    """Withdraw what was planned for some origins and is not handed over yet (a run that was left), in the transaction of the
    leaving. Returns how many."""
    found: list[int] = []
    for batch in in_batches(list(origin_ids), 500):
        rows = Message.objects.filter(origin_kind=origin_kind, origin_id__in=batch)
        found += rows.values_list("pk", flat=True)
    return _withdraw(found, now)


def _withdraw(ids: Iterable[int], now: dt.datetime) -> int:
    # With the fence: a worker that claimed one a moment ago does not hand it over any more.
    waiting = Message.objects.filter(pk__in=list(ids), state__in=(State.PLANNED, State.CLAIMED))
    return waiting.update(
        state=State.WITHDRAWN, ended_at=now, claimed_at=None, leased_until=None, fence=F("fence") + 1
    )


def cancel(ids: Iterable[int], *, by: User, now: dt.datetime) -> int:
    """Withdraw planned messages, one or many. Returns how many were not sent yet."""
    done = 0
    for batch in batches(list(ids)):
        with transaction.atomic():
            if count := _withdraw(batch, now):
                audit("message.withdrawn", "message", batch, by=by, now=now)
                done += count
    return done


def send_again(ids: Iterable[int], *, by: User, now: dt.datetime, late: dt.timedelta) -> int:
    """Plan messages again that are unknown, refused, held back or withdrawn. Whoever asks for it knows that an unknown one may
    arrive twice. Returns how many."""
    again = (State.UNKNOWN, State.REFUSED, State.HELD_BACK, State.WITHDRAWN)
    done = 0
    for batch in batches(list(ids)):
        with transaction.atomic():
            # One whose text lacks a value has nothing that could be sent.
            found = Message.objects.filter(pk__in=batch, state__in=again).exclude(
                Q(reason__in=("missing", "template")) | Q(origin_kind__in=Message.OF_THE_MOMENT)
            )
            listed = list(found.values_list("pk", flat=True))
            done += found.update(
                state=State.PLANNED, reason="", detail="", due_at=now, expires_at=now + late, ended_at=None,
                claimed_at=None, attempts=0, is_told=False, fence=F("fence") + 1,
            )  # fmt: skip
            if listed:
                audit("message.sent_again", "message", listed, by=by, now=now)
    return done


def settle(ids: Iterable[int], *, has_arrived: bool, by: User, now: dt.datetime) -> int:
    """Say of unknown messages whether they arrived. Returns how many."""
    done = 0
    state = State.ACCEPTED if has_arrived else State.REFUSED
    for batch in batches(list(ids)):
        with transaction.atomic():
            found = Message.objects.filter(pk__in=batch, state=State.UNKNOWN)
            listed = list(found.values_list("pk", flat=True))
            done += found.update(state=state, reason="settled", is_told=False)
            if listed:
                audit("message.settled", "message", listed, by=by, now=now, after={"state": str(state)})
    return done
