"""The health card: the score with its sentence, reasons and evidence, or why there is none."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evergreen.health import words
from evergreen.health.definitions import card_from
from evergreen.health.models import Band, Standing
from evergreen.web import formats

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Line:
    """One measure: its words, points of how many, its change in 30 days and the bar of it."""

    label: str
    detail: str
    points: str
    change: float | None
    share: float
    tone: str
    missing: bool


@dataclass(frozen=True, slots=True)
class HealthCard:
    """``state`` is none (no night yet), insufficient or scored."""

    state: str
    standing: Standing | None = None
    sentence: str = ""
    evidence: str = ""
    lines: list[Line] | None = None
    highest: float = 100
    scorecard: str = ""
    compared: bool = False


def health_card(standing: Standing | None, currency: str, today: dt.date) -> HealthCard:
    """What the card shows for the newest standing of an account; one query for the scorecard's version."""
    if standing is None:
        return HealthCard("none")
    language = formats.language()
    version = standing.scorecard.versions.filter(number=standing.version).first()
    card = card_from(version.definition) if version else None
    names = {measure.key: measure.name for measure in card.measures} if card else {}
    reasons = words.reasons(standing, language, names=names, currency=currency)
    return HealthCard(
        state="insufficient" if standing.band == Band.INSUFFICIENT else "scored",
        standing=standing,
        sentence=words.sentence(standing, language, names=names, currency=currency),
        evidence=_evidence(standing, today),
        lines=_lines(reasons),
        highest=getattr(card, "reachable", 100) or 100,
        scorecard=standing.scorecard.key,
        compared=standing.change_30d is not None,
    )


def _evidence(standing: Standing, today: dt.date) -> str:
    name = formats.named(standing.scorecard.name) or standing.scorecard.key
    facts = [
        _("%(scorecard)s v%(version)s") % {"scorecard": name, "version": standing.version},
        _("coverage %(share)s") % {"share": formats.percent(standing.coverage)},
    ]
    if standing.oldest_input_on:
        age = formats.days((today - standing.oldest_input_on).days)
        facts.append(_("oldest input %(age)s old") % {"age": age})
    facts.append(_("as of %(day)s") % {"day": formats.day(standing.day)})
    return " · ".join(facts)


def _lines(reasons: list[words.Reason]) -> list[Line]:
    """The measures with the largest change first; without anything to compare with, those that cost most."""
    compared = any(reason.change_30d is not None for reason in reasons)

    def part(reason: words.Reason) -> float:
        return (reason.change_30d or 0.0) if compared else -reason.lost

    order = sorted(reasons, key=lambda r: (r.missing is not None, -abs(part(r)), -r.lost))
    widest = max((abs(part(reason)) for reason in reasons if reason.missing is None), default=0) or 1
    return [
        Line(
            label=reason.label,
            detail=reason.detail,
            points="" if reason.missing else _points(reason),
            change=None if reason.missing else part(reason),
            share=0 if reason.missing else part(reason) / max(widest, 4),
            tone=_tone(part(reason)),
            missing=reason.missing is not None,
        )
        for reason in order[:SHOWN]
    ]


def _points(reason: words.Reason) -> str:
    most = reason.points + reason.lost
    return f"{formats.number(reason.points, 1)} / {formats.number(most, 1)}"


def _tone(change: float) -> str:
    if change >= 0:
        return "good"
    return "bad" if change <= -4 else "warn"
