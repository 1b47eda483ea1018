"""Scorecards made, changed by a new version, taken back, put away."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import queries as base
from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.health import definitions
from evergreen.health.models import Scorecard, ScorecardVersion
from evergreen.health.shipped import SCORECARDS
from evergreen.metrics import registry
from evergreen.metrics.models import Segment, Use

_USE = "scorecard"
# Addresses of pages that stand beside those of scorecards.
TAKEN = frozenset({"new", "preview", "shape", "default"})
# In force since ever, so that past days can be scored too.
EVER = dt.date(2000, 1, 1)


@transaction.atomic
def install_shipped(*, now: dt.datetime) -> int:
    """Add the shipped scorecards that are not there yet; what a person changed is left alone. Returns how many."""
    added = 0
    for place, (key, (name, definition)) in enumerate(SCORECARDS.items()):
        card, created = Scorecard.objects.get_or_create(
            key=key, defaults={"name": name, "is_shipped": True, "place": 100 + place}
        )
        if created:
            publish(card, definition, effective_on=EVER, by=None, now=now)
            added += 1
    return added


@transaction.atomic
def publish(
    card: Scorecard,
    definition: Mapping[str, Any],
    *,
    effective_on: dt.date,
    by: Any,
    now: dt.datetime,
    note: str = "",
) -> ScorecardVersion:
    """Add a version that holds from a day on. Raises ScorecardError when the definition cannot be scored."""
    parsed = definitions.card_from(definition, registry.metrics())
    last = card.versions.order_by("-number").values_list("number", flat=True).first() or 0
    version = ScorecardVersion.objects.create(
        scorecard=card,
        number=last + 1,
        definition=definitions.told(parsed),
        effective_on=effective_on,
        note=note.strip()[:300],
        made_by=by,
        made_at=now,
    )
    _note_uses(card)
    after = {"version": version.number, "effective_on": effective_on.isoformat(), "note": version.note}
    audit("scorecard.published", "scorecard", [card.key], by=by, now=now, after=after)
    return version


@transaction.atomic
def save_card(
    key: str,
    *,
    name: Mapping[str, str],
    definition: Mapping[str, Any],
    effective_on: dt.date,
    note: str = "",
    about: str | None = None,
    segment: str = "",
    origin: str = Scorecard._meta.get_field("origin").default,
    is_new: bool = False,
    by: User | None,
    now: dt.datetime,
) -> tuple[Scorecard, ScorecardVersion | None]:
    """Make a scorecard, or change the one with this key (unless it ``is_new``); a new version only where the definition is
    another one. ``note`` says why the version, ``about`` what the card is for (None leaves it).

    Raises ScorecardError for a definition that cannot be scored, ValidationError for a key, name, segment or day that is not
    allowed.
    """
    check_key(key)
    parsed = definitions.card_from(definition, registry.metrics())
    names = {language: str(name.get(language) or "").strip()[:80] for language in ("zh", "en")}
    names = {language: text for language, text in names.items() if text}
    if not names:
        raise ValidationError({"name": _("A scorecard needs a name in Chinese or in English.")})
    _check_segment(segment)
    card = Scorecard.objects.select_for_update().filter(key=key).first()
    if card and is_new:
        raise ValidationError(
            {"key": _("There is a scorecard %(key)s already; take another key.") % {"key": key}}
        )
    before = _told(card) if card else {}
    today = base.vendor_day(now)
    newest = _newest(card) if card else None
    told = definitions.told(parsed)
    is_other = newest is None or definitions.told(definitions.card_from(newest.definition)) != told
    if is_other and newest is not None and effective_on < min(newest.effective_on, today):
        raise ValidationError(
            {
                "effective_on": _(
                    "The day is %(day)s; a version counts from its day on and old scores keep theirs, so it must not be before %(least)s."
                )
                % {"day": effective_on, "least": min(newest.effective_on, today)}
            }
        )
    card = card or Scorecard(key=key, place=_next_place())
    card.name, card.segment, card.origin = names, segment, origin
    card.note = card.note if about is None else about.strip()[:300]
    card.is_active = True
    after = _told(card)
    if before != after:
        card.changed_at = now
        card.save()
        verb = "scorecard.changed" if before else "scorecard.made"
        audit(verb, "scorecard", [card.key], by=by, now=now, before=before, after=after)
    version = None
    if is_other:
        first = EVER if newest is None and effective_on >= today else effective_on
        version = publish(card, told, effective_on=first, by=by, now=now, note=note)
    return card, version


def check_key(key: str) -> None:
    """Raises ValidationError for a key that no scorecard may have."""
    if not definitions.KEY.fullmatch(key) or key in TAKEN:
        said = _(
            "The key is %(key)s: small letters, digits and underscores, a letter first, at most 40; none of %(taken)s."
        )
        raise ValidationError({"key": said % {"key": repr(key), "taken": ", ".join(sorted(TAKEN))}})


def free_key() -> str:
    """A key for a scorecard that is named in the browser."""
    number = Scorecard.objects.count() + 1
    while Scorecard.objects.filter(key=f"scorecard_{number}").exists():
        number += 1
    return f"scorecard_{number}"


def _check_segment(segment: str) -> None:
    """A card's segment must be one whose accounts do not depend on health, else who is in it would depend on the card."""
    if not segment:
        return
    found = Segment.objects.filter(key=segment, is_archived=False).first()
    if found is None:
        known = ", ".join(Segment.objects.filter(is_archived=False).values_list("key", flat=True)) or "-"
        said = _("There is no segment %(segment)s; allowed: %(known)s.")
        raise ValidationError({"segment": said % {"segment": segment, "known": known}})
    if "health_" in str(found.condition):
        said = _(
            "The segment %(segment)s asks about health, so who is in it would depend on the scorecard. Choose another one."
        )
        raise ValidationError({"segment": said % {"segment": segment}})


