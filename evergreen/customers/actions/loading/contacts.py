"""Contacts in bulk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models.functions import Lower

from evergreen.base.models import User
from evergreen.base.upserts import Loaded, Outcome, Written, fetch, in_batches, upsert
from evergreen.customers.actions.loading import entries
from evergreen.customers.models import Contact, ContactId


def load_contacts(
    rows: Iterable[Mapping[str, Any]],
    *,
    by: User | None,
    now: dt.datetime,
    origin: str = "",
    dry_run: bool = False,
) -> Loaded:
    """Write contacts by ``external_id``; a new one needs ``account_id`` and ``name``.

    A contact that somebody entered by hand (it has no external id) is taken over when account and e-mail
    are equal. ``external_ids`` are {system: value}; one that another contact holds already is left there and told
    in ``Loaded.refused``.
    """
    loaded = Loaded()
    for batch in in_batches(rows):
        with transaction.atomic():
            written = upsert(
                Contact,
                [{"known_at": now, **_own(row)} for row in batch],
                at_creation={"known_at"},
                existing=_stored(batch),
                dry_run=dry_run,
            )
            _keep_ids(written, batch, loaded, dry_run=dry_run)
            loaded.extend(written)
            if not dry_run:
                entries.write("contact.loaded", Contact, written, by=by, now=now, origin=origin)
    return loaded


def _own(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "external_ids"}


def _keep_ids(
    written: Sequence[Written[Contact]],
    batch: Sequence[Mapping[str, Any]],
    loaded: Loaded,
    *,
    dry_run: bool,
) -> None:
    """Write further ids; a contact that got a new one counts as updated."""
    first = len(loaded.outcomes)
    given = [
        (place, (system, value))
        for place, row in enumerate(batch)
        if written[place].outcome != Outcome.DUPLICATE
        for system, value in (row.get("external_ids") or {}).items()
    ]
    held = ContactId.objects.filter(value__in=[value for _, (_, value) in given])
    # Rows that a dry run would create have no key yet: they are told apart as objects.
    stored: dict[tuple[str, str], object] = {(row.system, row.value): row.contact_id for row in held}
    known = set(stored)
    creations = []
    for place, pair in given:
        contact = written[place].object
        owner: object = contact.merged_into_id or contact.pk or contact
        if stored.setdefault(pair, owner) != owner:
            loaded.refused.append((first + place, "external_id", f"{pair[0]}:{pair[1]}"))
        elif pair not in known:
            known.add(pair)
            if isinstance(owner, int):
                creations.append(ContactId(contact_id=owner, system=pair[0], value=pair[1]))
            if written[place].outcome == Outcome.UNCHANGED:
                written[place].outcome = Outcome.UPDATED
    if not dry_run:
        ContactId.objects.bulk_create(creations, batch_size=1_000)


def _stored(batch: Sequence[Mapping[str, Any]]) -> dict[str, Contact]:
    keys = [row["external_id"] for row in batch]
    found: dict[str, Contact] = fetch(Contact, "external_id", keys)
    # One that was merged goes on being written, out of sight, so that files that still bring it do not make it anew.
    merged = Contact.everything.filter(external_id__in=keys, merged_into__isnull=False).order_by()
    found |= {str(row.external_id): row for row in merged.select_for_update(of=("self",))}
    wanted: dict[tuple[int, str], str] = {}
    for row in batch:
        if row.get("email") and row["external_id"] not in found:
            wanted.setdefault((row["account_id"], row["email"].lower()), row["external_id"])
    if wanted:
        by_hand = (
            Contact.objects.filter(external_id__isnull=True, account__in={account for account, _ in wanted})
            .annotate(address=Lower("email"))
            .filter(address__in={address for _, address in wanted})
            .order_by("pk")
        )
        for contact in by_hand:
            key = wanted.pop((contact.account_id, contact.address), None)
            if key is not None:
                found[key] = contact
    return found
