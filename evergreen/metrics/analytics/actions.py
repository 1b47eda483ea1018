"""Analyses saved, shared, put on the board and removed; answers kept."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.metrics.analytics.models import Analysis, KeptAnswer
from evergreen.metrics.analytics.questions import Question

KEEP_DAYS = 30
MOST_ON_BOARD = 12


@transaction.atomic
def save_analysis(
    question: Question,
    *,
    name: str,
    is_shared: bool = False,
    is_on_board: bool = False,
    analysis: Analysis | None = None,
    by: User,
    now: dt.datetime,
) -> Analysis:
    """Keep a question under a name, or change a kept one.

    Raises ValidationError without a name or with a full board, PermissionDenied for an analysis that is not ``by``'s.
    """
    name = name.strip()[:120]
    if not name:
        raise ValidationError({"name": _("An analysis needs a name.")})
    check_owner(analysis, by)
    before = _told(analysis) if analysis else {}
    row = analysis or Analysis(owner=by, created_at=now)
    if is_on_board and not row.is_on_board:
        _check_board(by)
    row.name, row.kind, row.query = name, question.kind, question.query()
    row.is_shared, row.is_on_board, row.changed_at = is_shared, is_on_board, now
    row.save()
    if before != _told(row):
        verb = "analysis.changed" if analysis else "analysis.saved"
        audit(verb, "analysis", [row.pk], by=by, now=now, before=before, after=_told(row))
    return row


@transaction.atomic
def remove_analysis(analysis: Analysis, *, by: User, now: dt.datetime) -> None:
    """Forget a saved analysis. Raises PermissionDenied for one that is not ``by``'s."""
    check_owner(analysis, by)
    audit("analysis.removed", "analysis", [analysis.pk], by=by, now=now, before=_told(analysis))
    analysis.delete()


def may_change(analysis: Analysis, user: User) -> bool:
    """Its owner may; of a shared one also those who configure."""
    return analysis.owner_id == user.pk or (analysis.is_shared and user.may_configure)


def check_owner(analysis: Analysis | None, user: User) -> None:
    if analysis is not None and not may_change(analysis, user):
        raise PermissionDenied("This analysis belongs to somebody else: save it under a name of your own.")


def _check_board(user: User) -> None:
    mine = Analysis.objects.filter(owner=user, is_on_board=True).count()
    if mine >= MOST_ON_BOARD:
        raise ValidationError(
            _("You have %(n)s analyses on the board, which is the most: take one down first.") % {"n": mine}
        )


def _told(row: Analysis) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "query": row.query,
        "is_shared": row.is_shared,
        "is_on_board": row.is_on_board,
    }


@transaction.atomic
def keep_answer(
    key: str,
    question: Question,
    *,
    newest: dt.date,
    seconds: float,
    answer: dict[str, Any],
    now: dt.datetime,
) -> KeptAnswer:
    """Keep what a job answered, instead of an older answer to the same; those older than 30 days go."""
    KeptAnswer.objects.filter(made_at__lt=now - dt.timedelta(days=KEEP_DAYS)).delete()
    row, _made = KeptAnswer.objects.update_or_create(
        key=key,
        defaults={
            "kind": question.kind,
            "query": question.query(),
            "newest": newest,
            "made_at": now,
            "seconds": seconds,
            "answer": answer,
        },
    )
    return row
