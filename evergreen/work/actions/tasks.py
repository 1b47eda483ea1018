"""Tasks: add, finish, drop, reopen, give, snooze; many at once with undo."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from evergreen.base import changes as rows
from evergreen.base.actions import audit
from evergreen.base.models import AuditEntry, User
from evergreen.customers.models import Account
from evergreen.work import rules
from evergreen.work.models import Task

EDITABLE = frozenset({"title", "body", "account", "assignee", "priority", "due_on"})


@transaction.atomic
def add_task(
    *,
    account: Account | None,
    title: str | dict[str, str],
    assignee: User | None,
    by: User | None,
    now: dt.datetime,
    due_on: dt.date | None = None,
    priority: int = Task.Priority.NORMAL,
    reason: dict[str, Any] | None = None,
    body: str = "",
    origin: tuple[str, str] = ("", ""),
) -> Task:
    """A task for a person. ``origin`` (kind, id) names its cause: a second task of it is the first one.

    Raises ValidationError for an empty title or an assignee who left.
    """
    kind, key = origin
    if kind and (known := Task.objects.filter(origin_kind=kind, origin_id=key).first()):
        return known
    _check_assignee(assignee)
    try:
        words = rules.title_words(title)
    except ValueError as error:
        raise ValidationError({"title": _("Write what is to be done.")}) from error
    task = Task(
        account=account,
        title=words,
        reason=reason or {},
        body=body.strip(),
        assignee=assignee,
        priority=priority,
        due_on=due_on,
        origin_kind=kind,
        origin_id=key,
        created_by=by,
        created_at=now,
    )
    task.clean_fields(exclude=["title", "reason", "created_by", "ended_by"])
    try:
        with transaction.atomic():
            task.save()
    except IntegrityError:
        # Another worker wrote the task of this origin between our look and our write.
        return Task.objects.get(origin_kind=kind, origin_id=key)
    audit(
        "task.added",
        "task",
        [task.pk],
        by=by,
        now=now,
        after={
            "account": account.pk if account else None,
            "assignee": assignee.pk if assignee else None,
            "origin": origin,
        },
    )
    return task


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task that machines make with many others; ``title`` and ``reason`` are {zh, en}, ``origin`` its cause."""

    account: int
    title: Mapping[str, str]
    assignee: int | None
    origin: tuple[str, str]
    due_on: dt.date | None = None
    priority: int = Task.Priority.NORMAL
    reason: Mapping[str, Any] = field(default_factory=dict)
    answers: Sequence[Mapping[str, Any]] = ()


@transaction.atomic
def add_tasks(new: Sequence[NewTask], *, now: dt.datetime) -> list[Task]:
    """Make tasks with an origin each, in few queries and one audit entry; of an origin that has its task already none is made.

    Raises ValidationError when somebody who is to do one has left, or a task says nothing. At most 5,000 at once.
    """
    people = {one.assignee for one in new if one.assignee is not None}
    for user in User.objects.filter(pk__in=people, is_active=False):
        _check_assignee(user)
    kinds = {one.origin[0] for one in new}
    kept = Task.objects.filter(origin_kind__in=kinds, origin_id__in=[one.origin[1] for one in new])
    known = set(kept.values_list("origin_kind", "origin_id"))
    fresh = {one.origin: one for one in new if one.origin not in known}
    if not all(any(text.strip() for text in one.title.values()) for one in fresh.values()):
        raise ValidationError({"title": _("Write what is to be done.")})
    made = Task.objects.bulk_create(
        [
            Task(
                account_id=one.account,
                title=dict(one.title),
                reason=dict(one.reason),
                assignee_id=one.assignee,
                priority=one.priority,
                due_on=one.due_on,
                answers=[dict(answer) for answer in one.answers],
                origin_kind=one.origin[0],
                origin_id=one.origin[1],
                created_at=now,
            )
            for one in fresh.values()
        ]
    )
    if made:
        audit("task.added", "task", [task.pk for task in made], by=None, now=now)
    return made


@transaction.atomic
def update_task(task: Task, changes: Mapping[str, Any], *, by: User | None, now: dt.datetime) -> Task:
    """Change title, body, account, assignee, priority or due day of a task. ValidationError by field."""
    changes = dict(changes)
    _check_assignee(changes.get("assignee"))
    if "title" in changes:
        try:
            changes["title"] = rules.title_words(changes["title"])
        except ValueError as error:
            raise ValidationError({"title": _("Write what is to be done.")}) from error
    applied = rows.apply(task, changes, EDITABLE)
    if applied:
        audit("task.updated", "task", [task.pk], by=by, now=now, before=applied.before, after=applied.after)
    return task


def finish_task(task: Task, *, by: User | None, now: dt.datetime, outcome: str = "") -> Task:
    """Mark an open task done. One that is done stays as it is; a dropped one raises ValidationError."""
    return _end(task, Task.State.DONE, outcome, by=by, now=now)


def drop_task(task: Task, *, by: User | None, now: dt.datetime, outcome: str = "") -> Task:
    """Mark an open task as not to be done."""
    return _end(task, Task.State.DROPPED, outcome, by=by, now=now)


