"""What is recommended for an account as its card shows it, and what recommendations brought."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from evergreen.customers.models import Account
from evergreen.foresight.recommendations import learning, measuring, words
from evergreen.foresight.recommendations.helped import Helped
from evergreen.foresight.recommendations.measuring import TakeUp
from evergreen.foresight.recommendations.models import Exposure, ItemKind, Proof, RecommendationLearning
from evergreen.foresight.recommendations.recommending import PROVEN_BY, Recommendation
from evergreen.foresight.recommendations.touches import NAMES
from evergreen.web import formats
from evergreen.work.models import Task

ORIGIN = "recommendation"
# A card is read in a glance: so many of each kind.
OF_KIND = 3
_TONES = {ItemKind.FEATURE: "info", ItemKind.TOUCH: "good"}


@dataclass(frozen=True, slots=True)
class Line:
    """One recommendation in words, with its task."""

    item: Recommendation
    title: str
    kind: str
    tone: str
    reasons: list[str]
    task: Task | None

    @property
    def ref(self) -> str:
        return f"{self.item.kind}:{self.item.key}"


def chosen(items: tuple[Recommendation, ...]) -> list[Recommendation]:
    """The first few of each kind."""
    counts: dict[str, int] = {}
    found = []
    for one in items:
        counts[one.kind] = counts.get(one.kind, 0) + 1
        if counts[one.kind] <= OF_KIND:
            found.append(one)
    return found


def lines(account: Account, items: list[Recommendation]) -> list[Line]:
    """Recommendations in words; two queries."""
    names = words.feature_names()
    origins = {task_key(account, one): one for one in items}
    tasks = {
        task.origin_id: task
        for task in Task.objects.filter(
            origin_kind=ORIGIN, origin_id__in=list(origins), state=Task.State.OPEN
        ).select_related("assignee")
    }
    return [
        Line(
            one,
            words.named(one),
            str(ItemKind(one.kind).label),
            _TONES.get(ItemKind(one.kind), "none"),
            words.reasons(one, names),
            tasks.get(task_key(account, one)),
        )
        for one in items
    ]


def task_key(account: Account, one: Recommendation) -> str:
    """What names the task of a recommendation."""
    return f"{account.pk}:{one.kind}:{one.key}"[:80]


class Record:
    """What recommendations brought, and what they rest on."""

    def __init__(self, now: dt.datetime, percent: float) -> None:
        self.now, self.percent = now, percent

    @cached_property
    def learning(self) -> RecommendationLearning | None:
        return learning.newest()

    @cached_property
    def take_up(self) -> TakeUp:
        return measuring.take_up(self.now)

    @property
    def verdict(self) -> str:
        """The measured effect in a sentence."""
        found = self.take_up
        if (
            found.more is None
            or found.interval is None
            or found.shown.share is None
            or found.held.share is None
        ):
            return _(
                "Not yet: %(shown)s accounts were shown something at least 14 days ago and %(held)s were held back; ten of each are needed."
            ) % {"shown": formats.number(found.shown.accounts), "held": formats.number(found.held.accounts)}
        told = {
            "shown": formats.percent(found.shown.share, 1),
            "held": formats.percent(found.held.share, 1),
            "low": formats.signed(found.interval.low * 100, 1),
            "high": formats.signed(found.interval.high * 100, 1),
        }
        if found.interval.low > 0:
            return (
                _(
                    "Shown, %(shown)s were taken up within 14 days; held back, %(held)s: %(low)s to %(high)s points more."
                )
                % told
            )
        return (
            _(
                "Shown, %(shown)s were taken up within 14 days; held back, %(held)s. The difference (%(low)s to %(high)s points) may be chance."
            )
            % told
        )

    @cached_property
    def hits(self) -> list[tuple[str, Mapping[str, Any]]]:
        told = self.learning.report.get("backtest", {}) if self.learning else {}
        labels = {"users": _("End users"), "accounts": _("Accounts")}
        return [
            (
                labels[whom],
                {
                    **told[whom],
                    "share": told[whom]["hits"] / told[whom]["asked"],
                    "plain": told[whom]["popular"] / told[whom]["asked"],
                },
            )
            for whom in labels
            if told.get(whom, {}).get("asked")
        ]

    @cached_property
    def helped(self) -> list[tuple[str, str, Helped]]:
        """(kind, name, what followed) of everything measured, the most first."""
        names = words.feature_names()
        rows = [
            Helped(**one)
            for one in (self.learning.report.get("helped", {}) if self.learning else {}).values()
        ]
        found = []
        for one in sorted(rows, key=lambda row: -row.change):
            kind, _colon, key = one.item.partition(":")
            name = NAMES.get(key, {}) if kind == ItemKind.TOUCH else names.get(key, {})
            found.append((str(ItemKind(kind).label), formats.named(name) or key, one))
        return found

    @cached_property
    def proven(self) -> list[tuple[str, str, Proof, str]]:
        """(playbook, method, row, in words) of what playbooks were shown to do by lot: the clear ones first; of each comparison and
        outcome the longest window that is known."""
        best: dict[tuple[str, str, str, str], Proof] = {}
        for row in Proof.objects.filter(outcome__in=PROVEN_BY).order_by("days"):
            best[row.playbook, row.method, row.way, row.outcome] = row
        rows = sorted(
            best.values(), key=lambda one: (not one.is_clear, one.playbook, one.method, one.outcome)
        )
        return [
            (formats.named(one.name), str(one.get_method_display()), one, words.proven(one)) for one in rows
        ]

    @cached_property
    def outcomes(self) -> list[tuple[str, int]]:
        labels = dict(Exposure.Outcome.choices)
        return [(str(labels[value]), Exposure.objects.filter(outcome=value).count()) for value in labels]
