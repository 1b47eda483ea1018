"""A scorecard explained: formula, scales, bands, today's distribution, one account worked through to the last point."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Floor
from django.http import Http404, QueryDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from evergreen.base import queries as base
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.health import definitions, queries, rules
from evergreen.health.models import Scorecard, ScorecardVersion, Standing
from evergreen.health.words import sentence
from evergreen.metrics import registry
from evergreen.metrics import words as metric_words
from evergreen.web import formats, scales
from evergreen.web.chosen import account_named
from evergreen.web.forms.tasks import SIGN
from evergreen.web.presenters.charts import bars
from evergreen.web.presenters.scorecards.record import RecordPage
from evergreen.web.presenters.scorecards.tiles import BANDS, since_words
from evergreen.web.presenters.scorecards.words import tabs_of

BIN = 5
_BAND_COLORS = {"red": "var(--bad)", "yellow": "var(--warn)", "green": "var(--good)"}


@dataclass(frozen=True, slots=True)
class Part:
    """One measure: its weight as a share, its metric in words, its scale drawn, and the account's own figures."""

    measure: rules.Measure
    label: str
    dimension: str
    metric_name: str
    explanation: str
    share: float
    drawing: SafeString
    scale_words: str
    missing_words: str
    entry: Mapping[str, Any] | None
    value: str
    score: str


