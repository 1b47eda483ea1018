"""Segments made, changed, put away, and their members brought up to date."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.conditions import Condition, ConditionError, checked, fields_of, from_data, to_data
from evergreen.base.models import User
from evergreen.customers.figures import SegmentMember
from evergreen.metrics.models import Use
from evergreen.metrics.segments import fields as catalogue
from evergreen.metrics.segments.evaluating import Held, evaluate
from evergreen.metrics.segments.models import Segment, SegmentDay, SegmentMove

if TYPE_CHECKING:
    import duckdb

_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
# Addresses of pages that stand beside those of segments.
_TAKEN = frozenset({"new", "preview", "test", "tests"})
_BATCH = 5_000
_USE = "segment"


def check_key(key: str) -> None:
    """Raises ValidationError for a key that no segment may have."""
    if not _KEY.fullmatch(key) or key in _TAKEN:
        raise ValidationError(
            {
                "key": _(
                    "The key is %(key)s: it begins with a small letter, has at most 40 small letters, digits and "
                    "underscores, and is none of %(taken)s."
                )
                % {"key": repr(key), "taken": ", ".join(sorted(_TAKEN))}
            }
        )


@transaction.atomic
def save_segment(
    key: str,
    *,
    name: Mapping[str, str],
    condition: Any,
    note: str = "",
    origin: str = Segment.Origin.BROWSER,
    is_new: bool = False,
    by: User | None,
    now: dt.datetime,
) -> Segment:
    """Make a segment, or change the one with this key (unless it ``is_new``). ``condition`` is a tree, its data or its text;
    ``origin`` says where it is kept from now on.

    Raises ConditionError for a condition that cannot be used, ValidationError for a key or name that is not allowed.
    """
    check_key(key)
    names = {language: text.strip()[:80] for language, text in name.items() if text and text.strip()}
    if not names:
        raise ValidationError({"name": _("A segment needs a name in Chinese or in English.")})
    tree = checked(condition if _is_tree(condition) else from_data(condition), catalogue.all_fields())
    data = to_data(tree)
    found = Segment.objects.select_for_update().filter(key=key).first()
    if found and is_new:
        raise ValidationError({"key": _("Somebody made a segment at the same moment; save once more.")})
    before = _told(found) if found else {}
    segment = found or Segment(key=key, created_by=by, created_at=now)
    if found and found.condition != data:
        segment.version += 1
    segment.name, segment.note, segment.condition = names, note.strip()[:300], data
    segment.is_archived, segment.changed_at, segment.origin = False, now, origin
    segment.save()
    _note_uses(segment, tree)
    after = _told(segment)
    if before != after:
        verb = "segment.changed" if found else "segment.made"
        audit(verb, "segment", [segment.pk], by=by, now=now, before=before, after=after)
    return segment


def free_key() -> str:
    """A key for a segment that is named in the browser."""
    number = (Segment.objects.order_by("-pk").values_list("pk", flat=True).first() or 0) + 1
    while Segment.objects.filter(key=f"segment_{number}").exists():
        number += 1
    return f"segment_{number}"


def _is_tree(condition: Any) -> bool:
    return not isinstance(condition, str | Mapping)


def _told(segment: Segment) -> dict[str, Any]:
    return {
        "name": segment.name,
        "note": segment.note,
        "condition": segment.condition,
        "origin": segment.origin,
        "is_archived": segment.is_archived,
    }


def _note_uses(segment: Segment, condition: Condition) -> None:
    """Say which metrics the segment reads, so that their pages name it and none of them is deleted."""
    metric_of = catalogue.metric_of()
    used = {metric_of[field] for field in fields_of(condition) if field in metric_of}
    Use.objects.filter(kind=_USE, ref=segment.key).exclude(metric__in=used).delete()
    Use.objects.bulk_create(
        [Use(metric=metric, kind=_USE, ref=segment.key) for metric in sorted(used)], ignore_conflicts=True
    )


@transaction.atomic
def archive_segment(segment: Segment, *, by: User | None, now: dt.datetime) -> None:
    """Put a segment away: it is not told any more, its history stays. Saving it again brings it back."""
    if segment.is_archived:
        return
    before = _told(segment)
    # Brought back, its accounts enter it by the rule.
    segment.is_archived, segment.changed_at, segment.computed_version = True, now, 0
    segment.save(update_fields=["is_archived", "changed_at", "computed_version"])
    Use.objects.filter(kind=_USE, ref=segment.key).delete()
    SegmentMember.objects.filter(segment=segment.key).delete()
    audit("segment.archived", "segment", [segment.pk], by=by, now=now, before=before, after=_told(segment))


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What an evaluation changed: entries and exits of all segments, and segments whose condition cannot be read any
    more, with why."""

    entered: int
    left: int
    broken: dict[str, str]


