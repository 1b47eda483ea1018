"""Let accounts in: each trigger once an account and occasion, in sets, by the entry condition and the re-entry rule."""

from __future__ import annotations

import datetime as dt
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Min

from evergreen.alerts.models import Alert
from evergreen.base import clock
from evergreen.base.actions import audit
from evergreen.base.conditions import fields_of, holds
from evergreen.base.models import User
from evergreen.base.queries import vendor_zone
from evergreen.base.upserts import in_batches
from evergreen.customers.models import Account
from evergreen.metrics.models import Newest, SegmentMove
from evergreen.metrics.segments.newest import newest_values
from evergreen.playbooks import rules
from evergreen.playbooks.actions.telling import told_of
from evergreen.playbooks.book import Book, published
from evergreen.playbooks.models import (
    Enrolment,
    Heard,
    Mark,
    Pilot,
    Playbook,
    PlaybookVersion,
    Refusal,
    Untold,
)
from evergreen.playbooks.staged import PILOT, Door, door

_BATCH = 1_000
_MOST_HEARD = 20_000
_HAND = "hand"
# Whom somebody puts in, and whom a pilot does: neither held out nor compared by a holdout.
_CHOSEN = frozenset({_HAND, PILOT})


@dataclass(frozen=True, slots=True)
class Occasion:
    """What may let an account in: the trigger's name for it, and where the run comes from."""

    account: int
    key: str
    origin: tuple[str, str] = ("", "")


def enrol(*, now: dt.datetime) -> int:
    """Let in whomever the triggers of every playbook that is on ask for; those that had their occasion are left out. Returns
    entries."""
    book, entered = Book(now), 0
    for playbook, version in published():
        of = book.definition(version)
        since = _first_published(playbook, now)
        for trigger in of.triggers:
            match trigger.kind:
                case "event" | "form":
                    entered += _hear(playbook, version, trigger, book)
                case "schedule":
                    entered += _scheduled(playbook, version, trigger, since, book)
                case _:
                    entered += _let_in(playbook, version, _occasions(trigger, since, book), book)
    return entered


def _first_published(playbook: Playbook, now: dt.datetime) -> dt.date:
    """What happened before a playbook was there starts nothing (but for alerts, which are about now)."""
    first = playbook.versions.aggregate(first=Min("published_at"))["first"] or now
    return clock.local_day(first, vendor_zone())


def _occasions(trigger: rules.Trigger, published_on: dt.date, book: Book) -> list[Occasion]:
    since = max(published_on, book.today - dt.timedelta(days=rules.MAKE_GOOD_DAYS))
    match trigger.kind:
        case "alert":
            alerts = Alert.objects.filter(state=Alert.State.OPEN, in_digest=False)
            if trigger.names:
                alerts = alerts.filter(rule__key__in=trigger.names)
            rows = alerts.order_by("pk").values_list("pk", "account_id")
            return [Occasion(account, f"alert:{pk}", ("alert", str(pk))) for pk, account in rows]
        case "stage":
            accounts = Account.objects.filter(stage__in=trigger.names, stage_since__range=(since, book.today))
            found = accounts.order_by("pk").values_list("pk", "stage", "stage_since")
            return [Occasion(pk, f"stage:{stage}:{day}") for pk, stage, day in found]
        case "segment":
            moves = SegmentMove.objects.filter(
                segment__key=trigger.names[0],
                has_entered=True,
                cause=SegmentMove.Cause.DATA,
                day__range=(since, book.today),
            )
            came = moves.filter(account__segments__segment=trigger.names[0]).order_by("day", "account_id")
            return [
                Occasion(account, f"segment:{trigger.names[0]}:{day}")
                for account, day in came.values_list("account_id", "day")
            ]
        case "lifecycle":
            return _lifecycle(trigger, since, book.today)
    return []


def _lifecycle(trigger: rules.Trigger, since: dt.date, today: dt.date) -> list[Occasion]:
    """Accounts whose day it was lately, each by the date it counted from: a date that moves is another occasion."""
    days = dt.timedelta(days=trigger.day)
    span = (since - days, today - days)
    living = Account.objects.exclude(stage=Account.Stage.CHURNED)
    pairs: Iterable[tuple[int, Any]]
    if trigger.counts_from == "renewal_on":
        rows = Newest.objects.filter(renewal_on__range=span, account__in=living.order_by())
        pairs = rows.order_by("pk").values_list("pk", "renewal_on")
    else:
        found = living.filter(**{f"{trigger.counts_from}__range": span})
        pairs = found.order_by("pk").values_list("pk", trigger.counts_from)
    return [Occasion(pk, f"lifecycle:{trigger.counts_from}:{trigger.day}:{day}") for pk, day in pairs]


