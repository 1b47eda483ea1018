"""Answers: taken by the link alone, given anew while it is open, told as events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.customers.rules import contact_key
from evergreen.events import journal
from evergreen.events.scales import SCALES
from evergreen.touches.models import Ask
from evergreen.touches.surveys import rules

_TOGETHER = 2_000


def ask_of(token: str) -> Ask | None:
    """The question that a link leads to; None for one that nobody was sent."""
    rows = Ask.objects.select_related("survey", "contact", "account")
    return rows.filter(token=token, held="").first() if token else None


def closed(ask: Ask, now: dt.datetime) -> str:
    """Why a link takes no answer now: ``off``, ``over``, or '' where it does."""
    if not ask.survey.is_on:
        return "off"
    return "" if rules.is_open(ask.asked_at, now) else "over"


@transaction.atomic
def save_answer(ask: Ask, given: Mapping[str, Sequence[str]], *, now: dt.datetime) -> dict[str, str]:
    """Take an answer; the newest counts. Returns what is wrong by field (nothing is kept then), {} where it was taken.

    Raises ValidationError where the link is closed.
    """
    held = Ask.objects.select_for_update(of=("self",)).select_related("survey").get(pk=ask.pk)
    if closed(held, now):
        raise ValidationError(_("This survey takes no more answers."))
    answer, wrong = rules.read_answer(held.survey.kind, held.survey.questions, given)
    if wrong:
        return wrong
    if held.answered_at is not None:
        held.changes += 1
    held.score, held.comment, held.answers = answer.score, answer.comment, dict(answer.answers)
    held.answered_at, held.is_told = now, False
    held.save(update_fields=["score", "comment", "answers", "answered_at", "changes", "is_told"])
    return {}


def tell_answers() -> int:
    """Hand answers that are new or changed to the journal, as ``survey.answered``. Killed in between, they are told again under the same
    message ids, which adds nothing. Returns how many were told.
    """
    told = 0
    untold = Ask.objects.filter(is_told=False).select_related("survey", "contact").order_by("pk")
    while rows := list(untold[:_TOGETHER]):
        journal.write_system_events([_event(row) for row in rows])
        for row in rows:
            # An answer that was changed meanwhile stays to be told.
            Ask.objects.filter(pk=row.pk, changes=row.changes).update(is_told=True)
        told += len(rows)
    return told


def _event(ask: Ask) -> journal.SystemEvent:
    kinds = {one["key"]: one["kind"] for one in ask.survey.questions}
    chosen = {key: value for key, value in ask.answers.items() if kinds.get(key) != rules.TEXT}
    texts = {key: value for key, value in ask.answers.items() if kinds.get(key) == rules.TEXT}
    said: dict[str, Any] = {
        "kind": ask.survey.kind, "survey": ask.survey.key, "ask": ask.pk, "score": ask.score, "comment": ask.comment, "answers": chosen,
        "texts": texts, "contact": contact_of(ask),
    }  # fmt: skip
    at = ask.answered_at or ask.asked_at
    return {
        "name": "survey.answered",
        "account_id": ask.account_id,
        "occurred_at": at,
        "known_at": at,
        "message_id": f"survey.answered:{ask.pk}:{ask.changes}",
        "properties": {key: value for key, value in said.items() if value not in (None, "", {})},
    }


def contact_of(ask: Ask) -> str:
    """The contact as answers name it."""
    return contact_key(ask.contact.external_id, ask.contact.pk) if ask.contact is not None else ""


def scale_of(kind: str) -> list[int]:
    """The marks of a kind's scale; none for a form."""
    least, most = SCALES.get(kind, (1, 0))
    return list(range(least, most + 1))
