"""Scorecards as files: words and definition."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from evergreen.base import queries as base
from evergreen.base.declarations import Declaration
from evergreen.base.models import User
from evergreen.flow.config import reading
from evergreen.flow.config.reading import ConfigError
from evergreen.health import definitions
from evergreen.health.actions import archive_card, check_key, save_card
from evergreen.health.models import Scorecard
from evergreen.health.rules import Card
from evergreen.metrics import registry

KIND = "scorecard"
FOLDER = "scorecards"
FIELDS = ("name", "note", "segment", "definition")


def here() -> dict[str, dict[str, Any]]:
    cards = Scorecard.objects.filter(is_active=True).prefetch_related("versions")
    return {card.key: file_of(card) for card in cards}


def file_of(card: Scorecard) -> dict[str, Any]:
    """What the file of a scorecard says: its newest version."""
    newest = max((one for one in card.versions.all() if not one.is_withdrawn), key=lambda one: one.number)
    found = {
        "name": reading.in_order(card.name),
        "note": card.note,
        "segment": card.segment,
        "definition": definitions.told(definitions.card_from(newest.definition)),
    }
    return {key: value for key, value in found.items() if value != ""}


def written(card: Scorecard) -> str:
    """The text of a scorecard's file."""
    return reading.text_of(file_of(card))


def read(paths: Collection[Path]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What the files tell, each as it would be exported, and what is wrong with them."""
    found: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    known = registry.metrics()
    for path in paths:
        name = f"{FOLDER}/{path.name}"
        try:
            check_key(path.stem)
            given = told(path)
            kept: dict[str, Any] = {"name": reading.words(given["name"], "name", 80)}
            for field in ("note", "segment"):
                if str(given.get(field, "")).strip():
                    kept[field] = str(given[field]).strip()[:300]
            card = definitions.card_from(given["definition"], known)
            found[path.stem] = {**kept, "definition": definitions.told(card)}
        except definitions.ScorecardError as error:
            problems += [f"{name}: definition: {line}" for line in error.problems]
        except ValidationError as error:
            problems += [f"{name}: {line}" for line in error.messages]
    return found, problems


def save(told: Mapping[str, Mapping[str, Any]], *, by: User | None, now: dt.datetime) -> None:
    for key, one in told.items():
        try:
            save_card(
                key,
                name=one["name"],
                definition=one["definition"],
                effective_on=base.vendor_day(now),
                about=one.get("note", ""),
                segment=one.get("segment", ""),
                origin=Declaration.Origin.FILE,
                by=by,
                now=now,
            )
        except ValidationError as error:
            raise ConfigError([f"{FOLDER}/{key}.yaml: {line}" for line in error.messages]) from error


def prune(keys: Collection[str], *, by: User | None, now: dt.datetime) -> None:
    """Put away those of the keys that were kept in files."""
    for card in Scorecard.objects.filter(key__in=keys, origin=Declaration.Origin.FILE):
        archive_card(card, by=by, now=now)


def card_of(path: Path) -> Card:
    """The card that a file defines. Raises ConfigError with every mistake."""
    try:
        return definitions.card_from(told(path)["definition"], registry.metrics())
    except ValidationError as error:
        raise ConfigError([f"{path.name}: {line}" for line in error.messages]) from None
    except definitions.ScorecardError as error:
        raise ConfigError([f"{path.name}: definition: {line}" for line in error.problems]) from None


def told(path: Path) -> dict[str, Any]:
    """What a file says, as it stands there. Raises ValidationError."""
    return reading.told(
        path, needed={"name", "definition"}, allowed=FIELDS, says=_("name and definition, and note, segment")
    )