def _scheduled(
    playbook: Playbook, version: PlaybookVersion, trigger: rules.Trigger, since: dt.date, book: Book
) -> int:
    """Every living account on the newest day of the schedule, once; a missed one is made good for some days."""
    mark, _made = Mark.objects.get_or_create(key=f"schedule:{playbook.pk}:{trigger.every}:{trigger.on}")
    earliest = book.today - dt.timedelta(days=rules.MAKE_GOOD_DAYS)
    after = max(earliest, since - dt.timedelta(days=1))
    if told := mark.value.get("day"):
        after = max(after, dt.date.fromisoformat(told))
    day = rules.scheduled(trigger, after, book.today)
    if day is None:
        return 0
    keys = Account.objects.exclude(stage=Account.Stage.CHURNED).order_by("pk").values_list("pk", flat=True)
    occasion = f"schedule:{trigger.every}:{day}"
    entered = _let_in(playbook, version, [Occasion(pk, occasion) for pk in keys], book)
    Mark.objects.filter(pk=mark.pk).update(value={"day": day.isoformat()})
    return entered


@transaction.atomic
def _hear(playbook: Playbook, version: PlaybookVersion, trigger: rules.Trigger, book: Book) -> int:
    """Whoever did what the trigger names since it was looked last. One listener at a time: the mark's row is held."""
    name = trigger.names[0]
    key = f"heard:{playbook.pk}:{name}"[:80]
    newest = Heard.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    # What was heard before the trigger was there starts nothing.
    Mark.objects.get_or_create(key=key, defaults={"value": {"after": newest}})
    mark = Mark.objects.select_for_update().get(key=key)
    rows = Heard.objects.filter(name=name, pk__gt=mark.value["after"]).order_by("pk")
    heard = list(rows.values_list("pk", "account_id", "key")[:_MOST_HEARD])
    if not heard:
        return 0
    found = [Occasion(account, f"event:{key}", ("event", key)) for _pk, account, key in heard]
    entered = _let_in(playbook, version, found, book, keeps_refusals=False)
    mark.value = {"after": heard[-1][0]}
    mark.save(update_fields=["value"])
    return entered


def _let_in(
    playbook: Playbook,
    version: PlaybookVersion,
    occasions: Iterable[Occasion],
    book: Book,
    *,
    by: User | None = None,
    keeps_refusals: bool = True,
) -> int:
    """Let accounts in by their occasions, in batches of a transaction and an audit entry each; who is not let in is written
    down with why, unless the occasion never comes again. Returns entries.
    """
    of, entered = book.definition(version), 0
    at = door(playbook, of)
    for batch in in_batches(occasions, _BATCH):
        entered += _enter(playbook, version, at, batch, book, by, keeps_refusals=keeps_refusals)
    return entered


@transaction.atomic
def _enter(
    playbook: Playbook,
    version: PlaybookVersion,
    at: Door,
    batch: Sequence[Occasion],
    book: Book,
    by: User | None,
    *,
    keeps_refusals: bool,
) -> int:
    of = at.of
    accounts = {one.account for one in batch}
    runs = Enrolment.objects.filter(playbook=playbook, account__in=accounts)
    past: dict[int, list[rules.Past]] = defaultdict(list)
    had: set[tuple[int, str]] = set()
    for account, occasion, began, ended in runs.values_list(
        "account_id", "occasion", "entered_at", "ended_at"
    ):
        past[account].append(rules.Past(began, ended))
        had.add((account, occasion))
    refusals = Refusal.objects.filter(playbook=playbook, account__in=accounts)
    had |= set(refusals.values_list("account_id", "occasion"))
    fresh = [one for one in dict.fromkeys(batch) if (one.account, one.key) not in had]
    if not fresh:
        return 0
    outside = _outside(of, {one.account for one in fresh}, book)
    token, chosen, refused = secrets.token_hex(12), [], []
    # Whom somebody puts in is neither held out nor compared.
    comparable = _comparable(of, {one.account for one in fresh if one.origin[0] not in _CHOSEN}, book)
    for one in fresh:
        reason = "condition" if one.account in outside else rules.refused(of, past[one.account], book.now)
        if not reason and at.keeps_out(one.account, is_by_hand=one.origin[0] == _HAND):
            reason = Refusal.Reason.PILOT.value
        if (
            not reason
            and one.account in comparable
            and rules.is_held_out(playbook.key, str(one.account), of.holdout)
        ):
            reason = Refusal.Reason.HOLDOUT.value
        if reason:
            refused.append(
                Refusal(
                    playbook=playbook, account_id=one.account, occasion=one.key, reason=reason, at=book.now
                )
            )
            continue
        past[one.account].append(rules.Past(book.now, None))
        run = _run(playbook, version, of, one, book.now, token)
        run.is_compared = one.account in comparable
        chosen.append(run)
    # Another scheduler may have let some in meanwhile: the database keeps one of each, and the token says whose.
    Enrolment.objects.bulk_create(chosen, batch_size=500, ignore_conflicts=True)
    made = list(Enrolment.objects.filter(playbook=playbook, claimed_by=token).order_by("pk"))
    # Who is held out is written down always: they are half of what the playbook is compared by.
    kept = [one for one in refused if keeps_refusals or one.reason == Refusal.Reason.HOLDOUT]
    Refusal.objects.bulk_create(kept, batch_size=500, ignore_conflicts=True)
    if made:
        for run in made:
            run.playbook = playbook
        Untold.objects.bulk_create(
            [told_of(run, "playbook.entered", book.now) for run in made], batch_size=500
        )
        after = {"playbook": playbook.key, "version": version.number}
        audit("playbook.entered", "enrolment", [run.pk for run in made], by=by, now=book.now, after=after)
    return len(made)


