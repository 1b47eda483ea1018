"""Scorecards as files: words and definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from evergreen.flow.config import reading
from evergreen.flow.config.reading import ConfigError
from evergreen.health import definitions
from evergreen.health.rules import Card
from evergreen.metrics import registry

FIELDS = ("name", "note", "segment", "definition")


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
