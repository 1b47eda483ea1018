"""Conversations in bulk: what a file import or the demo writes years of them with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction

from evergreen.base.actions import audit
from evergreen.base.models import User
from evergreen.base.upserts import Loaded, Outcome, Written, in_batches, upsert
from evergreen.customers.models import Contact
from evergreen.work.models import Conversation


def load_conversations(
    rows: Iterable[Mapping[str, Any]],
    *,
    by: User | None,
    now: dt.datetime,
    origin: str = "",
    dry_run: bool = False,
) -> Loaded:
    """Write conversations by ``external_id``, {attribute: value} a row, 5,000 a transaction and audit
    entry.

    A new one needs ``account_id``, ``kind`` and ``at``; ``known_at`` is by default ``now``. ``contact_ids``
    are keys of contacts of the same account; others are left out and told in ``Loaded.refused``.
    """
    loaded = Loaded()
    for batch in in_batches(rows):
        with transaction.atomic():
            written = upsert(
                Conversation,
                [{"known_at": now, **{k: v for k, v in row.items() if k != "contact_ids"}} for row in batch],
                at_creation={"known_at"},
                dry_run=dry_run,
            )
            first = len(loaded.outcomes)
            loaded.extend(written)
            _join(batch, written, loaded, first, dry_run=dry_run)
            changed = [one.object.pk for one in written if one.outcome in {Outcome.CREATED, Outcome.UPDATED}]
            if changed and not dry_run:
                audit(
                    "conversation.loaded", "conversation", changed, by=by, now=now, after={"origin": origin}
                )
    return loaded


def _join(
    batch: Sequence[Mapping[str, Any]],
    written: Sequence[Written[Conversation]],
    loaded: Loaded,
    first: int,
    *,
    dry_run: bool,
) -> None:
    """Write who took part."""
    named = {key for row in batch for key in row.get("contact_ids") or ()}
    homes = dict(Contact.objects.filter(pk__in=named).values_list("pk", "account_id"))
    links = []
    for place, (row, one) in enumerate(zip(batch, written, strict=True)):
        for key in row.get("contact_ids") or ():
            if homes.get(key) != one.object.account_id:
                loaded.refused.append((first + place, "contact", str(key)))
            elif one.outcome != Outcome.DUPLICATE:
                links.append((one.object.pk, key))
    if not dry_run:
        through = Conversation.contacts.through
        through.objects.bulk_create(
            [through(conversation_id=pk, contact_id=key) for pk, key in links],
            batch_size=1_000,
            ignore_conflicts=True,
        )
