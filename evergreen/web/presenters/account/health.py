"""The health card: the score with its sentence, reasons and evidence, or why there is none."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evergreen.customers.models import Account
from evergreen.health import queries, words
from evergreen.health.actions import COMPARED_DAYS
from evergreen.health.definitions import card_from
from evergreen.health.models import Band, Override, Standing
from evergreen.web import formats
from evergreen.web.presenters.scorecards.words import verdict_words

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Line:
    """One measure: its words, points of how many, its change and the bar of it; the day of a value that is older than the score."""

    label: str
    detail: str
    points: str
    change: float | None
    share: float
    tone: str
    missing: bool
    as_of: str = ""


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
    days: int = 30
    beyond: list[tuple[str, float]] | None = None

    @property
    def spans(self) -> list[tuple[int, bool]]:
        return [(days, days == self.days) for days in COMPARED_DAYS]


def span_of(asked: str) -> int:
    """The days that a change is told over: 7, 30 or 90."""
    return int(asked) if asked in {str(days) for days in COMPARED_DAYS} else 30


def health_card(standing: Standing | None, currency: str, today: dt.date, *, days: int = 30) -> HealthCard:
    """What the card shows for the newest standing of an account; one query for the scorecard's version."""
    if standing is None:
        return HealthCard("none", days=days)
    language = formats.language()
    version = standing.scorecard.versions.filter(number=standing.version).first()
    card = card_from(version.definition) if version else None
    names = {measure.key: measure.name for measure in card.measures} if card else {}
    reasons = words.reasons(standing, language, names=names, currency=currency)
    return HealthCard(
        state="insufficient" if standing.band == Band.INSUFFICIENT else "scored",
        standing=standing,
        sentence=words.sentence(standing, language, names=names, currency=currency, days=days),
        evidence=_evidence(standing, today),
        lines=_lines(reasons, days, standing.day),
        highest=getattr(card, "reachable", 100) or 100,
        scorecard=standing.scorecard.key,
        compared=getattr(standing, f"change_{days}d") is not None,
        days=days,
        beyond=[(part.label, part.points) for part in words.beyond(standing, language, days)],
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """A person's verdict on the account: what is set to what, why, who, until when; whether a score knows of it yet."""

    row: Override
    words: str
    is_counted: bool


def verdicts(account: Account, standing: Standing | None, today: dt.date) -> list[Verdict]:
    """Those that count now or from the next night on."""
    return [
        Verdict(one, _set_words(one), standing is not None and one.starts_on <= standing.day)
        for one in queries.verdicts_of(account, today)
    ]


def _set_words(row: Override) -> str:
    value = formats.number(row.value, 1)
    what = verdict_words(row)
    if not what:
        return _("Set to %(value)s") % {"value": value}
    return _("%(what)s set to %(value)s") % {"what": what, "value": value}


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


def _lines(reasons: list[words.Reason], days: int, day: dt.date) -> list[Line]:
    """The measures with the largest change first; without anything to compare with, those that cost most."""
    compared = any(reason.change(days) is not None for reason in reasons)

    def part(reason: words.Reason) -> float:
        return (reason.change(days) or 0.0) if compared else -reason.lost

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
            as_of=reason.as_of if reason.as_of and reason.as_of < day.isoformat() else "",
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