def _next_place() -> int:
    """Before the shipped ones, after those that stand there."""
    own = (
        Scorecard.objects.filter(is_shipped=False).order_by("-place").values_list("place", flat=True).first()
    )
    return 1 if own is None else own + 1


def _newest(card: Scorecard) -> ScorecardVersion | None:
    return card.versions.filter(is_withdrawn=False).order_by("-number").first()


@transaction.atomic
def withdraw_version(version: ScorecardVersion, *, by: User | None, now: dt.datetime) -> bool:
    """Take the newest version back: from the next scoring on the one before counts again. Scores made by it keep its number.

    False where it is withdrawn already. Raises ValidationError for any but the newest and for the only one.
    """
    card = Scorecard.objects.select_for_update().get(pk=version.scorecard_id)
    version.refresh_from_db()
    if version.is_withdrawn:
        return False
    left = card.versions.filter(is_withdrawn=False).order_by("-number")
    if left[0].pk != version.pk or len(left) < 2:
        said = _("Only the newest version can be taken back, while another one stands; version %(n)s is not.")
        raise ValidationError(said % {"n": version.number})
    version.is_withdrawn = True
    version.save(update_fields=["is_withdrawn"])
    _note_uses(card)
    after = {"version": version.number}
    audit("scorecard.version_withdrawn", "scorecard", [card.key], by=by, now=now, after=after)
    return True


@transaction.atomic
def archive_card(card: Scorecard, *, by: User | None, now: dt.datetime) -> None:
    """Stop scoring by a card; its scores stay readable. Saving it again brings it back.

    Raises ValidationError for the default one.
    """
    if not card.is_active:
        return
    if card.key == base.setting("scorecard"):
        said = _("%(key)s is the default scorecard; make another one the default first.")
        raise ValidationError(said % {"key": card.key})
    before = _told(card)
    card.is_active, card.segment, card.changed_at = False, "", now
    card.save(update_fields=["is_active", "segment", "changed_at"])
    Use.objects.filter(kind=_USE, ref=card.key).delete()
    card.standings.all().delete()
    audit("scorecard.archived", "scorecard", [card.key], by=by, now=now, before=before, after=_told(card))


def _told(card: Scorecard) -> dict[str, Any]:
    return {
        "name": card.name,
        "note": card.note,
        "segment": card.segment,
        "origin": card.origin,
        "is_active": card.is_active,
    }


def _note_uses(card: Scorecard) -> None:
    """Say which metrics the card reads, those of earlier versions too: past days are scored again by these."""
    used: set[str] = set()
    for version in card.versions.filter(is_withdrawn=False):
        used |= definitions.card_from(version.definition).metrics
    Use.objects.filter(kind=_USE, ref=card.key).exclude(metric__in=used).delete()
    Use.objects.bulk_create(
        [Use(metric=metric, kind=_USE, ref=card.key) for metric in sorted(used)], ignore_conflicts=True
    )
