"""Read customer groups from WeCom: new ones, who came and who left, those that were dissolved."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from evergreen.base.models import User
from evergreen.base.upserts import in_batches
from evergreen.customers.models import ContactId
from evergreen.events import journal
from evergreen.touches.addressing import staff_by_key
from evergreen.touches.channels.contract import GROUPS, ChannelAdapter, ChannelError
from evergreen.touches.channels.told import ToldGroup, ToldMember
from evergreen.touches.groups.rules import accounts_of
from evergreen.touches.models import Channel, CustomerGroup, GroupMember
from evergreen.touches.ways import adapter_of, whose_turn

log = logging.getLogger(__name__)
EVERY = dt.timedelta(hours=6)
_TOGETHER = 500
_NEWS = dt.timedelta(days=7)


@dataclass(slots=True)
class Read:
    """What a reading came to."""

    groups: int = 0
    made: int = 0
    came: int = 0
    left: int = 0
    ended: int = 0


def read_due(*, now: dt.datetime) -> int:
    """Read the channels of groups whose turn it is. Returns how many."""
    read = 0
    for channel in whose_turn(lambda one: one.audience == GROUPS, EVERY, now=now):
        read_groups(channel, now=now)
        read += 1
    tell_groups()
    return read


def read_groups(channel: Channel, *, now: dt.datetime) -> Read | None:
    """Read a channel's groups whole: each is written as it is read, so that a fault keeps what was read before it. None with the
    channel's fault written down where WeCom did not answer."""
    done, seen = Read(), set()
    try:
        adapter = adapter_of(channel)
        for told in adapter.groups():
            seen.add(told.key)
            if told.is_told:
                _keep(channel, adapter, told, done, now)
    except (ChannelError, ValueError) as error:
        log.warning("The groups of %s: %s", channel.key, error)
        Channel.objects.filter(pk=channel.pk).update(inbox_at=now, inbox_fault=str(error)[:300])
        return None
    # What is not listed any more was dissolved; a list that comes back empty is not believed.
    if seen:
        live = CustomerGroup.objects.filter(channel=channel, ended_at=None).values_list("pk", "external_id")
        gone = [pk for pk, key in live if key not in seen]
        for batch in in_batches(gone):
            done.ended += CustomerGroup.objects.filter(pk__in=batch).update(ended_at=now)
    Channel.objects.filter(pk=channel.pk).update(inbox_at=now, inbox_fault="")
    return done


@transaction.atomic
def _keep(channel: Channel, adapter: ChannelAdapter, told: ToldGroup, done: Read, now: dt.datetime) -> None:
    staff = staff_by_key(adapter, {told.owner, *(one.key for one in told.members if one.is_ours)})
    group = CustomerGroup.objects.select_for_update(of=("self",)).filter(external_id=told.key).first()
    if group is None:
        # One that was there long before it was first read begins nothing.
        is_old = now - told.made_at > _NEWS
        group = CustomerGroup(external_id=told.key, kind=CustomerGroup.Kind.WECOM, is_told=is_old)
        done.made += 1
    done.groups += 1
    group.channel, group.name, group.notice = channel, told.name[:120], told.notice
    group.owner, group.owner_key = staff.get(told.owner), told.owner
    group.made_at, group.read_at, group.ended_at = told.made_at, now, None
    group.save()
    accounts = _keep_members(group, told.members, staff, done, now)
    if not group.are_accounts_chosen:
        group.accounts.set(accounts_of((), accounts, are_chosen=False))


def _keep_members(
    group: CustomerGroup,
    told: Sequence[ToldMember],
    staff: Mapping[str, User],
    done: Read,
    now: dt.datetime,
) -> set[int]:
    """Who is in it now, and who is not any more. Returns the accounts of the contacts in it."""
    listed = {one.key: one for one in told}
    stored = {one.key: one for one in GroupMember.objects.filter(group=group, left_at=None).exclude(key="")}
    left = [row.pk for key, row in stored.items() if key not in listed]
    done.left += GroupMember.objects.filter(pk__in=left).update(left_at=now)
    known = {
        row.value: row.contact
        for row in ContactId.objects.filter(system="wecom", value__in=listed).select_related("contact")
    }
    new = []
    for key, one in listed.items():
        contact, person = known.get(key), staff.get(key)
        row = stored.get(key)
        if row is None:
            name = one.name or (contact.name if contact else str(person or key))
            new.append(
                GroupMember(
                    group=group, key=key, contact=contact, staff=person, is_ours=one.is_ours, name=name[:100], how=one.how, joined_at=one.joined_at,
                )
            )  # fmt: skip
        elif (row.contact_id, row.staff_id) != (contact and contact.pk, person and person.pk):
            # Who was a stranger is known now, or the other way round.
            GroupMember.objects.filter(pk=row.pk).update(contact=contact, staff=person)
    GroupMember.objects.bulk_create(new)
    done.came += len(new)
    return {one.account_id for one in known.values()}


def tell_groups() -> int:
    """Tell that a group is there, as ``group.made`` of each of its accounts: once, by its message id, so that playbooks begin with it. Told
    when it has an account. Returns how many groups were told."""
    told = 0
    untold = CustomerGroup.objects.filter(is_told=False, accounts__isnull=False).distinct().order_by("pk")
    while rows := list(untold.prefetch_related("accounts")[:_TOGETHER]):
        journal.write_system_events([event for row in rows for event in _events(row)])
        CustomerGroup.objects.filter(pk__in=[row.pk for row in rows]).update(is_told=True)
        told += len(rows)
    return told


def _events(group: CustomerGroup) -> list[journal.SystemEvent]:
    said = {"group": group.pk, "kind": group.kind, "name": group.name, "purpose": group.purpose}
    return [
        {
            "name": "group.made",
            "account_id": account.pk,
            "occurred_at": group.made_at,
            "known_at": group.read_at or group.made_at,
            "message_id": f"group.made:{group.pk}:{account.pk}",
            "properties": said,
        }
        for account in group.accounts.all()
    ]
