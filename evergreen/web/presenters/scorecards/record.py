"""A scorecard's record: what its scores of 30, 60 and 90 days before were worth, as pages show it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.base.rankings import Area, Gain
from evergreen.customers.lines import day
from evergreen.customers.models import Account, Edition
from evergreen.customers.queries import accounts_for, sees_every_account
from evergreen.health.backtest.judging import BandRow, FalseGreen, GroupRow, LeadFigures
from evergreen.health.backtest.keeping import record_of
from evergreen.health.backtest.running import FIELDS, SEGMENT, Report, days_of
from evergreen.health.models import Record, Scorecard
from evergreen.metrics.models import Segment
from evergreen.web import formats
from evergreen.web.presenters.scorecards.words import measure_names, tabs_of

# Below so many losses a group's own AUC is noise and stands in grey.
_LEAST_IN_GROUP = 5


@dataclass(frozen=True, slots=True)
class Missed:
    """A false green that the reader may see; ``costs`` are its weakest measures in words."""

    account: Account
    lost_on: dt.date
    row: FalseGreen
    costs: str


@dataclass(frozen=True, slots=True)
class WeightRow:
    """A measure's weight of now and the suggested one, in per cent of the whole."""

    name: str
    own: float
    suggested: int

    @property
    def change(self) -> float:
        return self.suggested - self.own


@dataclass(frozen=True, slots=True)
class GroupLine:
    name: str
    row: GroupRow
    area: str
    is_thin: bool


