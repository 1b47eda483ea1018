"""Reads of scores: the newest as rows, their history from the lake."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Count, QuerySet, Sum

from evergreen.base import clock
from evergreen.base import queries as base
from evergreen.customers.figures import SegmentMember
from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.health import definitions, rules
from evergreen.health.models import Override, Scorecard, ScorecardVersion, Standing


class ScorePoint(NamedTuple):
    day: dt.date
    score: float | None
    version: int


def standing_of(account: Account, scorecard: str | None = None) -> Standing | None:
    """The account's newest standing: on its own scorecard, or on the one named."""
    rows = Standing.objects.filter(account=account).select_related("scorecard")
    rows = rows.filter(scorecard__key=scorecard) if scorecard else rows.filter(is_own=True)
    return rows.first()


def score_history(account_id: int, scorecard: str, since: dt.date, until: dt.date) -> list[ScorePoint]:
    """Scores of an account on a scorecard by day; None where data was insufficient."""
    rows = store.reading().execute(
        "SELECT day, score, version FROM lake.scores WHERE account_id = ? AND scorecard = ? AND tenant = ''"
        " AND day BETWEEN ? AND ? ORDER BY day",
        [account_id, scorecard, since, until],
    )
    return [ScorePoint(*row) for row in rows.fetchall()]


@dataclass(frozen=True, slots=True)
class Family:
    """An account with the accounts below it, those that have a score: the weighted score of all, and which child stands lowest.

    ``without`` have no score.
    """

    score: float
    scored: int
    without: int
    lowest: Account
    lowest_score: float


def family(account: Account, visible: QuerySet[Account]) -> Family | None:
    """How a parent stands together with its children among ``visible``; None for an account without children there."""
    below = visible.filter(parent=account).exclude(stage=Account.Stage.CHURNED)
    members = [account, *below.order_by("pk")]
    if len(members) == 1:
        return None
    known = [one for one in members if one.score is not None]
    scores = [float(one.score or 0) for one in known]
    score = rules.group_score(scores, [max(one.arr_base_cents or 0, 0) for one in known])
    children = [(float(one.score or 0), one) for one in known if one is not account]
    if score is None or not children:
        return None
    least, lowest = min(children, key=lambda pair: (pair[0], pair[1].pk))
    return Family(score, len(known), len(members) - len(known), lowest, least)


def scorecards() -> list[Scorecard]:
    return list(Scorecard.objects.filter(is_active=True).prefetch_related("versions"))


def current_version(scorecard: Scorecard, day: dt.date | None = None) -> ScorecardVersion:
    """The version in force on a day (today, unless given); before its first one that one."""
    on = day or base.vendor_day(clock.utc_now())
    versions = [one for one in scorecard.versions.all() if not one.is_withdrawn]
    begun = [one for one in versions if one.effective_on <= on]
    if not begun:
        return min(versions, key=lambda one: one.number)
    return max(begun, key=lambda one: (one.effective_on, one.number))


def verdicts_of(account: Account, day: dt.date) -> list[Override]:
    """People's verdicts on an account that count on a day or later, the newest first."""
    rows = Override.objects.filter(account=account, expires_on__gte=day, ended_at=None)
    return list(rows.select_related("made_by", "scorecard"))


def segment_accounts(segment: str) -> set[int]:
    """The accounts in a saved segment."""
    return set(SegmentMember.objects.filter(segment=segment).values_list("account_id", flat=True))


Overridden = QuerySet[Override]


def overrides_on(day: dt.date) -> Overridden:
    """People's verdicts that count on a day."""
    return Override.objects.filter(starts_on__lte=day, expires_on__gte=day)


def definition(version: ScorecardVersion) -> rules.Card:
    return definitions.card_from(version.definition)


def band_counts(accounts: Any, scorecard: str | None = None) -> dict[str, tuple[int, int]]:
    """band → (accounts, their ARR in the vendor's currency) over a queryset of accounts."""
    rows = Standing.objects.filter(account__in=accounts)
    rows = rows.filter(scorecard__key=scorecard) if scorecard else rows.filter(is_own=True)
    found = (
        rows.values_list("band")
        .annotate(n=Count("pk"), arr=Sum("account__newest__arr_base_cents"))
        .order_by()
    )
    return {band: (n, arr or 0) for band, n, arr in found}


def newest_day() -> dt.date | None:
    """The newest scored day as pages show it."""
    return Standing.objects.order_by("-day").values_list("day", flat=True).first()
