"""Conversations in bulk: what a file import or the demo writes years of them with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction

from evergreen.base.models import User
from evergreen.base.upserts import Loaded, Outcome, Written, in_batches, upsert
from evergreen.customers.actions.loading import entries
from evergreen.customers.models import Contact
from evergreen.work.models import Conversation

_Link = Conversation.contacts.through


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
    are the keys of all who took part, of the same account; others are left out and told in
    ``Loaded.refused``.
    """
    loaded = Loaded()
    for batch in in_batches(rows):
        with transaction.atomic():
            own = [{name: value for name, value in row.items() if name != "contact_ids"} for row in batch]
            written = upsert(
                Conversation,
                [{"known_at": now, **row} for row in own],
                at_creation={"known_at"},
                dry_run=dry_run,
            )
            _join(batch, written, loaded, dry_run=dry_run)
            loaded.extend(written)
            if not dry_run:
                entries.write("conversation.loaded", Conversation, written, by=by, now=now, origin=origin)
    return loaded


def _join(
    batch: Sequence[Mapping[str, Any]],
    written: Sequence[Written[Conversation]],
    loaded: Loaded,
    *,
    dry_run: bool,
) -> None:
    """Set who took part; a conversation whose people changed counts as updated."""
    named = {key for row in batch for key in row.get("contact_ids") or ()}
    homes = dict(Contact.objects.filter(pk__in=named).values_list("pk", "account_id"))
    stored: dict[int, set[int]] = {}
    standing = [one.object.pk for one in written if one.outcome in {Outcome.UNCHANGED, Outcome.UPDATED}]
    for conversation, contact in _Link.objects.filter(conversation__in=standing).values_list(
        "conversation_id", "contact_id"
    ):
        stored.setdefault(conversation, set()).add(contact)
    first = len(loaded.outcomes)
    joins = []
    for place, (row, one) in enumerate(zip(batch, written, strict=True)):
        if "contact_ids" not in row or one.outcome == Outcome.DUPLICATE:
            continue
        people = {key for key in row["contact_ids"] if homes.get(key) == one.object.account_id}
        strangers = set(row["contact_ids"]) - people
        loaded.refused += [(first + place, "contact", str(key)) for key in sorted(strangers)]
        before = stored.get(one.object.pk, set())
        if people != before and one.outcome == Outcome.UNCHANGED:
            one.outcome = Outcome.UPDATED
        if before - people and not dry_run:
            _Link.objects.filter(conversation=one.object, contact__in=before - people).delete()
        joins += [_Link(conversation_id=one.object.pk, contact_id=key) for key in people - before]
    if not dry_run:
        _Link.objects.bulk_create(joins, batch_size=1_000)
