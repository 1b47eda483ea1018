"""The way out: a group of tags in WeCom that Evergreen keeps. A field's value, or the segments that an account is in, is the tag of its people.

Only differences are told, a limited number a minute. What somebody gives or takes by hand in such a group is set right with the next
comparison: the group is Evergreen's.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.conditions import Field, Kind
from evergreen.base.languages import in_words
from evergreen.base.models import User
from evergreen.base.queries import setting
from evergreen.base.upserts import in_batches
from evergreen.customers.figures import SegmentMember
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.segments.models import Segment
from evergreen.metrics.segments.newest import newest_values
from evergreen.touches.channels.contract import ChannelAdapter, ChannelError, LaterError, RefusedError
from evergreen.touches.models import Channel, TagGroup, Tie
from evergreen.touches.tags.reading import take_in
from evergreen.touches.ways import adapter_of, channels_that

log = logging.getLogger(__name__)
Direction = TagGroup.Direction
NAME = 30
MOST_TAGS = 100
EVERY = dt.timedelta(minutes=10)
# Calls a minute to one channel: WeCom publishes no limit for this one.
_CALLS = 200
# Fields of free text whose values are few.
_TEXTS = ("industry", "region", "product", "edition")


def channels() -> list[Channel]:
    """The channels that give tags."""
    return list(channels_that(lambda one: one.gives_tags).order_by("name"))


def fields() -> dict[str, Field]:
    """The fields whose values may be tags."""
    every = catalogue.all_fields()
    return {key: one for key, one in every.items() if one.kind == Kind.CHOICE or key in _TEXTS}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A group as somebody wants it kept: of a field's values, or of segments (keys)."""

    channel: Channel | None
    name: str
    field: str = ""
    segments: Sequence[str] = ()


def check(group: TagGroup | None, asked: Wanted) -> Channel:
    """The channel of a group that may be kept so. Raises ValidationError with every mistake."""
    channel, field = asked.channel, asked.field
    name, wanted = asked.name.strip(), set(asked.segments)
    known = set(Segment.objects.filter(is_archived=False, key__in=wanted).values_list("key", flat=True))
    problems = []
    if channel is None:
        problems.append(_("Choose the channel of WeCom: set up “WeCom to customers” first."))
    if not name or len(name) > NAME:
        problems.append(
            _("Give it a name of at most %(most)s characters; this one has %(n)s.")
            % {"most": NAME, "n": len(name)}
        )
    if bool(field) == bool(wanted):
        problems.append(_("Choose a field, or at least one segment, and not both."))
    elif field and field not in fields():
        problems.append(_("There is no field “%(key)s” that can be tags.") % {"key": field})
    elif wanted - known:
        problems.append(_("There is no segment %(keys)s.") % {"keys": ", ".join(sorted(wanted - known))})
    same = TagGroup.objects.filter(channel=channel, name=name)
    if (same.exclude(pk=group.pk) if group is not None else same).exists():
        problems.append(
            _("WeCom has a group of tags called “%(name)s” already: choose another name.") % {"name": name}
        )
    if group is not None and group.name != name:
        problems.append(_("The name of a group that stands in WeCom stays: end it and make another."))
    if problems or channel is None:
        raise ValidationError(problems)
    return channel


@transaction.atomic
def save_group(group: TagGroup | None, asked: Wanted, *, by: User, now: dt.datetime) -> TagGroup:
    """Make or change a group that Evergreen keeps. Raises ValidationError with every mistake."""
    held = check(group, asked)
    row = group or TagGroup(channel=held, direction=Direction.OUT, made_at=now, made_by=by)
    row.name, row.field, row.segments = asked.name.strip(), asked.field, sorted(set(asked.segments))
    row.checked_at, row.fault = None, ""
    row.save()
    after = {"name": row.name, "field": row.field, "segments": row.segments}
    audit("tag_group.saved", "tag_group", [row.pk], by=by, now=now, after=after)
    return row


def end_group(group: TagGroup, *, by: User, now: dt.datetime) -> None:
    """Delete a group that Evergreen keeps, here and in WeCom: nobody has its tags any more. Raises ValidationError where WeCom refuses; then
    nothing changed."""
    if group.key:
        try:
            adapter_of(group.channel).end_tags(group.key)
        except (ChannelError, ValueError) as error:
            raise ValidationError(str(error)) from error
    audit("tag_group.ended", "tag_group", [group.pk], by=by, now=now, before={"name": group.name})
    group.delete()


def wanted_tags(group: TagGroup, accounts: Sequence[int]) -> dict[int, set[str]]:
    """The names of the tags that an account's people should have."""
    found: dict[int, set[str]] = defaultdict(set)
    language = str(setting("language"))
    if group.segments:
        rows = Segment.objects.filter(key__in=group.segments, is_archived=False)
        names = {row.key: _name(in_words(row.name, language) or row.key) for row in rows}
        for some in in_batches(accounts):
            held = SegmentMember.objects.filter(segment__in=names, account__in=some)
            for segment, account in held.values_list("segment", "account_id"):
                found[account].add(names[segment])
        return found
    field = fields().get(group.field)
    if field is None:
        return found
    for account, told in newest_values(accounts, [group.field], {group.field: field}).items():
        value = told.get(group.field)
        if value not in {None, ""}:
            words = field.choices.get(str(value))
            found[account] = {_name(in_words(words, language) if words else str(value))}
    return found


