"""Reads of product analytics: answers at once or kept, saved analyses, who stands behind a figure."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.http import Http404

from evergreen.base.models import User
from evergreen.events import store
from evergreen.metrics.analytics.answering import Answer, answer
from evergreen.metrics.analytics.models import Analysis, KeptAnswer
from evergreen.metrics.analytics.population import population
from evergreen.metrics.analytics.questions import DEFAULT_DAYS, Question
from evergreen.metrics.analytics.reading import Reading, newest_day

CACHED_SECONDS = 600
# A quarter has up to 92 days.
AT_ONCE_DAYS = DEFAULT_DAYS + 2


@dataclass(frozen=True, slots=True)
class Found:
    """An answer with where it comes from: ``kept`` says when a job made it, ``is_exact`` whether everybody was counted.

    ``answer`` is None where only a job can answer; ``expected`` is about how many rows it has to read.
    """

    answer: Answer | None
    newest: dt.date | None
    key: str
    expected: int
    is_exact: bool
    kept: KeptAnswer | None = None


def reading(question: Question, user: User, today: dt.date) -> Reading | None:
    """What answers a question for ``user``; None before the first night."""
    con = store.reading()
    newest = newest_day(con, today)
    if newest is None:
        return None
    return Reading(con, question, population(question, user), newest)


def found(question: Question, user: User, today: dt.date) -> Found:
    """The answer as far as it can be had while somebody waits: kept, exact, or from a sample."""
    asked = reading(question, user, today)
    if asked is None:
        return Found(None, None, "", 0, is_exact=True)
    key = key_of(question, asked)
    expected, one_in = asked.expected, asked.fitting_sample
    days = (asked.until - asked.since).days + 1
    is_sampled = one_in > 1
    if is_sampled or days > AT_ONCE_DAYS:
        kept = KeptAnswer.objects.filter(key=key).first()
        if kept is not None:
            return Found(kept.answer, kept.newest, key, expected, is_exact=True, kept=kept)
        if is_sampled and (days > AT_ONCE_DAYS or question.kind not in {"funnel", "paths"}):
            return Found(None, asked.newest, key, expected, is_exact=False)
    asked.one_in = one_in
    at = f"analysis:{key}:{asked.newest}:{one_in}"
    made = cast(Answer, cache.get_or_set(at, lambda: answer(asked), CACHED_SECONDS))
    return Found(made, asked.newest, key, expected, is_exact=not is_sampled)


def key_of(question: Question, asked: Reading) -> str:
    """The same for the same question about the same accounts, whoever asks."""
    text = f"1\n{question.kind}\n{question.query()}\n{asked.population.digest()}"
    return hashlib.sha256(text.encode()).hexdigest()


def analyses_for(user: User) -> QuerySet[Analysis]:
    """Saved analyses that the person may open: own ones and shared ones."""
    return Analysis.objects.filter(Q(owner=user) | Q(is_shared=True)).select_related("owner")


def analysis_for(user: User, analysis_id: int) -> Analysis:
    """One saved analysis; Http404 for one that is neither shared nor the person's own."""
    row = analyses_for(user).filter(pk=analysis_id).first()
    if row is None:
        raise Http404("There is no such analysis among those you may see.")
    return row


def on_board(user: User) -> Sequence[Analysis]:
    """What stands on the person's board: own and shared analyses that are put there."""
    return list(analyses_for(user).filter(is_on_board=True))


def choices(asked: Reading) -> dict[str, Any]:
    """Features and event names of the range, the most used first."""
    return {"features": asked.features, "events": asked.events}
