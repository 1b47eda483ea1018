"""Answers that take long: a job that tells how far its query is, and keeps the answer."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from evergreen.base import clock, queries
from evergreen.base.jobs import beat, job_kind
from evergreen.base.models import Job, User
from evergreen.metrics.analytics.actions import keep_answer
from evergreen.metrics.analytics.answering import answer
from evergreen.metrics.analytics.queries import key_of, reading
from evergreen.metrics.analytics.questions import Kind, Question, read

KIND = "analysis"


def asked(kind: Kind, query: str) -> Question:
    """The question that ``Question.query`` wrote. Raises QuestionError."""
    said = parse_qs(query, keep_blank_values=True)
    return read(kind, {name: values[-1] for name, values in said.items()}, said.get("what", []))


@job_kind(KIND)
def answer_question(job: Job) -> dict[str, Any]:
    """Answer the question of ``params`` {user, kind, query} over everybody, with the rights that the person has now."""
    user = User.objects.get(pk=job.params["user"])
    question = asked(job.params["kind"], job.params["query"])
    made = reading(question, user, queries.vendor_day(clock.utc_now()))
    if made is None:
        raise ValidationError(_("There are no figures yet: they come with the first night."))
    key, began = key_of(question, made), time.monotonic()

    def tell(percent: float) -> None:
        beat(job, done=max(0, min(99, round(percent))), total=100, now=clock.utc_now())

    made.watch = tell
    found = answer(made)
    seconds = round(time.monotonic() - began, 2)
    keep_answer(key, question, newest=made.newest, seconds=seconds, answer=found, now=clock.utc_now())
    beat(job, done=100, total=100, now=clock.utc_now())
    return {"key": key, "seconds": seconds}
