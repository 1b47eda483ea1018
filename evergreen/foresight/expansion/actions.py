"""What people do with suggestions: make tasks of them, dismiss them with a reason, mark them won; the latter two can be undone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from evergreen.base import changes
from evergreen.base import queries as base
from evergreen.base.languages import LANGUAGES
from evergreen.base.models import AuditEntry, User
from evergreen.foresight.expansion import words
from evergreen.foresight.expansion.models import Suggestion
from evergreen.work import actions as work
from evergreen.work.models import Task

ORIGIN = "suggestion"
_TASK_DAYS = 7
_NOTE_LENGTH = 300


def dismiss(
    ids: Iterable[int], reason: str, *, by: User | None, now: dt.datetime, note: str = ""
) -> list[AuditEntry]:
    """Take open suggestions off the list for half a year (*too soon*: for 90 days). ValidationError for an unknown reason."""
    if reason not in Suggestion.Reason.values:
        raise ValidationError(
            _("The reason is %(found)s; allowed are %(allowed)s. Nothing was changed.")
            % {"found": reason or "-", "allowed": ", ".join(Suggestion.Reason.values)}
        )
    return _end(ids, Suggestion.State.DISMISSED, "suggestion.dismissed", reason, note, by=by, now=now)


def win(ids: Iterable[int], *, by: User | None, now: dt.datetime, note: str = "") -> list[AuditEntry]:
    """Mark open suggestions as bought; the contract, once loaded, does so by itself."""
    return _end(ids, Suggestion.State.WON, "suggestion.won", "", note, by=by, now=now)


def undo(entry: AuditEntry, *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Put suggestions back as they stood before a change."""
    return changes.undo(entry, Suggestion, by=by, now=now)


def make_tasks(rows: Sequence[Suggestion], *, by: User | None, now: dt.datetime) -> list[Task]:
    """A task of each suggestion for the account's owner, due in a week; a second one of the same is the first."""
    due = base.vendor_day(now) + dt.timedelta(days=_TASK_DAYS)
    return [
        work.add_task(
            account=row.account,
            title={language: words.title(row, language) for language in LANGUAGES},
            reason={language: "; ".join(words.evidence(row, language)) for language in LANGUAGES},
            assignee=row.account.owner if row.account.owner and row.account.owner.is_active else by,
            by=by,
            now=now,
            due_on=due,
            origin=(ORIGIN, f"{row.pk}:{row.since:%Y%m%d}"),
        )
        for row in rows
    ]


def _end(
    ids: Iterable[int],
    state: Suggestion.State,
    verb: str,
    reason: str,
    note: str,
    *,
    by: User | None,
    now: dt.datetime,
) -> list[AuditEntry]:
    if len(note) > _NOTE_LENGTH:
        raise ValidationError(
            _("The remark has %(found)s characters, 300 are allowed. Nothing was changed.")
            % {"found": len(note)}
        )
    return changes.apply_to_many(
        Suggestion.objects.filter(state=Suggestion.State.OPEN),
        ids,
        {
            "state": state.value,
            "reason": reason,
            "note": note.strip(),
            "ended_on": base.vendor_day(now),
            "ended_by": by,
        },
        verb=verb,
        by=by,
        now=now,
    )
