"""Keep who of us has whom: read whole every six hours, and at once where WeCom tells a change.

Only WeCom's word says who removed whom; a tie that is merely no longer listed ended nobody knows how. Words may come twice and in any
order: what is older than the tie that it is about changes nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from evergreen.base.upserts import in_batches
from evergreen.events import journal
from evergreen.touches.addressing import contacts_by_key, staff_by_key
from evergreen.touches.channels.contract import ChannelAdapter, ChannelError
from evergreen.touches.channels.told import Tied, ToldTie
from evergreen.touches.codes import coming
from evergreen.touches.models import Channel, Medium, Tie
from evergreen.touches.tags.reading import keep_groups, reread_tags
from evergreen.touches.ways import adapter_of, whose_turn

log = logging.getLogger(__name__)
EVERY = dt.timedelta(hours=6)
_TOGETHER = 500
_ENDS = {Tied.Kind.DROPPED_BY_THEM: Tie.End.BY_THEM, Tied.Kind.DROPPED_BY_US: Tie.End.BY_US}


@dataclass(slots=True)
class Read:
    """What a reading came to: ties listed, new ones, ended ones; ``known`` hang on a contact."""

    listed: int = 0
    made: int = 0
    ended: int = 0
    known: int = 0


def read_ties_due(*, now: dt.datetime) -> int:
    """Read the channels whose turn it is, then tell what ended. Returns how many were read."""
    read = 0
    for channel in whose_turn(lambda one: one.tells_ties, EVERY, now=now):
        read_ties(channel, now=now)
        read += 1
    tell_ties(now=now)
    return read


def read_ties(channel: Channel, *, now: dt.datetime) -> Read | None:
    """Read a channel's ties whole, then write what changed. None with the fault written down at the channel where WeCom did not answer:
    then nothing ended."""
    try:
        adapter = adapter_of(channel)
        told = {(one.key, one.member): one for one in adapter.ties()}
        groups = list(adapter.tag_groups())
    except (ChannelError, ValueError) as error:
        log.warning("The ties of %s: %s", channel.key, error)
        Channel.objects.filter(pk=channel.pk).update(inbox_at=now, inbox_fault=str(error)[:300])
        return None
    done = _keep(channel, adapter, told, now)
    keep_groups(channel, groups, now=now)
    Channel.objects.filter(pk=channel.pk).update(inbox_at=now, inbox_fault="")
    return done


@transaction.atomic
def _keep(
    channel: Channel, adapter: ChannelAdapter, told: dict[tuple[str, str], ToldTie], now: dt.datetime
) -> Read:
    live: dict[tuple[str, str], Tie] = {}
    over: dict[tuple[str, str], dt.datetime] = {}
    for row in Tie.objects.filter(channel=channel).order_by("pk"):
        if row.ended_at is None:
            live[row.key, row.member] = row
        else:
            over[row.key, row.member] = max(row.ended_at, over.get((row.key, row.member), row.ended_at))
    contacts = contacts_by_key(Medium.WECOM, (key for key, _member in told))
    staff = staff_by_key(adapter, {member for _key, member in told})
    new: list[Tie] = []
    changed: list[Tie] = []
    for name, one in told.items():
        kept = live.get(name)
        if kept is None and name in over and one.added_at <= over[name]:
            # WeCom may go on listing whom somebody removed: it is the tie that ended.
            continue
        before = None if kept is None else _facts(kept)
        row = kept or Tie(channel=channel, key=one.key, member=one.member, added_at=one.added_at)
        row.contact_id, row.staff = contacts.get(one.key), staff.get(one.member)
        row.name, row.company, row.state = one.name[:100], one.company[:200], one.state[:64] or row.state
        row.tags = sorted(one.tags)
        if before is None:
            new.append(row)
        elif before != _facts(row):
            changed.append(row)
    Tie.objects.bulk_create(new, batch_size=_TOGETHER, ignore_conflicts=True)
    coming.attach(new, now=now)
    fields = ["contact", "staff", "name", "company", "state", "tags"]
    Tie.objects.bulk_update(changed, fields, batch_size=_TOGETHER)
    # A list that comes back empty is not believed.
    gone = [row.pk for name, row in live.items() if name not in told] if told else []
    ended = 0
    for some in in_batches(gone):
        rows = Tie.objects.filter(pk__in=some, ended_at=None)
        ended += rows.update(ended_at=now, ended_by=Tie.End.UNKNOWN, is_told=False)
    return Read(len(told), len(new), ended, sum(key in contacts for key, _member in told))


def _facts(row: Tie) -> tuple[object, ...]:
    return row.contact_id, row.staff_id, row.name, row.company, row.state, row.tags


def hear_ties(channel: Channel, told: Sequence[Tied], *, now: dt.datetime) -> int:
    """Write down what WeCom told of ties. Returns how many changed anything."""
    if not told:
        return 0
    adapter = adapter_of(channel)
    done = 0
    for one in told:
        if one.kind == Tied.Kind.EDITED:
            done += reread_tags(channel, adapter, one.key)
            continue
        tie = _hear(channel, adapter, one)
        done += tie is not None
        if tie is not None and one.kind == Tied.Kind.ADDED:
            _greet(tie, one, adapter, now)
    tell_ties(now=now)
    return done


def _greet(tie: Tie, told: Tied, adapter: ChannelAdapter, now: dt.datetime) -> None:
    """Somebody came: whose they are, words of welcome, what they are called. WeCom's word for a welcome lives seconds, so that comes first."""
    with transaction.atomic():
        coming.attach([tie], now=now)
    coming.welcome(tie, told, adapter, now=now)
    if tie.contact_id is None and adapter.makes_codes:
        coming.named(tie, adapter)
        with transaction.atomic():
            coming.attach([tie], now=now)


