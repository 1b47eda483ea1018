"""Look at waiting runs in sets, and wake those for which something has changed: then they decide as any run does."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from evergreen.alerts.models import Alert
from evergreen.base.conditions import holds
from evergreen.base.upserts import in_batches
from evergreen.metrics.segments.newest import newest_values
from evergreen.playbooks import rules
from evergreen.playbooks.book import Book, published
from evergreen.playbooks.models import Enrolment, Heard, Mark, PlaybookVersion
from evergreen.playbooks.steps.tasks import answers

_TOGETHER = 2_000
_CALENDAR = "calendar"


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of an account, by a name that playbooks listen to."""

    account: int
    name: str
    message_id: str
    occurred_at: dt.datetime


def listened_to() -> frozenset[str]:
    """The names of events that some trigger or waiting step asks for."""
    book = Book(dt.datetime.min.replace(tzinfo=dt.UTC))
    found: set[str] = set()
    for version in _running():
        found |= rules.events(book.definition(version))
    return frozenset(found)


def _running() -> list[PlaybookVersion]:
    """The versions that take accounts in, and those on which some run still is."""
    live = Enrolment.objects.filter(state=Enrolment.State.WAITING).order_by().values("version").distinct()
    entering = [version.pk for _playbook, version in published()]
    return list(PlaybookVersion.objects.filter(pk__in=[*entering, *live.values_list("version", flat=True)]))


@transaction.atomic
def hear(happened: Iterable[Happened], *, now: dt.datetime) -> int:
    """Write down events and wake the runs that wait for them. The same event heard again adds nothing. Returns how many were
    new. One process hears at a time, so that rows come in the order of their keys.
    """
    Mark.objects.get_or_create(key="hearing")
    Mark.objects.select_for_update().get(key="hearing")
    made = 0
    for batch in in_batches(happened, _TOGETHER):
        rows = {
            _key(one): Heard(
                account_id=one.account,
                name=one.name,
                key=_key(one),
                occurred_at=one.occurred_at,
                heard_at=now,
            )
            for one in batch
        }
        known = set(Heard.objects.filter(key__in=rows).values_list("key", flat=True))
        fresh = [row for key, row in rows.items() if key not in known]
        Heard.objects.bulk_create(fresh)
        made += len(fresh)
        _wake_listeners(fresh, now)
    return made


def _key(one: Happened) -> str:
    return hashlib.sha256(f"{one.name}\0{one.message_id}".encode()).hexdigest()


def _wake_listeners(heard: Sequence[Heard], now: dt.datetime) -> None:
    names = {row.name for row in heard}
    if not names:
        return
    book = Book(now)
    for version in _running():
        for step in book.definition(version).steps:
            if isinstance(step, rules.Until) and step.event in names:
                who = {row.account_id for row in heard if row.name == step.event}
                wake(Enrolment.objects.filter(version=version, step=step.key, account__in=who), now)


def sweep(*, now: dt.datetime) -> int:
    """Wake every waiting run whose goal, exit rule or awaited condition holds by now, and after a change of the calendar every
    one that waits by it. Returns how many."""
    book = Book(now)
    woken = _by_calendar(book)
    for version in _running():
        of = book.definition(version)
        awaited = {
            step.key: step.condition for step in of.steps if isinstance(step, rules.Until) and step.condition
        }
        ends = [one.condition for one in of.exits if one.condition is not None] + (
            [of.goal] if of.goal else []
        )
        if awaited or ends:
            fields = book.asked([of])
            for chunk in _chunks(version):
                values = newest_values({account for _pk, account, _step in chunk}, fields, book.fields)
                keys = [
                    pk
                    for pk, account, step in chunk
                    if any(
                        holds(one, values.get(account, {}), book.today)
                        for one in [*ends, *([awaited[step]] if step in awaited else [])]
                    )
                ]
                woken += wake(Enrolment.objects.filter(pk__in=keys), now)
        woken += _by_events(version, of, now) + _by_answers(version, of, now)
        if any(one.alert_closed for one in of.exits):
            woken += _by_closed_alerts(version, now)
    return woken


def _chunks(version: PlaybookVersion) -> Iterator[list[tuple[int, int, str]]]:
    """(key, account, step) of the runs that wait, some at a time, by key."""
    after = 0
    while True:
        rows = Enrolment.objects.filter(version=version, state=Enrolment.State.WAITING, pk__gt=after)
        chunk = list(rows.order_by("pk").values_list("pk", "account_id", "step")[:_TOGETHER])
        if not chunk:
            return
        yield chunk
        after = chunk[-1][0]


def _by_events(version: PlaybookVersion, of: rules.Definition, now: dt.datetime) -> int:
    """An event that was written down while its run was just arriving at the wait did not find it waiting."""
    woken = 0
    for step in of.steps:
        if isinstance(step, rules.Until) and step.event:
            heard = Heard.objects.filter(
                account=OuterRef("account"), name=step.event, occurred_at__gte=OuterRef("step_since")
            )
            woken += wake(Enrolment.objects.filter(Exists(heard), version=version, step=step.key), now)
    return woken


def _by_answers(version: PlaybookVersion, of: rules.Definition, now: dt.datetime) -> int:
    """Runs whose task is done by now."""
    waiting = {step.key: step.of for step in of.steps if isinstance(step, rules.Answer)}
    rows = Enrolment.objects.filter(
        version=version, state=Enrolment.State.WAITING, step__in=waiting, wake_at__gt=now
    )
    woken = 0
    for batch in in_batches(list(rows.order_by("pk").values_list("pk", "step")), _TOGETHER):
        told = answers([pk for pk, _step in batch], set(waiting.values()))
        ready = [pk for pk, step in batch if told.get(pk, {}).get(waiting[step], "") is not None]
        woken += wake(Enrolment.objects.filter(pk__in=ready), now)
    return woken


def _by_closed_alerts(version: PlaybookVersion, now: dt.datetime) -> int:
    waiting = Enrolment.objects.filter(
        version=version, state=Enrolment.State.WAITING, origin_kind="alert", wake_at__gt=now
    )
    woken = 0
    pairs = waiting.order_by("pk").values_list("pk", "origin_id")
    for batch in in_batches(list(pairs), _TOGETHER):
        still = Alert.objects.filter(pk__in=[key for _pk, key in batch], state=Alert.State.OPEN)
        standing = {str(pk) for pk in still.values_list("pk", flat=True)}
        woken += wake(Enrolment.objects.filter(pk__in=[pk for pk, key in batch if key not in standing]), now)
    return woken


def _by_calendar(book: Book) -> int:
    """Waits are reckoned anew from their local rule when the zone, the working days or the working hours are others."""
    mark, is_new = Mark.objects.get_or_create(
        key=_CALENDAR, defaults={"value": {"stamp": book.calendar_stamp}}
    )
    if is_new or mark.value.get("stamp") == book.calendar_stamp:
        return 0
    woken = 0
    for version in _running():
        waiting = [
            step.key
            for step in book.definition(version).steps
            if isinstance(step, rules.Wait | rules.WorkingHours | rules.Until | rules.Answer)
        ]
        woken += wake(Enrolment.objects.filter(version=version, step__in=waiting), book.now)
    Mark.objects.filter(pk=mark.pk).update(value={"stamp": book.calendar_stamp})
    return woken


def wake(runs: QuerySet[Enrolment], now: dt.datetime) -> int:
    """Let waiting runs look again now; those that are due already keep their place in the line."""
    return runs.filter(state=Enrolment.State.WAITING, wake_at__gt=now).update(wake_at=now)