def _run(
    playbook: Playbook,
    version: PlaybookVersion,
    of: rules.Definition,
    one: Occasion,
    now: dt.datetime,
    token: str,
) -> Enrolment:
    return Enrolment(
        playbook=playbook,
        version=version,
        account_id=one.account,
        occasion=one.key,
        lane=one.key if of.per == "occasion" else "",
        origin_kind=one.origin[0],
        origin_id=one.origin[1],
        step=of.steps[0].key,
        step_since=now,
        wake_at=now,
        entered_at=now,
        claimed_by=token,
    )


def _outside(of: rules.Definition, accounts: set[int], book: Book) -> set[int]:
    """Accounts for which the entry condition does not hold."""
    if of.entry is None:
        return set()
    values = newest_values(accounts, fields_of(of.entry), book.fields)
    return {pk for pk in accounts if pk not in values or not holds(of.entry, values[pk], book.today)}


def _comparable(of: rules.Definition, accounts: set[int], book: Book) -> set[int]:
    """Accounts that may be held out of a playbook that has a holdout."""
    if not of.holdout:
        return set()
    values = newest_values(accounts, rules.NEVER_COMPARED, book.fields)
    return {pk for pk in accounts if pk in values and rules.may_be_held_out(values[pk])}


def enter_pilot(pilot: Pilot, *, by: User | None, now: dt.datetime) -> int:
    """Let those in whom a pilot's lot chose. Returns entries."""
    playbook = pilot.playbook
    version = playbook.versions.get(state=PlaybookVersion.State.PUBLISHED)
    chosen = (
        pilot.accounts.filter(is_held_out=False).order_by("account_id").values_list("account_id", flat=True)
    )
    occasion, origin = f"{PILOT}:{pilot.pk}", (PILOT, str(pilot.pk))
    return _let_in(playbook, version, [Occasion(pk, occasion, origin) for pk in chosen], Book(now), by=by)


def enter_by_hand(
    playbook: Playbook, accounts: Iterable[int], *, by: User | None, now: dt.datetime
) -> tuple[int, dict[str, int]]:
    """Let chosen accounts in, whatever its triggers say; the entry condition and re-entry rule hold. The caller passes only
    accounts that ``by`` may see. Returns (entered, refused by reason). Raises PlaybookError where nothing is published.
    """
    version = playbook.versions.filter(state=PlaybookVersion.State.PUBLISHED).first()
    if version is None:
        raise rules.PlaybookError.at(playbook.key, "-", "published")
    occasion = f"hand:{now.isoformat()}:{by.pk if by else ''}"
    listed = [Occasion(pk, occasion, (_HAND, str(by.pk if by else ""))) for pk in dict.fromkeys(accounts)]
    entered = _let_in(playbook, version, listed, Book(now), by=by)
    told: dict[str, int] = defaultdict(int)
    for reason in Refusal.objects.filter(playbook=playbook, occasion=occasion).values_list(
        "reason", flat=True
    ):
        told[reason] += 1
    return entered, dict(told)
