"""What people do to what waits: give it to an account, make an account of it, ignore it, look at it again, undo."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base.actions import BATCH, audit
from evergreen.base.models import AuditEntry, User
from evergreen.customers.actions import add_external_id, create_account
from evergreen.customers.models import Account, ExternalId
from evergreen.events import identity, matching
from evergreen.events.identity.keeping import source_row
from evergreen.events.identity.people import People
from evergreen.events.models import EndUser, Ignored, Membership
from evergreen.events.unmatched.queries import Kind, Ref, Waiting

KIND = "waiting"
ASSIGNED, IGNORED, NOTICED = "waiting.assigned", "waiting.ignored", "waiting.noticed"


@transaction.atomic
def assign(refs: Sequence[Ref], account: Account, *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Give what waits to an account: account keys become ids of it, end users members of it from the beginning on.

    Their events follow as soon as waiting events are matched (within a minute). Raises ValidationError when a
    key is another account's by now.
    """
    _check(refs)
    ids = [
        add_external_id(account, ref.source, ref.value, by=by, now=now).pk
        for ref in refs
        if ref.kind == Kind.ACCOUNT_KEY
    ]
    people = [ref for ref in refs if ref.kind == Kind.END_USER]
    memberships = _join(people, account, now)
    return audit(
        ASSIGNED,
        KIND,
        [ref.token for ref in refs],
        by=by,
        now=now,
        after={"account": account.pk, "external_ids": ids, "memberships": memberships},
    )


@transaction.atomic
def make_accounts(rows: Sequence[Waiting], *, by: User | None, now: dt.datetime) -> list[Account]:
    """An account for each account key, named as calls named the company, else by the key."""
    _check([row.ref for row in rows])
    people = [row.ref.value for row in rows if row.ref.kind != Kind.ACCOUNT_KEY]
    if people:
        raise ValidationError(
            _(
                "An account can be made of an account key; %(found)s is an end user. Give end users to an account "
                "that there is. Nothing was changed."
            )
            % {"found": people[0]}
        )
    return [
        create_account(
            external_id=row.ref.value,
            name=row.company or row.ref.value,
            by=by,
            now=now,
            known_at=min(row.first_at, now),
        )
        for row in rows
    ]


@transaction.atomic
def ignore(refs: Sequence[Ref], *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Put what waits aside; it can be looked at, and brought back, among the ignored."""
    _check(refs)
    rows = [Ignored(source=ref.source, kind=ref.kind, value=ref.value, at=now) for ref in refs]
    Ignored.objects.bulk_create(rows, ignore_conflicts=True)
    return audit(IGNORED, KIND, [ref.token for ref in refs], by=by, now=now)


@transaction.atomic
def notice(refs: Sequence[Ref], *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Bring what was ignored back into the queue."""
    _check(refs)
    for ref in refs:
        Ignored.objects.filter(source=ref.source, kind=ref.kind, value=ref.value).delete()
    return audit(NOTICED, KIND, [ref.token for ref in refs], by=by, now=now)


@transaction.atomic
def undo(entry: AuditEntry, *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Take back what was assigned, ignored or noticed. Events that had followed wait again.

    Raises ValidationError when it was undone already.
    """
    from evergreen.events.unmatched.queries import ref_of

    if AuditEntry.objects.filter(pk=entry.pk, undone_at=None).update(undone_at=now) != 1:
        raise ValidationError(_("This change was undone already. Load the page again to see how it stands."))
    refs = [ref_of(token) for token in entry.object_ids]
    if entry.verb == ASSIGNED:
        _take_back(refs, entry, now)
    elif entry.verb == IGNORED:
        notice(refs, by=by, now=now)
    elif entry.verb == NOTICED:
        ignore(refs, by=by, now=now)
    return audit(f"{entry.verb}.undone", KIND, entry.object_ids, by=by, now=now, after={"entry": entry.pk})


def _take_back(refs: Sequence[Ref], entry: AuditEntry, now: dt.datetime) -> None:
    given = ExternalId.objects.filter(pk__in=entry.after["external_ids"], account=entry.after["account"])
    matching.unsettle_keys(given.values_list("value", flat=True), now=now)
    given.delete()
    rows = Membership.objects.filter(pk__in=entry.after["memberships"])
    for source, names in _by_source([ref for ref in refs if ref.kind == Kind.END_USER]).items():
        row = source_row(source)
        before = _timelines(source, names)
        rows.filter(source=row).delete()
        identity.refresh(row, set(before), before)


def _join(refs: Sequence[Ref], account: Account, now: dt.datetime) -> list[int]:
    """Memberships of end users in the account, from the beginning on; whatever else is told of them later stands."""
    made: list[int] = []
    for source, names in _by_source(refs).items():
        row = source_row(source)
        for name in names:
            EndUser.objects.get_or_create(source=row, key=name, defaults={"known_at": now})
        before = _timelines(source, names)
        keys = dict(EndUser.objects.filter(source=row, key__in=names).values_list("key", "pk"))
        for name in names:
            membership = Membership.objects.create(
                source=row,
                end_user_id=keys[name],
                account_key=account.external_id,
                told_us=0,
                message_id=f"assigned-{uuid.uuid4().hex}",
            )
            made.append(membership.pk)
        identity.refresh(row, set(before), before)
    return made


def _timelines(source: str, names: Sequence[str]) -> dict[str, identity.Timeline]:
    """What holds of the end users' whole trees, by root."""
    people = People(source)
    people.learn(names)
    return people.timelines({people.root(name) for name in names})


def _by_source(refs: Sequence[Ref]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for ref in refs:
        found[ref.source].append(ref.value)
    return found


def _check(refs: Sequence[Ref]) -> None:
    if not refs:
        raise ValidationError(_("Nothing is chosen. Tick the rows first. Nothing was changed."))
    if len(refs) > BATCH:
        raise ValidationError(
            _("%(found)s rows are chosen, at most %(most)s go at once. Nothing was changed.")
            % {"found": len(refs), "most": BATCH}
        )