def refresh_segments(
    con: duckdb.DuckDBPyConnection, day: dt.date, *, keys: Iterable[str] | None = None
) -> Refreshed:
    """Bring the members of all segments (or those named) up to date with the snapshot of ``day``.

    The same day again takes back what it had changed first, so running it twice is running it once. A segment that was
    told for a later day already stays as it is.
    """
    wanted = Segment.objects.filter(is_archived=False)
    if keys is not None:
        wanted = wanted.filter(key__in=list(keys))
    fields = catalogue.all_fields()
    trees: dict[str, Condition] = {}
    broken: dict[str, str] = {}
    segments = {one.key: one for one in wanted if one.computed_on is None or one.computed_on <= day}
    for key, segment in segments.items():
        try:
            trees[key] = checked(from_data(segment.condition), fields)
        except ConditionError as error:
            broken[key] = str(error)
    if not trees:
        return Refreshed(0, 0, broken)
    held = evaluate(con, day, trees, fields)
    entered = left = 0
    for key in trees:
        came, went = _settle(segments[key], day, held)
        entered, left = entered + came, left + went
    return Refreshed(entered, left, broken)


@transaction.atomic
def _settle(segment: Segment, day: dt.date, held: Held) -> tuple[int, int]:
    """Members, moves and the day's figures of one segment; (entered, left)."""
    _take_back(segment, day)
    before = dict(SegmentMember.objects.filter(segment=segment.key).values_list("account_id", "since"))
    inside = set(held.accounts(segment.key).tolist())
    came, went = sorted(inside - before.keys()), sorted(before.keys() - inside)
    cause = SegmentMove.Cause.DATA
    if segment.computed_version != segment.version:
        cause = SegmentMove.Cause.RULE
    moves = [
        SegmentMove(segment=segment, account_id=pk, day=day, has_entered=True, since=day, cause=cause)
        for pk in came
    ] + [
        SegmentMove(segment=segment, account_id=pk, day=day, has_entered=False, since=before[pk], cause=cause)
        for pk in went
    ]
    SegmentMove.objects.bulk_create(moves, batch_size=_BATCH)
    for at in range(0, len(went), _BATCH):
        SegmentMember.objects.filter(segment=segment.key, account__in=went[at : at + _BATCH]).delete()
    SegmentMember.objects.bulk_create(
        [SegmentMember(segment=segment.key, account_id=pk, since=day) for pk in came], batch_size=_BATCH
    )
    arr = held.arr_cents(segment.key)
    SegmentDay.objects.update_or_create(
        segment=segment,
        day=day,
        defaults={"accounts": len(inside), "entered": len(came), "left": len(went), "arr_cents": arr},
    )
    segment.computed_on, segment.computed_version = day, segment.version
    segment.accounts, segment.arr_cents = len(inside), arr
    segment.save(update_fields=["computed_on", "computed_version", "accounts", "arr_cents"])
    return len(came), len(went)


def _take_back(segment: Segment, day: dt.date) -> None:
    """Members as they stood before what ``day`` had changed."""
    moves = SegmentMove.objects.filter(segment=segment, day=day)
    if not moves.exists():
        return
    if moves.filter(cause=SegmentMove.Cause.RULE).exists():
        # The rule's moves stand first: told again with the same condition they are the rule's still.
        segment.computed_version = 0
    SegmentMember.objects.filter(
        segment=segment.key, account__in=moves.filter(has_entered=True).values("account")
    ).delete()
    gone = moves.filter(has_entered=False).values_list("account_id", "since")
    SegmentMember.objects.bulk_create(
        [SegmentMember(segment=segment.key, account_id=pk, since=since) for pk, since in gone],
        batch_size=_BATCH,
        ignore_conflicts=True,
    )
    moves.delete()
