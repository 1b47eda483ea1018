"""Versions: a draft saved, published, retired; shipped playbooks installed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from evergreen.base import declarations
from evergreen.base.actions import audit
from evergreen.base.conditions import fields_of
from evergreen.base.models import User
from evergreen.metrics.models import Use
from evergreen.metrics.segments import fields as catalogue
from evergreen.playbooks import definitions, rules
from evergreen.playbooks.book import known_now
from evergreen.playbooks.kinds import kinds
from evergreen.playbooks.models import Playbook, PlaybookVersion
from evergreen.playbooks.shipped import ON_FROM_THE_START, shipped
from evergreen.touches.surveys.shipping import install_shipped as install_texts

_KEY = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_USE = "playbook"
State = PlaybookVersion.State


def check_key(key: str) -> None:
    """Raises ValidationError for a key that no playbook may have."""
    if not _KEY.fullmatch(key):
        raise ValidationError(
            {
                "key": _("%(where)s: found %(found)s; allowed: %(allowed)s.")
                % {"where": "key", "found": key, "allowed": "a–z, 0–9, _, - (1–40)"}
            }
        )


def read(data: Any, known: definitions.Known | None = None) -> rules.Definition:
    """The definition that plain data gives, as it could be published now, or with what is ``known``. Raises PlaybookError with
    every mistake."""
    of = definitions.definition(data, known or known_now())
    if wrong := definitions.problems(of):
        raise rules.PlaybookError(wrong)
    return of


@transaction.atomic
def save_draft(
    key: str,
    *,
    name: Mapping[str, str],
    definition: Mapping[str, Any],
    note: str = "",
    origin: str = Playbook.Origin.BROWSER,
    by: User | None,
    now: dt.datetime,
) -> PlaybookVersion:
    """Keep a draft, of a new playbook or of one that there is; it may be wrong still. Raises ValidationError for a key or
    name that is not allowed."""
    check_key(key)
    names = {code: str(name.get(code) or "").strip()[:80] for code in ("zh", "en")}
    names = {code: text for code, text in names.items() if text}
    if not names:
        raise ValidationError({"name": _("A playbook needs a name in Chinese or in English.")})
    playbook, is_new = Playbook.objects.select_for_update().get_or_create(
        key=key,
        defaults={"created_by": by, "created_at": now, "changed_at": now, "origin": origin, "is_on": False},
    )
    before = {} if is_new else {"name": playbook.name, "note": playbook.note, "origin": playbook.origin}
    after = {"name": names, "note": note.strip()[:300], "origin": str(origin)}
    playbook.name, playbook.note, playbook.origin, playbook.changed_at = (
        names,
        note.strip()[:300],
        origin,
        now,
    )
    playbook.save()
    draft = playbook.versions.filter(state=State.DRAFT).first()
    if draft is None:
        newest = playbook.versions.aggregate(newest=Max("number"))["newest"] or 0
        draft = PlaybookVersion(playbook=playbook, number=newest + 1)
    draft.definition, draft.changed_at = dict(definition), now
    draft.save()
    verb = "playbook.made" if is_new else "playbook.drafted"
    audit(
        verb,
        "playbook",
        [playbook.pk],
        by=by,
        now=now,
        before=before,
        after={**after, "version": draft.number},
    )
    return draft


@transaction.atomic
def publish(draft: PlaybookVersion, *, by: User | None, now: dt.datetime) -> PlaybookVersion:
    """Let a draft take accounts in from now on; who is inside finishes on the version that they entered.

    Raises PlaybookError with everything that keeps it from running, ValidationError when it is no draft any more.
    """
    playbook = Playbook.objects.select_for_update().get(pk=draft.playbook_id)
    draft = PlaybookVersion.objects.get(pk=draft.pk)
    if draft.state != State.DRAFT:
        raise ValidationError(_("This version was published or retired already. Load the page again."))
    of = read(draft.definition)
    playbook.versions.filter(state=State.PUBLISHED).update(state=State.RETIRED)
    draft.definition, draft.state = definitions.told(of, kinds()), State.PUBLISHED
    draft.published_at, draft.published_by, draft.changed_at = now, by, now
    draft.save()
    _note_uses(playbook, of)
    audit("playbook.published", "playbook", [playbook.pk], by=by, now=now, after={"version": draft.number})
    return draft


def _note_uses(playbook: Playbook, of: rules.Definition) -> None:
    """Say which metrics the playbook reads, so that none of them is deleted under it."""
    metric_of = catalogue.metric_of()
    asked = frozenset().union(*(fields_of(one) for one in rules.conditions(of)))
    used = {metric_of[field] for field in asked if field in metric_of}
    Use.objects.filter(kind=_USE, ref=playbook.key).exclude(metric__in=used).delete()
    Use.objects.bulk_create(
        [Use(metric=metric, kind=_USE, ref=playbook.key) for metric in sorted(used)], ignore_conflicts=True
    )


def free_key(name: Mapping[str, str]) -> str:
    """A key for a new playbook, made of its English name where it has one."""
    return declarations.free_key(name, "playbook", Playbook.objects.all())


@transaction.atomic
def discard(draft: PlaybookVersion, *, by: User | None, now: dt.datetime) -> None:
    """Throw a draft away; a playbook that never had another version goes with it. Raises ValidationError when it is no draft
    any more."""
    playbook = Playbook.objects.select_for_update().get(pk=draft.playbook_id)
    deleted, _of = playbook.versions.filter(pk=draft.pk, state=State.DRAFT).delete()
    if not deleted:
        raise ValidationError(_("This version was published or retired already. Load the page again."))
    audit(
        "playbook.draft_discarded",
        "playbook",
        [playbook.pk],
        by=by,
        now=now,
        before={"version": draft.number},
    )
    if not playbook.versions.exists():
        playbook.delete()


@transaction.atomic
def switch(playbook: Playbook, is_on: bool, *, by: User | None, now: dt.datetime) -> None:
    """Turn a playbook on or off. Off, nobody enters and runs stand still; on again, what is due follows, or is skipped as
    late. Raises ValidationError with what must be set up first (a channel, a survey that is on)."""
    if is_on and (lacking := _lacking(playbook)):
        raise ValidationError(lacking)
    if Playbook.objects.filter(pk=playbook.pk, is_on=not is_on).update(is_on=is_on, changed_at=now):
        verb = "playbook.switched_on" if is_on else "playbook.switched_off"
        audit(verb, "playbook", [playbook.pk], by=by, now=now)
    playbook.is_on = is_on


def _lacking(playbook: Playbook) -> list[str]:
    """What the steps of the published version need and is not there."""
    version = playbook.versions.filter(state=State.PUBLISHED).first()
    steps = version.definition.get("steps", []) if version is not None else []
    known = kinds()
    asked = [known[one["kind"]].lacks(one) for one in steps if one.get("kind") in known]
    return list(dict.fromkeys(one for one in asked if one))


@transaction.atomic
def retire(playbook: Playbook, *, by: User | None, now: dt.datetime) -> None:
    """Take the published version back: nobody enters any more, who is inside finishes."""
    if playbook.versions.filter(state=State.PUBLISHED).update(state=State.RETIRED, changed_at=now):
        Use.objects.filter(kind=_USE, ref=playbook.key).delete()
        audit("playbook.retired", "playbook", [playbook.pk], by=by, now=now)


@transaction.atomic
def install_shipped(*, now: dt.datetime) -> int:
    """Add the shipped playbooks that are not there yet, published, with the texts and surveys that they send; all but the first are off
    until somebody wants them. Returns how many playbooks.
    """
    install_texts(now=now)
    known = set(Playbook.objects.values_list("key", flat=True))
    fresh = {key: one for key, one in shipped().items() if key not in known}
    for key, one in fresh.items():
        draft = save_draft(key, name=one["name"], definition=one["definition"], by=None, now=now)
        switch(publish(draft, by=None, now=now).playbook, key in ON_FROM_THE_START, by=None, now=now)
    return len(fresh)
