"""Groups of tags as they are in WeCom, and the way in: what members gave people becomes tags of their accounts."""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.base.upserts import in_batches
from evergreen.customers.actions import tag_accounts
from evergreen.customers.models import Account
from evergreen.touches.channels.contract import ChannelAdapter, ChannelError
from evergreen.touches.channels.told import ToldTags
from evergreen.touches.models import AccountTag, Channel, TagGroup, Tie

log = logging.getLogger(__name__)
Direction = TagGroup.Direction


@transaction.atomic
def keep_groups(channel: Channel, told: Sequence[ToldTags], *, now: dt.datetime) -> None:
    """Write down the groups that there are. One that is gone is forgotten; one that Evergreen keeps is made anew."""
    rows = {row.key: row for row in TagGroup.objects.filter(channel=channel).exclude(key="")}
    for one in told:
        row = rows.pop(one.key, None) or TagGroup(channel=channel, key=one.key[:64], made_at=now)
        facts = (one.name[:60], dict(one.tags))
        if row.pk is None or (row.name, row.tags) != facts:
            row.name, row.tags = facts
            row.save()
    for row in rows.values():
        if row.direction == Direction.OUT:
            TagGroup.objects.filter(pk=row.pk).update(key="", tags={}, checked_at=None)
        else:
            # Accounts lose what came by it.
            row.direction = Direction.NONE
            take_in(row, now=now)
            row.delete()
    compare_again(channel)


def reread_tags(channel: Channel, adapter: ChannelAdapter, key: str) -> int:
    """Read the tags of one person anew. Returns how many ties changed; none where WeCom did not answer: the next reading of all tells."""
    if not adapter.gives_tags:
        return 0
    try:
        told = adapter.tags_of(key)
    except ChannelError as error:
        log.warning("The tags of %s: %s", key, error)
        return 0
    changed = 0
    for tie in Tie.objects.filter(channel=channel, key=key, ended_at=None):
        tags = sorted(told.get(tie.member, tie.tags))
        if tags != tie.tags:
            changed += Tie.objects.filter(pk=tie.pk).update(tags=tags)
    if changed:
        compare_again(channel)
    return changed


def compare_again(channel: Channel) -> None:
    """Have the tags of a channel's people compared with the next round."""
    TagGroup.objects.filter(channel=channel).exclude(direction=Direction.NONE).update(checked_at=None)


@transaction.atomic
def turn(group: TagGroup, *, inward: bool, by: User, now: dt.datetime) -> None:
    """Let a group's tags become tags of accounts, or no more: then they lose those that came by it. Raises ValidationError for a group
    that Evergreen keeps."""
    held = TagGroup.objects.select_for_update().get(pk=group.pk)
    if held.direction == Direction.OUT:
        raise ValidationError(_("Evergreen keeps this group itself: end it first."))
    held.direction = Direction.IN if inward else Direction.NONE
    held.save(update_fields=["direction"])
    audit(
        "tag_group.turned",
        "tag_group",
        [held.pk],
        by=by,
        now=now,
        after={"name": held.name, "direction": held.direction},
    )
    take_in(held, now=now)


def take_in(group: TagGroup, *, now: dt.datetime) -> int:
    """Give accounts the tags that their people have in WeCom, and take those that nobody has any more; a tag that was put on an account by
    hand stays. Returns how many accounts changed."""
    wanted: dict[int, set[str]] = defaultdict(set)
    if group.direction == Direction.IN:
        # WeCom's names may be longer than tags here, and two may then be the same.
        names = {key: name.strip()[:80] for key, name in group.tags.items() if name.strip()}
        ties = Tie.objects.filter(channel=group.channel_id, ended_at=None, contact__left_on=None)
        for account, tags in ties.exclude(contact=None).values_list("contact__account_id", "tags"):
            if account is not None:
                wanted[account] |= {names[key] for key in tags if key in names}
    had: dict[int, set[str]] = defaultdict(set)
    for account, name in AccountTag.objects.filter(group=group).values_list("account_id", "name"):
        had[account].add(name)
    stand: dict[int, list[str]] = {}
    for some in in_batches(sorted(wanted)):
        stand |= dict(Account.objects.filter(pk__in=some).values_list("pk", "tags"))
    changes: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = defaultdict(list)
    for account in {*wanted, *had}:
        # What somebody put on the account before is not WeCom's to take.
        more = wanted[account] - had[account] - set(stand.get(account, ()))
        less = had[account] - wanted[account]
        if more or less:
            changes[tuple(sorted(more)), tuple(sorted(less))].append(account)
    for (more_of, less_of), accounts in changes.items():
        for some in in_batches(accounts):
            _change(group, some, more_of, less_of, now)
    return sum(map(len, changes.values()))


@transaction.atomic
def _change(
    group: TagGroup, accounts: Sequence[int], more: Sequence[str], less: Sequence[str], now: dt.datetime
) -> None:
    others = AccountTag.objects.filter(account__in=accounts, name__in=less).exclude(group=group)
    kept = set(others.values_list("account_id", "name"))
    for account in accounts:
        # Another group may have given it the same tag.
        gone = [name for name in less if (account, name) not in kept]
        try:
            tag_accounts([account], add=more, remove=gone, by=None, now=now)
        except ValidationError as error:
            # It has as many tags as an account may have: tried again with the next reading.
            log.warning("Tags of account %s: %s", account, " ".join(error.messages))
            continue
        AccountTag.objects.filter(group=group, account=account, name__in=less).delete()
        made = [AccountTag(group=group, account_id=account, name=name) for name in more]
        AccountTag.objects.bulk_create(made, ignore_conflicts=True)