@transaction.atomic
def _hear(channel: Channel, adapter: ChannelAdapter, one: Tied) -> Tie | None:
    """The tie that a word changed; None for one that changes nothing."""
    # The channel's row is the lock: two posts about one tie wait for each other, also while it has no row.
    Channel.objects.select_for_update().get(pk=channel.pk)
    rows = Tie.objects.filter(channel=channel, key=one.key, member=one.member)
    live = rows.filter(ended_at=None).first()
    contact = contacts_by_key(Medium.WECOM, [one.key]).get(one.key)
    staff = staff_by_key(adapter, [one.member]).get(one.member)
    if one.kind == Tied.Kind.ADDED:
        if live is not None or rows.filter(ended_at__gte=one.at).exists():
            return None
        return Tie.objects.create(
            channel=channel, key=one.key, member=one.member, contact_id=contact, staff=staff, state=one.state[:64], added_at=one.at,
        )  # fmt: skip
    end = _ENDS[one.kind]
    if live is not None and live.added_at <= one.at:
        live.ended_at, live.ended_by, live.contact_id, live.is_told = one.at, end, contact, False
        live.save(update_fields=["ended_at", "ended_by", "contact", "is_told"])
        return live
    # The reading may have missed it before WeCom's word came: the word says who did it.
    last = rows.filter(ended_by=Tie.End.UNKNOWN, added_at__lte=one.at, ended_at__gte=one.at).last()
    if last is None:
        return None
    last.ended_at, last.ended_by, last.is_told = one.at, end, False
    last.save(update_fields=["ended_at", "ended_by", "is_told"])
    return last


def tell_ties(*, now: dt.datetime) -> int:
    """Tell that ties ended, as ``wecom.removed`` of the contact's account: once each, by its message id. Those of people whom nobody
    knows wait until somebody does, at most 30 days. Returns how many were told."""
    untold = Tie.objects.filter(is_told=False)
    untold.filter(contact=None, ended_at__lt=now - dt.timedelta(days=30)).update(is_told=True)
    _bind(untold.filter(contact=None))
    told = 0
    while rows := list(
        untold.filter(contact__isnull=False).select_related("contact__account").order_by("pk")[:_TOGETHER]
    ):
        journal.write_system_events([_event(row) for row in rows])
        Tie.objects.filter(pk__in=[row.pk for row in rows]).update(is_told=True)
        told += len(rows)
    return told


def _bind(rows: Iterable[Tie]) -> None:
    """Give ties the contact that became known since."""
    unknown = list(rows)
    contacts = contacts_by_key(Medium.WECOM, (row.key for row in unknown)) if unknown else {}
    for row in unknown:
        if row.key in contacts:
            Tie.objects.filter(pk=row.pk).update(contact=contacts[row.key])


def _event(row: Tie) -> journal.SystemEvent:
    contact = row.contact
    if contact is None or row.ended_at is None:
        raise ValueError(f"Tie {row.pk} has not ended, or nobody knows whose it is.")
    return {
        "name": "wecom.removed",
        "account_id": contact.account_id,
        "occurred_at": row.ended_at,
        "message_id": f"wecom.removed:{row.pk}:{row.ended_by}",
        "properties": {
            "by": row.ended_by, "contact": contact.external_id or str(contact.pk), "member": row.member,
            "is_owner": row.staff_id is not None and row.staff_id == contact.account.owner_id,
        },
    }  # fmt: skip
