"""The same change to many accounts: batches of at most 5,000, each one transaction and audit entry."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db.models import Field
from django.utils.translation import gettext as _

from evergreen.base import changes as rows
from evergreen.base import queries
from evergreen.base.models import AuditEntry, User
from evergreen.customers.actions import tracking
from evergreen.customers.models import Account

CHANGEABLE = ("owner", "team", "tier", "touch_model", "stage")
MOST_TAGS = 50


def change_accounts(
    ids: Iterable[int], changes: Mapping[str, Any], *, by: User | None, now: dt.datetime
) -> list[AuditEntry]:
    """Set the same fields of many accounts; ``changes`` holds rows (owner, team) or words of the choices.

    Accounts that are gone or already so are left out. The caller passes only ids that ``by`` may see. Raises
    ValidationError before anything is written.
    """
    rows.check_fields(changes, CHANGEABLE)
    for name, value in changes.items():
        field = cast("Field[Any, Any]", Account._meta.get_field(name))
        field.clean(getattr(value, "pk", value), None)
    after = {name: rows.as_json(value) for name, value in changes.items()}
    today = queries.vendor_day(now)

    def track(changed: Sequence[rows.Changed]) -> None:
        if "stage" in changes:
            Account.objects.filter(pk__in=[row.pk for row in changed]).update(stage_since=today)
        tracking.write_batch(changed, after, by=by, known_at=now)

    verb = f"account.{'_'.join(sorted(changes))}_set"
    return rows.apply_to_many(Account.objects.all(), ids, changes, verb=verb, by=by, now=now, then=track)


def tag_accounts(
    ids: Iterable[int],
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    by: User | None,
    now: dt.datetime,
) -> list[AuditEntry]:
    """Put tags on many accounts and take others off; accounts whose tags come out alike share an entry."""
    fresh = [tag.strip() for tag in add if tag.strip()]
    if any(len(tag) > 80 for tag in fresh):
        raise ValidationError(_("A tag has at most 80 characters. Nothing was changed."))
    wanted: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for batch in rows.batches(dict.fromkeys(ids)):
        for pk, tags in Account.objects.filter(pk__in=batch).values_list("pk", "tags"):
            kept = [tag for tag in tags if tag not in remove]
            wanted[tuple(dict.fromkeys([*kept, *fresh]))].append(pk)
    if any(len(tags) > MOST_TAGS for tags in wanted):
        raise ValidationError(
            _("An account takes at most %(most)s tags. Nothing was changed.") % {"most": MOST_TAGS}
        )
    entries = []
    for tags, keys in wanted.items():
        entries += rows.apply_to_many(
            Account.objects.all(), keys, {"tags": list(tags)}, verb="account.tags_set", by=by, now=now
        )
    return entries