class RecordPage:
    """What a scorecard's backtest shows. ``lead`` and ``by`` in the address choose the days before and the groups."""

    def __init__(self, user: User, scorecard: Scorecard, query: QueryDict, vendor: Mapping[str, Any]) -> None:
        self.user, self.scorecard, self.query, self.vendor = user, scorecard, query, vendor
        kept = record_of(scorecard)
        self.record: Record | None = kept[0] if kept else None
        self.report: Report | None = kept[1] if kept else None
        # The record is of the whole book: sums and groups of it are for those who see all of it.
        self.sees_all = sees_every_account(user)

    @property
    def tabs(self) -> list[tuple[str, str, bool]]:
        return tabs_of(self.scorecard, "scorecard-record")

    @cached_property
    def lead(self) -> LeadFigures | None:
        if self.report is None:
            return None
        asked = self.query.get("lead", "")
        found = [one for one in self.report.leads if str(one.lead_days) == asked]
        return found[0] if found else self.report.main

    @property
    def is_empty(self) -> bool:
        return self.report is None or not self.report.endings

    @property
    def leads(self) -> list[tuple[str, str, bool]]:
        """Chips: (address, words, is on)."""
        if self.report is None or self.lead is None:
            return []
        return [
            (self._with(lead=one.lead_days), _("%(days)s before") % {"days": formats.days(one.lead_days)}, one is self.lead)
            for one in self.report.leads
        ]  # fmt: skip

    def _with(self, **changes: Any) -> str:
        query = self.query.copy()
        for key, value in changes.items():
            query[key] = str(value)
        return f"?{query.urlencode()}"

    @property
    def evidence(self) -> str:
        if self.report is None or self.record is None:
            return ""
        first, last = days_of(self.report)
        return _(
            "%(scorecard)s v%(version)s · contracts that ended from %(first)s to %(last)s · as of %(day)s"
        ) % {
            "scorecard": formats.named(self.scorecard.name),
            "version": self.record.version,
            "first": first.isoformat(),
            "last": last.isoformat(),
            "day": formats.day(self.record.day),
        }

    @property
    def sentence(self) -> str:
        return sentence_of(self.lead) if self.lead else ""

    @property
    def warnings(self) -> list[str]:
        """Why the figures are too thin for a verdict, and what to do."""
        return [_warning(one) for one in self.report.warnings] if self.report else []

    @property
    def counts(self) -> str:
        if self.report is None:
            return ""
        said = _("%(endings)s ends of contracts: %(stayed)s stayed, %(lost)s left, %(open)s open still")
        names = ("endings", "stayed", "lost", "open")
        return said % {name: formats.number(getattr(self.report, name)) for name in names}

    @property
    def rows(self) -> list[tuple[LeadFigures, str]]:
        return [(one, area_words(one.area)) for one in self.report.leads] if self.report else []

    @property
    def bands(self) -> tuple[BandRow, ...]:
        return self.lead.bands if self.lead else ()

    @property
    def lead_time(self) -> str:
        """How long before their loss accounts stood below green and in red, in one sentence."""
        if self.report is None or not self.report.lead_time.losses:
            return ""
        found = self.report.lead_time
        said = [
            _("Of %(n)s losses %(below)s stood below green before they left, %(red)s of them in red.")
            % {
                "n": formats.number(found.losses),
                "below": formats.number(found.below_green),
                "red": formats.number(found.in_red),
            }
        ]
        if found.below_green_days is not None:
            said.append(
                _("Half of those below green had been so for %(days)s or more.")
                % {"days": formats.days(round(found.below_green_days))}
            )
        if found.red_days is not None:
            said.append(
                _("Half of those in red had been so for %(days)s or more.")
                % {"days": formats.days(round(found.red_days))}
            )
        return _joined(said)

    @property
    def lead_words(self) -> str:
        """What the page opens with."""
        return _joined([one for one in (self.sentence, self.lead_time) if one])

    @cached_property
    def missed(self) -> list[Missed]:
        """False greens among the accounts that the reader may see."""
        if self.report is None:
            return []
        rows = self.report.false_greens
        seen = accounts_for(self.user).filter(pk__in=[row.account for row in rows]).select_related("owner")
        accounts = {account.pk: account for account in seen}
        return [
            Missed(accounts[row.account], day(row.on), row, self._costs(row.weakest))
            for row in rows
            if row.account in accounts
        ]

    @property
    def unseen(self) -> int:
        return (len(self.report.false_greens) if self.report else 0) - len(self.missed)

    def _costs(self, weakest: Iterable[tuple[str, float]]) -> str:
        parts = [
            f"{self.names.get(key, key)} {formats.MINUS}{formats.number(cost, 1)}" for key, cost in weakest
        ]
        return _(", ").join(parts)

    @cached_property
    def names(self) -> dict[str, str]:
        return measure_names(self.scorecard)

    @property
    def weights(self) -> list[WeightRow]:
        found = self.report.suggested if self.report else None
        if self.report is None or found is None:
            return []
        rows = zip(self.report.measures, found.former, found.weights, strict=True)
        return [WeightRow(self.names.get(key, key), own, weight) for key, own, weight in rows]

    @property
    def weight_query(self) -> str:
        """The suggested weights in the measures' order, for the editor's address."""
        return ",".join(str(row.suggested) for row in self.weights)

    @property
    def gain(self) -> str:
        """What the suggested weights brought on the later time, with both sample sizes."""
        found = self.report.suggested if self.report else None
        if found is None or found.gain is None or found.first is None or found.second is None:
            return ""
        said = (
            _(
                "These weights would have ranked better: AUC %(second)s instead of %(first)s, a gain of %(gain)s."
            )
            if found.is_worth_it
            else _(
                "No sure gain: AUC %(second)s instead of %(first)s, a difference of %(gain)s. Leave the weights alone."
            )
        )
        return said % {
            "first": formats.fixed(found.first.value, 3),
            "second": formats.fixed(found.second.value, 3),
            "gain": signed_words(found.gain),
        }

    @property
    def learned(self) -> str:
        found = self.report.suggested if self.report else None
        if found is None:
            return ""
        said = _("Learned on %(n)s ends (%(lost)s left) up to %(until)s, judged on %(later_n)s later ones (%(later_lost)s left) from %(since)s on.")  # fmt: skip
        return said % {
            "n": formats.number(found.learned_endings),
            "lost": formats.number(found.learned_losses),
            "until": day(found.learned_until).isoformat(),
            "later_n": formats.number(found.judged_endings),
            "later_lost": formats.number(found.judged_losses),
            "since": day(found.judged_from).isoformat(),
        }

    @property
    def by(self) -> str:
        asked = self.query.get("by", "")
        return asked if self.report and asked in self.report.groups else "tier"

    @property
    def dimensions(self) -> list[tuple[str, str, bool]]:
        words = {
            "tier": _("Tier"),
            "touch_model": _("Touch model"),
            "industry": _("Industry"),
            "edition": _("Edition"),
            SEGMENT: _("Segment"),
        }
        return [(self._with(by=key) + "#groups", words[key], key == self.by) for key in (*FIELDS, SEGMENT)]

    @cached_property
    def groups(self) -> list[GroupLine]:
        if self.report is None:
            return []
        named = self._group_names()
        return [
            GroupLine(
                named.get(row.group, row.group) if row.group else _("none"),
                row,
                area_words(row.area),
                row.lost.n < _LEAST_IN_GROUP,
            )
            for row in self.report.groups.get(self.by, ())
        ]

    def _group_names(self) -> dict[str, str]:
        match self.by:
            case "tier":
                return {key: str(words) for key, words in Account.Tier.choices}
            case "touch_model":
                return {key: str(words) for key, words in Account.TouchModel.choices}
            case "edition":
                return {one.key: formats.named(one.name) or one.key for one in Edition.objects.all()}
            case "segment":
                return {one.key: formats.named(one.name) or one.key for one in Segment.objects.all()}
        return {}

    @property
    def others(self) -> list[tuple[str, str, bool]]:
        """Scorecards that this one may be held beside: (key, name, is chosen)."""
        asked = self.query.get("against", "")
        rows = Scorecard.objects.filter(is_active=True).exclude(pk=self.scorecard.pk)
        return [(one.key, formats.named(one.name) or one.key, one.key == asked) for one in rows]

    @property
    def against(self) -> str:
        """The address of the comparison asked for; nothing where none is."""
        chosen = [key for key, _name, is_on in self.others if is_on]
        return reverse("scorecard-comparison", args=[self.scorecard.key, chosen[0]]) if chosen else ""


