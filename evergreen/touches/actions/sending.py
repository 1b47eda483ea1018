"""Send what is due: claim, hand over, write down what came of it. Whoever is killed when, nothing goes out twice.

``planned → claimed (lease, fence) → handed over → accepted | refused | unknown``. Each arrow is a transaction of its own; the
provider is called between the last two, so a worker that dies there leaves *handed over*, which becomes *unknown* when its
lease is over, or is handed over again under the same key where the provider honours keys.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from evergreen.base import clock
from evergreen.touches import outgoing, rules
from evergreen.touches.actions.claiming import LEASE, claim
from evergreen.touches.actions.telling import tell
from evergreen.touches.channels.contract import (
    Accepted,
    ChannelAdapter,
    LaterError,
    Outgoing,
    RefusedError,
    UncertainError,
)
from evergreen.touches.models import Channel, DeadAddress, Message
from evergreen.touches.ways import channels_that, ready

log = logging.getLogger(__name__)
State = Message.State
Clock = Callable[[], dt.datetime]

# A message that the provider put off so often is given up, visibly.
MOST_TRIES = 8


def send_due(
    *, now: Clock = clock.utc_now, stops: Callable[[], bool] = lambda: False, most: int = 100_000
) -> int:
    """Send what is due by every channel that is on and does not rest, at most ``most`` messages. Returns how many were handed
    over. What came of messages is told as events at the end, also of earlier ones.
    """
    recover(now=now())
    sent = 0
    for channel in Channel.objects.filter(is_on=True).order_by("pk"):
        if channel.rests_until is not None and channel.rests_until > now():
            continue
        sent += _send_by(channel, now, stops, most - sent)
    tell()
    return sent


def recover(*, now: dt.datetime) -> int:
    """Free what dead workers held: what was only claimed is planned again; what was handed over is unknown, or planned again
    where the provider honours keys. Returns how many.
    """
    late = Message.objects.filter(leased_until__lt=now)
    free = {"state": State.PLANNED, "claimed_at": None, "leased_until": None, "fence": F("fence") + 1}
    keyed = [one.pk for one in channels_that(lambda one: one.honours_keys)]
    count = late.filter(state=State.CLAIMED).update(**free)
    count += late.filter(state=State.HANDED_OVER, channel__in=keyed).update(**free)
    count += late.filter(state=State.HANDED_OVER).update(
        state=State.UNKNOWN,
        reason="worker_lost",
        detail=_("The worker stopped after it had handed the message over."),
        ended_at=now,
        leased_until=None,
        fence=F("fence") + 1,
    )
    return count


def _send_by(channel: Channel, now: Clock, stops: Callable[[], bool], most: int) -> int:
    sent = 0
    try:
        adapter = ready(channel)
    except ValueError as error:
        _rest(channel, LaterError(str(error), is_whole=True), now())
        return 0
    try:
        while sent < most and not stops():
            claimed = claim(channel.pk, now=now())
            if not claimed.looked_at:
                break
            done = _hand_over_all(channel, adapter, claimed.messages, now, stops)
            sent += done
            if done < len(claimed.messages):
                break
    finally:
        adapter.close()
    return sent


def _hand_over_all(
    channel: Channel,
    adapter: ChannelAdapter,
    messages: Sequence[Message],
    now: Clock,
    stops: Callable[[], bool],
) -> int:
    """Hand claimed messages over one after another; where the channel itself fails, the rest is free again."""
    letters = outgoing.letters(messages)
    for at, message in enumerate(messages):
        if stops() or not _hand_over(channel, adapter, message, letters[message.pk], now):
            release(messages[at:], now=now())
            return at
    return len(messages)


def release(messages: Sequence[Message], *, now: dt.datetime) -> None:
    """Give back what was claimed and not handed over."""
    for message in messages:
        Message.objects.filter(pk=message.pk, fence=message.fence, state=State.CLAIMED).update(
            state=State.PLANNED, claimed_at=None, leased_until=None, fence=F("fence") + 1
        )


def _hand_over(
    channel: Channel, adapter: ChannelAdapter, message: Message, letter: Outgoing, now: Clock
) -> bool:
    """One message through the channel. False where the channel does not work now."""
    at = now()
    held = Message.objects.filter(
        pk=message.pk, fence=message.fence, state=State.CLAIMED, leased_until__gt=at
    )
    if not held.update(
        state=State.HANDED_OVER, handed_at=at, leased_until=at + LEASE, attempts=F("attempts") + 1
    ):
        log.warning("Message %d is no longer held: it is left to whoever holds it.", message.pk)
        return True
    message.attempts += 1
    try:
        taken = adapter.send(letter)
    except LaterError as error:
        _put_off(message, error, now())
        if error.is_whole:
            _rest(channel, error, now())
            return False
    except UncertainError as error:
        if adapter.honours_keys:
            _put_off(message, LaterError(str(error)), now())
        else:
            _finish(message, State.UNKNOWN, now(), reason="no_answer", detail=str(error))
    except RefusedError as error:
        _refused(message, letter.address, error, now())
    except Exception as error:
        # Whatever went wrong inside an adapter, the provider may have had the message.
        log.exception("The channel %s failed with message %d.", channel.key, message.pk)
        _finish(message, State.UNKNOWN, now(), reason="fault", detail=f"{type(error).__name__}: {error}")
    else:
        _taken(channel, message, taken, now())
    return True


def _taken(channel: Channel, message: Message, taken: Accepted, now: dt.datetime) -> None:
    _finish(
        message,
        State.ACCEPTED,
        now,
        provider_id=taken.provider_id[:200],
        waits_for=taken.waits_for[:100],
        outcome="delivered" if taken.is_delivered else "",
    )
    Channel.objects.filter(pk=channel.pk).update(used_at=now, faults=0, fault="", rests_until=None)


def _refused(message: Message, address: str, error: RefusedError, now: dt.datetime) -> None:
    with transaction.atomic():
        _finish(message, State.REFUSED, now, reason="refused", detail=str(error))
        if error.is_dead:
            DeadAddress.objects.get_or_create(
                medium=message.medium,
                address=rules.address_key(message.medium, address),
                defaults={"reason": str(error)[:300], "at": now},
            )


def _put_off(message: Message, error: LaterError, now: dt.datetime) -> None:
    """Plan it again for later: it was certainly not taken, or the provider takes it once whatever we do."""
    # A channel that does not work says nothing about the message.
    if message.attempts >= MOST_TRIES and not error.is_whole:
        _finish(message, State.REFUSED, now, reason="gave_up", detail=str(error))
        return
    wait = dt.timedelta(seconds=error.seconds) or dt.timedelta(minutes=1) * 2 ** min(message.attempts - 1, 6)
    _write(
        message,
        state=State.PLANNED,
        reason="later",
        detail=str(error)[:300],
        due_at=now + wait,
        claimed_at=None,
        attempts=message.attempts - 1 if error.is_whole else message.attempts,
    )


def _finish(message: Message, state: State, now: dt.datetime, *, detail: str = "", **values: Any) -> None:
    _write(message, **{"reason": "", "detail": detail[:300], "ended_at": now, **values, "state": state})


def _write(message: Message, **values: Any) -> None:
    held = Message.objects.filter(Q(pk=message.pk, fence=message.fence, state=State.HANDED_OVER))
    if not held.update(leased_until=None, **values):
        log.warning("Message %d was answered after its lease: the answer is not written.", message.pk)


def _rest(channel: Channel, error: LaterError, now: dt.datetime) -> None:
    """Leave the channel alone for a while."""
    faults = channel.faults + 1
    wait = max(rules.rested(faults), dt.timedelta(seconds=error.seconds))
    Channel.objects.filter(pk=channel.pk).update(
        faults=faults, fault=str(error)[:300], rests_until=now + wait
    )
    log.warning("The channel %s rests for %.0f s: %s", channel.key, wait.total_seconds(), error)
