"""Accounts: create, change, give to an owner, undo."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import changes as rows
from evergreen.base import clock, queries
from evergreen.base.actions import audit
from evergreen.base.models import AuditEntry, User
from evergreen.customers.actions import tracking
from evergreen.customers.models import Account, FieldChange

EDITABLE = frozenset(
    """external_id name parent owner team industry region size tier touch_model stage edition currency
    signed_on kickoff_on live_on first_value_on tags custom""".split()  # noqa: SIM905
)


@transaction.atomic
def create_account(
    *,
    external_id: str,
    name: str,
    by: User | None,
    now: dt.datetime,
    known_at: dt.datetime | None = None,
    **fields: Any,
) -> Account:
    """A new account. ``known_at`` lies in the past for rows loaded as history. ValidationError by field."""
    rows.check_fields(fields, EDITABLE)
    _check(fields, pk=None)
    known = known_at or now
    account = Account(
        external_id=external_id.strip(), name=name.strip(), created_at=now, known_at=known, **fields
    )
    account.stage_since = queries.vendor_day(known)
    _check_merged(account.external_id)
    account.full_clean()
    account.save()
    tracking.write_changes([(account.pk, {}, tracking.first_values(account))], by=by, known_at=known)
    audit(
        "account.created", "account", [account.pk], by=by, now=now, after={"external_id": account.external_id}
    )
    return account


@transaction.atomic
def update_account(
    account: Account, changes: Mapping[str, Any], *, by: User | None, now: dt.datetime
) -> Account:
    """Set fields of an account; rows (owner, team, edition, parent) are given as objects or None.

    Writes change rows for the fields that metrics read, and the day for a new stage. Where nothing differs,
    nothing is written.
    """
    _check(changes, pk=account.pk)
    _check_merged(changes.get("external_id"))
    applied = rows.apply(account, changes, EDITABLE)
    if applied:
        if "stage" in applied.after:
            account.stage_since = queries.vendor_day(now)
            account.save(update_fields=["stage_since"])
        tracking.write_changes([(account.pk, applied.before, applied.after)], by=by, known_at=now)
        audit(
            "account.updated",
            "account",
            [account.pk],
            by=by,
            now=now,
            before=applied.before,
            after=applied.after,
        )
    return account


def assign_owner(
    ids: Iterable[int], owner: User | None, *, by: User | None, now: dt.datetime
) -> list[AuditEntry]:
    """Give accounts to an owner (None: to nobody), a transaction and an audit entry for each 5,000.

    Accounts that are gone or already the owner's are left out. The caller passes only ids that ``by`` sees.
    """
    _check({"owner": owner}, pk=None)
    after = {"owner": owner.pk if owner else None}

    def track(changed: Sequence[rows.Changed]) -> None:
        tracking.write_batch(changed, after, by=by, known_at=now)

    return rows.apply_to_many(
        Account.objects.all(),
        ids,
        {"owner": owner},
        verb="account.owner_assigned",
        by=by,
        now=now,
        then=track,
    )


def undo(entry: AuditEntry, *, by: User | None, now: dt.datetime) -> AuditEntry:
    """Give the accounts of a bulk change back what stood before; those changed since stay as they are."""

    def track(given_back: Sequence[rows.Changed]) -> None:
        old = {pk: group["values"] for group in entry.before["groups"] for pk in group["ids"]}
        tracking.write_changes([(row.pk, row.before, old[row.pk]) for row in given_back], by=by, known_at=now)
        if "stage" in entry.after:
            _stand_in_stage_since({row.pk: old[row.pk]["stage"] for row in given_back}, before=entry.at)

    return rows.undo(entry, Account, by=by, now=now, then=track)


def _stand_in_stage_since(stages: Mapping[int, str], *, before: dt.datetime) -> None:
    """Give accounts that returned to a stage the day on which they first came to it, before a moment."""
    since = dict(Account.objects.filter(pk__in=stages).values_list("pk", "known_at"))
    moves = FieldChange.objects.filter(account__in=list(stages), field="stage", known_at__lt=before)
    for pk, stage, at in moves.order_by("known_at", "pk").values_list("account_id", "new", "known_at"):
        if stage == stages[pk]:
            since[pk] = at
    zone = queries.vendor_zone()
    by_day: dict[dt.date, list[int]] = defaultdict(list)
    for pk, at in since.items():
        by_day[clock.local_day(at, zone)].append(pk)
    for day, keys in by_day.items():
        Account.objects.filter(pk__in=keys).update(stage_since=day)


def _check_merged(external_id: str | None) -> None:
    """An id of an account that was merged names the other one: nobody else may have it."""
    merged = Account.everything.filter(external_id=external_id, merged_into__isnull=False)
    found = merged.select_related("merged_into").first() if external_id else None
    if found is not None:
        raise ValidationError(
            {
                "external_id": _("%(key)s was merged into %(name)s, whose id it is now. Choose another id.")
                % {"key": external_id, "name": found.merged_into}
            }
        )


def _check(changes: Mapping[str, Any], *, pk: int | None) -> None:
    """What the model's own checks don't know."""
    owner, parent, currency = changes.get("owner"), changes.get("parent"), changes.get("currency")
    if owner is not None and not owner.is_active:
        raise ValidationError(
            _(
                "%(name)s has left and cannot own accounts. Choose an active member of staff. "
                "Nothing was changed."
            )
            % {"name": owner}
        )
    if currency and not (
        len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()
    ):
        raise ValidationError(
            {
                "currency": _("%(found)s is no currency: write its three-letter ISO code, such as CNY.")
                % {"found": currency}
            }
        )
    tags = changes.get("tags")
    if tags is not None and not (
        isinstance(tags, list) and all(isinstance(tag, str) and tag.strip() for tag in tags)
    ):
        raise ValidationError({"tags": _("Tags are a list of words.")})
    seen = set()
    while parent is not None and parent.pk not in seen:
        if pk is not None and parent.pk == pk:
            raise ValidationError(
                {
                    "parent": _(
                        "An account cannot stand below itself: "
                        "choose a parent that is not one of its children."
                    )
                }
            )
        seen.add(parent.pk)
        parent = parent.parent