class ScorecardPage:
    """What a scorecard's page shows. ``account`` in the address chooses the worked example."""

    def __init__(self, user: User, key: str, query: QueryDict, vendor: Mapping[str, Any]) -> None:
        found = Scorecard.objects.filter(key=key).first()
        if found is None:
            raise Http404("There is no such scorecard.")
        self.user, self.scorecard, self.query, self.vendor = user, found, query, vendor
        self.versions = list(found.versions.order_by("-number"))
        self.version = queries.current_version(found)
        self.card = definitions.card_from(self.version.definition)
        self.is_default = key == vendor["scorecard"]

    @cached_property
    def newest(self) -> ScorecardVersion:
        """The newest version that was not taken back; it may count from a day to come."""
        return next(one for one in self.versions if not one.is_withdrawn)

    @property
    def has_former(self) -> bool:
        """Whether another version would stand were the newest taken back."""
        return sum(not one.is_withdrawn for one in self.versions) > 1

    @property
    def tabs(self) -> list[tuple[str, str, bool]]:
        return tabs_of(self.scorecard, "scorecard")

    @cached_property
    def record(self) -> RecordPage:
        return RecordPage(self.user, self.scorecard, QueryDict(), self.vendor)

    @property
    def since(self) -> str:
        return since_words(self.version.effective_on)

    @property
    def history(self) -> list[tuple[ScorecardVersion, str]]:
        return [(version, since_words(version.effective_on)) for version in self.versions]

    @cached_property
    def visible(self) -> QuerySet[Account]:
        return accounts_for(self.user).order_by().exclude(stage=Account.Stage.CHURNED)

    @cached_property
    def standings(self) -> QuerySet[Standing]:
        return Standing.objects.filter(scorecard=self.scorecard, account__in=self.visible)

    @cached_property
    def example(self) -> Standing | None:
        """The account worked through: the one asked for, else the lowest score that is known."""
        rows = self.standings.select_related("account", "scorecard")
        if self.asked is not None:
            return rows.filter(account=self.asked).first()
        mine = rows.filter(score__isnull=False, account__owner=self.user).order_by("score", "pk").first()
        return mine or rows.order_by(F("score").asc(nulls_last=True), "pk").first()

    @cached_property
    def asked(self) -> Account | None:
        text = self.query.get("account", "").strip()
        if not text:
            return None
        if text.isdecimal() and (found := account_named(self.user, text)):
            return found
        key = text.rpartition(SIGN)[2]
        return accounts_for(self.user).filter(Q(external_id=key) | Q(name=text)).first()

    @property
    def is_unknown(self) -> bool:
        """An account was asked for that is not there, or has no score on this scorecard."""
        return bool(self.query.get("account", "").strip()) and self.example is None

    @cached_property
    def example_version(self) -> rules.Card:
        """The definition that the example was scored by, which may be an older one."""
        if self.example is None:
            return self.card
        by_number = {version.number: version for version in self.versions}
        return definitions.card_from(by_number.get(self.example.version, self.version).definition)

    @cached_property
    def parts(self) -> list[Part]:
        entries = {e["measure"]: e for e in self.example.contributions} if self.example else {}
        return [self._part(measure, entries.get(measure.key)) for measure in self.card.measures]

    def _part(self, measure: rules.Measure, entry: Mapping[str, Any] | None) -> Part:
        metric, language = registry.metric(measure.metric), formats.language()
        say = partial(value_words, measure.metric)
        value = entry["value"] if entry else None
        return Part(
            measure=measure,
            label=formats.named(dict(measure.name)),
            dimension=formats.named(dict(self.card.dimensions.get(measure.dimension, {}))),
            metric_name=formats.named(dict(metric.name)),
            explanation=formats.named(dict(metric.explanation)),
            share=measure.weight / self.card.weight,
            drawing=scales.drawn(measure, say, value, entry["score"] if entry else None),
            scale_words=scales.described(measure, say),
            missing_words=_missing_words(measure),
            entry=entry,
            value=formats.for_reader(
                metric_words.value_text(measure.metric, value, language), self.user.sees_money
            ),
            score=formats.number(entry["score"] if entry else None, 1),
        )

    @property
    def formula(self) -> str:
        """The whole formula in one line."""
        if not self.card.additive:
            return _("score = Σ (weight × measure's score) ÷ Σ weights of the measures that are present")
        terms = ""
        for part in self.parts:
            scale = part.measure.scale
            sign = (" + " if terms else "") if scale.worth >= 0 else f" {formats.MINUS} "
            by = "" if scale.per == 1 else f" ÷ {formats.number(scale.per)}"
            terms += f"{sign}{part.label}{by} × {formats.number(abs(scale.worth))}"
        return _("score = %(terms)s, held between 0 and 100") % {"terms": terms.strip()}

    @property
    def edges(self) -> list[tuple[str, float, float]]:
        """Bands from the bottom: (band, from, to)."""
        return [
            ("red", 0, self.card.yellow),
            ("yellow", self.card.yellow, self.card.green),
            ("green", self.card.green, self.card.reachable),
        ]

    @property
    def band_line(self) -> SafeString:
        """The bands as a line from 0 to 100; what cannot be reached stays empty."""
        return format_html(
            '<svg class="bar mix" height="10" aria-hidden="true"><rect class="track" width="100%" height="10"/>{}</svg>',
            format_html_join(
                "",
                '<rect class="{}" x="{}%" width="{}%" height="10"/>',
                (
                    (formats.band_tone(band), f"{low:.1f}", f"{high - low:.1f}")
                    for band, low, high in self.edges
                ),
            ),
        )

    @property
    def caps(self) -> list[str]:
        return [_cap_words(cap) for cap in self.card.caps]

    @cached_property
    def bands(self) -> dict[str, int]:
        counts = dict(self.standings.values_list("band").annotate(n=Count("pk")).order_by())
        return {band: counts[band] for band in BANDS if band in counts}

    @cached_property
    def day(self) -> dt.date | None:
        return self.standings.order_by("-day").values_list("day", flat=True).first()

    @cached_property
    def histogram(self) -> dict[str, Any]:
        """Accounts by score, five points a bar, coloured by band."""
        rows = self.standings.filter(score__isnull=False).annotate(bin=Floor(F("score") / float(BIN)))
        counts: Counter[tuple[str, int]] = Counter()
        last = 100 // BIN - 1
        for band, place, n in rows.values_list("band", "bin").annotate(n=Count("pk")).order_by():
            counts[band, min(int(place), last)] += n  # a score of exactly 100 stands in the last bar
        labels = [f"{place * BIN}–{(place + 1) * BIN}" for place in range(last + 1)]
        return bars(
            labels,
            [
                (formats.band_word(band), color, [counts[band, place] for place in range(last + 1)])
                for band, color in _BAND_COLORS.items()
            ],
        )

    @cached_property
    def sentence(self) -> str:
        said = sentence(self.example, formats.language()) if self.example else ""
        return formats.for_reader(said, self.user.sees_money)

    @cached_property
    def summed(self) -> float:
        """What the example's points add up to, before bounds and caps."""
        return sum(entry["points"] for entry in self.example.contributions) if self.example else 0.0

    @cached_property
    def capped(self) -> str:
        """Why the example's score is not the sum of its points; nothing where it is."""
        if self.example is None or self.example.score is None:
            return ""
        held = min(100.0, max(0.0, self.summed)) if self.example_version.additive else self.summed
        if self.example.score < held - 1e-6:
            return _("A ceiling holds it at %(score)s.") % {"score": formats.number(self.example.score, 1)}
        return _("Held between 0 and 100.") if abs(held - self.summed) > 1e-6 else ""


def _cap_words(cap: rules.Cap) -> str:
    above, below = (
        _("%(metric)s above %(line)s: at most %(most)s"),
        _("%(metric)s below %(line)s: at most %(most)s"),
    )
    line = cap.below if cap.above is None else cap.above
    return (below if cap.above is None else above) % {
        "metric": formats.named(dict(registry.metric(cap.metric).name)),
        "line": value_words(cap.metric, line or 0),
        "most": formats.number(cap.at_most),
    }


def value_words(metric: str, value: float) -> str:
    """A value of a metric as labels show it: 60%, 10, 30 天."""
    kind = registry.metric(metric).kind
    if kind == "share":
        return formats.percent(value)
    if kind == "days":
        return formats.days(int(value))
    if kind == "money":
        return formats.money_short(int(value), str(base.setting("currency")))
    return formats.number(value, 1)


def _missing_words(measure: rules.Measure) -> str:
    said = {
        "leave_out": _("Missing: left out, the others weigh more."),
        "zero": _("Missing: counts as 0."),
        "neutral": _("Missing: counts as neutral 50."),
    }[measure.missing]
    if measure.max_age_days:
        said += _(" Older than %(days)s counts as missing.") % {"days": formats.days(measure.max_age_days)}
    return said
