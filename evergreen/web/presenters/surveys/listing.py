"""The list of surveys: what each brought in the last 90 days, among the accounts that a person sees."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.customers.queries import accounts_for
from evergreen.events.scales import CES_TOP, CSAT_TOP, nps, scale
from evergreen.touches.models import Ask, Message, Survey
from evergreen.web import formats

LIST_DAYS = 90


@dataclass(frozen=True, slots=True)
class SurveyLine:
    survey: Survey
    asked: int
    answered: int
    figure: str

    @property
    def rate(self) -> float | None:
        """Answers a hundred invitations that went out."""
        return 100 * self.answered / self.asked if self.asked else None


def lines(user: User, now: dt.datetime) -> list[SurveyLine]:
    since = now - dt.timedelta(days=LIST_DAYS)
    rows = Ask.objects.filter(account__in=accounts_for(user), held="", asked_at__gte=since)
    sent = rows.filter(message__state=Message.State.ACCEPTED) | rows.exclude(answered_at=None)
    asked: dict[int, int] = defaultdict(int)
    answered: dict[int, int] = defaultdict(int)
    scores: dict[int, list[int]] = defaultdict(list)
    for survey, score, at in sent.values_list("survey_id", "score", "answered_at").iterator(chunk_size=5_000):
        asked[survey] += 1
        if at is not None:
            answered[survey] += 1
        if score is not None:
            scores[survey].append(score)
    return [
        SurveyLine(one, asked[one.pk], answered[one.pk], figure(one.kind, scores[one.pk]))
        for one in Survey.objects.order_by("key")
    ]


def figure(kind: str, scores: Sequence[int]) -> str:
    """What scores come to, in words: NPS with its 95 % interval, or the share of the top boxes; '' for forms and without answers."""
    if not scores or kind == Survey.Kind.FORM:
        return ""
    if kind != Survey.Kind.NPS:
        found = scale(scores, CSAT_TOP if kind == Survey.Kind.CSAT else CES_TOP)
        return formats.percent(found.top_share)
    counted = nps(scores)
    low, high = counted.interval or (0.0, 0.0)
    return _("%(score)s (%(low)s to %(high)s)") % {
        "score": formats.signed(counted.score or 0.0), "low": formats.signed(low), "high": formats.signed(high)
    }  # fmt: skip


def figure_words(kind: str) -> str:
    """The formula of a kind's figure."""
    return {
        "nps": _("NPS: share of 9–10 less share of 0–6, with its 95% interval (adjusted Wald)"),
        "csat": _("CSAT: share of the answers 4 and 5"),
        "ces": _("CES: share of the answers 5 to 7"),
    }.get(kind, "")