def reopen_task(task: Task, *, by: User | None, now: dt.datetime) -> Task:
    """Put a task that was ended back on its assignee's list."""
    ended = Task.objects.exclude(state=Task.State.OPEN)
    _change([task.pk], ended, _open_again(), verb="task.reopened", by=by, now=now)
    task.refresh_from_db()
    return task


def assign_tasks(
    ids: Iterable[int], user: User | None, *, by: User | None, now: dt.datetime
) -> list[AuditEntry]:
    """Give open tasks to a person (None: to nobody)."""
    _check_assignee(user)
    return _change(ids, _open(), {"assignee": user}, verb="task.assigned", by=by, now=now)


def snooze_task(task: Task, until: dt.date, *, by: User | None, now: dt.datetime) -> Task:
    """Take an open task out of sight until a day."""
    if not snooze_tasks([task.pk], until, by=by, now=now):
        task.refresh_from_db()
        if task.state != Task.State.OPEN:
            raise ValidationError(_wrong_state(task))
    task.refresh_from_db()
    return task


def snooze_tasks(
    ids: Iterable[int], until: dt.date, *, by: User | None, now: dt.datetime
) -> list[AuditEntry]:
    """Take open tasks out of sight until a day."""
    return _change(ids, _open(), {"snoozed_until": until}, verb="task.snoozed", by=by, now=now)


def finish_tasks(
    ids: Iterable[int], *, by: User | None, now: dt.datetime, outcome: str = "", answer: str = ""
) -> list[AuditEntry]:
    """Mark open tasks done; those that are over already are left out. ``answer`` is one that each of them asks for.

    Raises ValidationError where a task does not know that answer, or asks for one and none is given; then none is done.
    """
    listed = list(ids)
    for task in _open().filter(pk__in=listed).exclude(answers=[], answer="").only("pk", "title", "answers"):
        _check_answer(task, answer)
    if answer and _open().filter(pk__in=listed, answers=[]).exists():
        raise ValidationError({"answer": _("Such a task asks for no answer. Nothing was changed.")})
    changes = {**_ended(Task.State.DONE, outcome, by, now), "answer": answer}
    return _change(listed, _open(), changes, verb="task.finished", by=by, now=now)


def _check_answer(task: Task, answer: str) -> None:
    known = [str(one["key"]) for one in task.answers]
    if known and answer not in known:
        names = ", ".join(str(one["name"].get("zh") or one["name"].get("en")) for one in task.answers)
        said = _("“%(task)s” asks for an answer: found %(found)s; allowed: %(allowed)s. Nothing was changed.")
        raise ValidationError({"answer": said % {"task": task, "found": answer or "-", "allowed": names}})


def drop_tasks(
    ids: Iterable[int], *, by: User | None, now: dt.datetime, outcome: str = ""
) -> list[AuditEntry]:
    """Mark open tasks as not to be done."""
    return _change(
        ids, _open(), _ended(Task.State.DROPPED, outcome, by, now), verb="task.dropped", by=by, now=now
    )


def undo(entry: AuditEntry, *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Give tasks back what stood before a change; those changed again since keep their newer state."""
    return rows.undo(entry, Task, by=by, now=now)


def _open() -> Any:
    return Task.objects.filter(state=Task.State.OPEN)


def _change(
    ids: Iterable[int], tasks: Any, changes: dict[str, Any], *, verb: str, by: User | None, now: dt.datetime
) -> list[AuditEntry]:
    return rows.apply_to_many(tasks, ids, changes, verb=verb, by=by, now=now)


def _end(task: Task, state: Task.State, outcome: str, *, by: User | None, now: dt.datetime) -> Task:
    act = finish_tasks if state == Task.State.DONE else drop_tasks
    entries = act([task.pk], by=by, now=now, outcome=outcome)
    task.refresh_from_db()
    if not entries and task.state != state:
        raise ValidationError(_wrong_state(task))
    return task


def _ended(state: Task.State, outcome: str, by: User | None, now: dt.datetime) -> dict[str, Any]:
    if len(outcome) > 300:
        raise ValidationError(
            {"outcome": _("The outcome has %(found)s characters, 300 are allowed.") % {"found": len(outcome)}}
        )
    return {"state": state.value, "outcome": outcome.strip(), "ended_at": now, "ended_by": by}


def _open_again() -> dict[str, Any]:
    return {
        "state": Task.State.OPEN.value,
        "outcome": "",
        "answer": "",
        "ended_at": None,
        "ended_by": None,
        "snoozed_until": None,
    }


def _wrong_state(task: Task) -> str:
    return _("This task is %(state)s, since %(at)s. Reopen it first. Nothing was changed.") % {
        "state": task.get_state_display(),
        "at": f"{task.ended_at:%Y-%m-%d}" if task.ended_at else "-",
    }


def _check_assignee(user: User | None) -> None:
    if user is not None and not user.is_active:
        raise ValidationError(
            {
                "assignee": _("%(name)s has left. Choose an active member of staff. Nothing was changed.")
                % {"name": user}
            }
        )