def _name(text: str) -> str:
    return text.strip()[:NAME]


@dataclass(frozen=True, slots=True)
class Marking:
    """What a comparison comes to: of each tie the names to give and the ids to take; how many people each tag has then."""

    changes: Sequence[tuple[Tie, frozenset[str], frozenset[str]]]
    counts: Mapping[str, int]
    ties: int


def compare(group: TagGroup) -> Marking:
    """Hold what people have against what they should have. Ties that ended and people whom nobody knows are left alone."""
    rows = Tie.objects.filter(channel=group.channel_id, ended_at=None, contact__left_on=None)
    ties = list(rows.exclude(contact=None).select_related("contact").order_by("pk"))
    accounts = sorted({tie.contact.account_id for tie in ties if tie.contact is not None})
    wanted = wanted_tags(group, accounts)
    ids = {name: key for key, name in group.tags.items()}
    counts: Counter[str] = Counter()
    changes = []
    for tie in ties:
        names = wanted.get(tie.contact.account_id, set()) if tie.contact is not None else set()
        counts.update(names)
        has = set(tie.tags) & group.tags.keys()
        right = {ids[name] for name in names if name in ids}
        more = frozenset(name for name in names if ids.get(name) not in has)
        less = frozenset(has - right)
        if more or less:
            changes.append((tie, more, less))
    return Marking(changes, counts, len(ties))


def tag_due(*, now: dt.datetime) -> int:
    """Tell WeCom what changed in the groups that Evergreen keeps, and accounts what changed in those that people keep. Returns the number of
    calls."""
    calls = 0
    due = TagGroup.objects.exclude(direction=Direction.NONE).exclude(checked_at__gt=now - EVERY)
    left: dict[int, int] = defaultdict(lambda: _CALLS)
    for group in due.filter(channel__is_on=True).select_related("channel").order_by("pk"):
        # One worker compares at a time; another one finds it compared just now.
        claimed = TagGroup.objects.filter(pk=group.pk, checked_at=group.checked_at)
        if left[group.channel_id] <= 0 or not claimed.update(checked_at=now):
            continue
        if group.direction == Direction.IN:
            take_in(group, now=now)
            continue
        done, is_whole = _tell(group, left[group.channel_id])
        calls += done
        left[group.channel_id] -= done
        if not is_whole:
            TagGroup.objects.filter(pk=group.pk).update(checked_at=None)
    return calls


def _tell(group: TagGroup, most: int) -> tuple[int, bool]:
    """(calls made, whether all was told). A fault stands at the group and ends the round."""
    try:
        adapter = adapter_of(group.channel)
        marking = compare(group)
        if missing := sorted(set(marking.counts) - set(group.tags.values())):
            if len(missing) + len(group.tags) > MOST_TAGS:
                raise LaterError(
                    _("The field has %(n)s values; a group takes at most %(most)s tags.")
                    % {"n": len(marking.counts), "most": MOST_TAGS}
                )
            _make(group, adapter, missing)
            marking = compare(group)
        # In any order: people whom WeCom goes on refusing must not stand before everybody else each time.
        some = random.sample(marking.changes, min(most, len(marking.changes)))
        faults = [fault for tie, more, less in some if (fault := _mark(group, adapter, tie, more, less))]
    except (ChannelError, ValueError) as error:
        log.warning("Tags of %s: %s", group.name, error)
        TagGroup.objects.filter(pk=group.pk).update(fault=str(error)[:300])
        return most, True
    TagGroup.objects.filter(pk=group.pk).update(fault=faults[-1][:300] if faults else "")
    # Where nobody was taken, the rest waits for the next comparison.
    return len(some), len(some) == len(marking.changes) or len(faults) == len(some)


def _make(group: TagGroup, adapter: ChannelAdapter, names: Sequence[str]) -> None:
    told = adapter.make_tags(group.key, group.name, names)
    group.key, group.tags = told.key, {**group.tags, **told.tags}
    group.save(update_fields=["key", "tags"])


def _mark(
    group: TagGroup, adapter: ChannelAdapter, tie: Tie, more: frozenset[str], less: frozenset[str]
) -> str:
    """Tell one person's tags; why WeCom did not take it, '' where it did. Raises the other errors of the contract where
    it takes nothing now."""
    ids = {name: key for key, name in group.tags.items()}
    add = sorted(ids[name] for name in more)
    try:
        adapter.mark(tie.key, tie.member, add, sorted(less))
    except RefusedError as error:
        # It is this person: removed meanwhile, or the member may not. The next comparison asks again.
        return str(error)
    Tie.objects.filter(pk=tie.pk).update(tags=sorted((set(tie.tags) | set(add)) - less))
    return ""
