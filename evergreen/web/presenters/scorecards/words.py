"""Words and addresses that the pages of a scorecard share."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from evergreen.health import definitions, queries
from evergreen.health.models import Override, Scorecard
from evergreen.web import formats


def tabs_of(scorecard: Scorecard, here: str) -> list[tuple[str, str, bool]]:
    """The pages of a scorecard: (address, words, is the one looked at)."""
    pages = (("scorecard", _("Formula and scores")), ("scorecard-record", _("Held against the past")))
    return [(reverse(name, args=[scorecard.key]), words, name == here) for name, words in pages]


def measure_names(scorecard: Scorecard) -> dict[str, str]:
    """measure → its name of any version, the newest one's where it has several."""
    found: dict[str, str] = {}
    for version in scorecard.versions.order_by("number"):
        card = definitions.card_from(version.definition)
        found |= {one.key: formats.named(dict(one.name)) or one.key for one in card.measures}
    return found


def verdict_words(override: Override) -> str:
    """What a verdict is on: the measure or dimension by its name."""
    if override.scorecard is None:
        return ""
    if override.level == Override.Level.MEASURE:
        return measure_names(override.scorecard).get(override.key, override.key)
    card = queries.definition(queries.current_version(override.scorecard))
    return formats.named(dict(card.dimensions.get(override.key, {}))) or override.key