def sentence_of(lead: LeadFigures) -> str:
    """What a record says in one sentence, with its sample size; that there is nothing to say where there is not."""
    if lead.area is None:
        return _("Nothing to rank yet: %(scored)s ends of contracts have a score, %(lost)s of them left.") % {
            "scored": formats.number(lead.scored),
            "lost": formats.number(lead.lost),
        }
    said = _(
        "%(days)s before, the account that left had the lower score in %(auc)s of 100 pairs of one that left and one that stayed "
        "(%(low)s to %(high)s; %(lost)s left of %(n)s)."
    )
    return said % {
        "days": formats.days(lead.lead_days),
        "auc": formats.number(lead.area.value * 100),
        "low": formats.number(lead.area.low * 100),
        "high": formats.number(lead.area.high * 100),
        "lost": formats.number(lead.lost),
        "n": formats.number(lead.scored),
    }


def _joined(sentences: list[str]) -> str:
    return ("" if formats.is_zh() else " ").join(sentences)


def area_words(area: Area | None) -> str:
    if area is None:
        return "—"
    return _("%(value)s (%(low)s to %(high)s)") % {
        "value": formats.fixed(area.value, 2),
        "low": formats.fixed(area.low, 2),
        "high": formats.fixed(area.high, 2),
    }


def signed_words(gain: Gain) -> str:
    """A difference of two AUCs with its interval."""
    low, value, high = (formats.signed(one, 3) for one in (gain.low, gain.value, gain.high))
    return _("%(value)s (%(low)s to %(high)s)") % {"value": value, "low": low, "high": high}


def _warning(key: str) -> str:
    return {
        "few_endings": _("Fewer than 30 ends of contracts have a score: too few for a verdict."),
        "few_losses": _("Fewer than 10 accounts with a score left: too few for a verdict."),
        "short_history": _(
            "The ends lie within less than a year, so the season may speak instead of the score."
        ),
        "unranked": _("All of them left, so nothing can be ranked."),
        "little_scored": _(
            "Less than half of the ends have a score of that day. Snapshots of past days are made under Imports, Build history."
        ),
    }[key]
