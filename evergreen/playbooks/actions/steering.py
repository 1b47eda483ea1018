"""What people do to runs, one or many: stop, skip, retry, move, bring to another version. The fence rises with each, so that a
worker that holds a run at that moment writes nothing."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from evergreen.base.actions import audit
from evergreen.base.changes import batches
from evergreen.base.models import User
from evergreen.customers.models import Account
from evergreen.playbooks import rules
from evergreen.playbooks.actions.telling import told_of
from evergreen.playbooks.book import Book
from evergreen.playbooks.models import Enrolment, PlaybookVersion, Untold
from evergreen.playbooks.steps.messages import withdraw

State = Enrolment.State


def stop(ids: Iterable[int], *, by: User | None, now: dt.datetime, reason: str = "stopped") -> int:
    """End runs that are not over, wherever they stand. Returns how many."""
    ended: dict[str, Any] = {"state": State.LEFT.value, "reason": reason, "ended_at": now, "wake_at": None}
    return _each(ids, Q(ended_at=None), lambda run: ended, "stopped", by=by, now=now, tells="playbook.left")


def retry(ids: Iterable[int], *, by: User | None, now: dt.datetime) -> int:
    """Let runs that need attention take their step again now. Returns how many."""
    again: dict[str, Any] = {"state": State.WAITING.value, "wake_at": now, "note": ""}
    return _each(ids, Q(state=State.STUCK), lambda run: again, "retried", by=by, now=now)


def skip(ids: Iterable[int], *, by: User | None, now: dt.datetime) -> int:
    """Leave out the step at which runs stand, and go on with the next. Returns how many; one whose step has no single next
    step (a branch, a split) stays."""
    book = Book(now)

    def on(run: Enrolment) -> dict[str, Any] | None:
        step = book.definition(run.version).step(run.step)
        to = getattr(step, "next", None)
        return None if to is None else _at(run, to, "skipped", now)

    return _each(ids, Q(ended_at=None), on, "skipped", by=by, now=now)


def move(ids: Iterable[int], step: str, *, by: User | None, now: dt.datetime) -> int:
    """Let runs go on at a step of their own version, as if they came to it now. Raises PlaybookError where one of the versions
    has no such step; then nothing is moved. Returns how many."""
    book, listed = Book(now), list(ids)
    versions = Enrolment.objects.filter(pk__in=listed, ended_at=None).order_by().values("version").distinct()
    for version in PlaybookVersion.objects.filter(pk__in=versions):
        of = book.definition(version)
        if of.step(step) is None:
            raise rules.PlaybookError.at(f"v{version.number}", step, ", ".join(one.key for one in of.steps))
    return _each(listed, Q(ended_at=None), lambda run: _at(run, step, "moved", now), "moved", by=by, now=now)


def change_version(
    runs: QuerySet[Enrolment],
    to: PlaybookVersion,
    *,
    where: Mapping[str, str] | None = None,
    by: User | None,
    now: dt.datetime,
) -> int:
    """Bring runs of a playbook to another of its versions, each to the step of the same key or as ``where`` says (old: new).

    A wait goes on as it was when the step stays the same. Raises PlaybookError, naming the steps for which ``where`` says
    nothing; then nothing is moved. Returns how many; ``moving`` says it beforehand.
    """
    found, missing = moving(runs, to, where=where)
    if missing:
        allowed = ", ".join(step.key for step in Book(now).definition(to).steps)
        raise rules.PlaybookError.at("where", ", ".join(sorted(missing)), allowed)
    ids = list(_movable(runs, to).values_list("pk", flat=True))

    def there(run: Enrolment) -> dict[str, Any]:
        if found[run.step] == run.step:
            return {"version": to.pk}
        return {"version": to.pk, **_at(run, found[run.step], "moved", now)}

    return _each(ids, Q(ended_at=None), there, "version_changed", by=by, now=now)


def moving(
    runs: QuerySet[Enrolment], to: PlaybookVersion, *, where: Mapping[str, str] | None = None
) -> tuple[dict[str, str], Counter[str]]:
    """Where runs would come to in another version, by step; and how many stand at steps that have no place there."""
    of = Book(to.changed_at).definition(to)
    standing = Counter(_movable(runs, to).values_list("step", flat=True))
    told = {**{step: step for step in standing}, **(where or {})}
    missing = Counter({step: n for step, n in standing.items() if of.step(told[step]) is None})
    return {step: told[step] for step in standing if step not in missing}, missing


def _movable(runs: QuerySet[Enrolment], to: PlaybookVersion) -> QuerySet[Enrolment]:
    return runs.filter(playbook=to.playbook_id, ended_at=None).exclude(version=to).order_by("pk")


def _at(run: Enrolment, step: str, word: str, now: dt.datetime) -> dict[str, Any]:
    """A run that comes to a step now by somebody's hand: a new visit, so what the step does may be done."""
    return {
        "state": State.WAITING.value,
        "step": step,
        "visit": run.visit + 1,
        "step_since": now,
        "wake_at": now,
        "rule": {},
        "reason": "",
        "note": "",
        "trail": [*run.trail, [run.step, run.visit, word, now.isoformat()]],
    }


def _each(
    ids: Iterable[int],
    allowed: Q,
    changes: Callable[[Enrolment], Mapping[str, Any] | None],
    verb: str,
    *,
    by: User | None,
    now: dt.datetime,
    tells: str = "",
) -> int:
    done = 0
    for batch in batches(dict.fromkeys(ids)):
        with transaction.atomic():
            rows = Enrolment.objects.filter(allowed, pk__in=batch).select_related("version", "playbook")
            changed, untold = [], []
            for run in rows.select_for_update(of=("self",)).order_by("pk"):
                if (wanted := changes(run)) is None:
                    continue
                Enrolment.objects.filter(pk=run.pk).update(
                    **wanted, fence=F("fence") + 1, claimed_by="", leased_until=None, attempts=0
                )
                changed.append(run.pk)
                if tells:
                    untold.append(told_of(run, tells, now, step=run.step))
            Untold.objects.bulk_create(untold, ignore_conflicts=True)
            if changed and tells:
                withdraw(changed, now=now)
            if changed:
                audit(f"enrolment.{verb}", "enrolment", changed, by=by, now=now)
            done += len(changed)
    return done


def merged(account: Account, *, by: User | None, now: dt.datetime) -> int:
    """End what stayed with an account that was merged: the one it was merged into is in the same playbook itself."""
    twins = Enrolment.objects.filter(account=account.pk, ended_at=None).values_list("pk", flat=True)
    return stop(list(twins), by=by, now=now, reason="merged")
