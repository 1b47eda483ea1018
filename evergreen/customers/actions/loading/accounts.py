"""Accounts in bulk, with their tenants and further external ids."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from evergreen.base import clock, queries
from evergreen.base.models import User
from evergreen.base.upserts import Loaded, Outcome, Written, fetch, in_batches, upsert
from evergreen.customers import rules
from evergreen.customers.actions import tracking
from evergreen.customers.actions.loading import entries
from evergreen.customers.models import Account, ExternalId, Tenant

_OWN = ("tenants", "external_ids")


def load_accounts(
    rows: Iterable[Mapping[str, Any]],
    *,
    by: User | None,
    now: dt.datetime,
    origin: str = "",
    dry_run: bool = False,
) -> Loaded:
    """Write accounts by ``external_id``; a new one needs ``name`` and should give ``known_at`` (default:
    now).

    Rows hold attributes of Account (``owner_id``, ``edition_id`` … as keys), ``tenants`` as [{external_id,
    name?, product_id?}] and ``external_ids`` as {system: value}. ``custom`` sets the names given and keeps
    the others. Changes of the fields that metrics read leave change rows. A tenant or external id that
    another account holds already is left there and told in ``Loaded.refused``.
    """
    loaded = Loaded()
    zone = queries.vendor_zone()
    for batch in in_batches(rows):
        with transaction.atomic():
            _load(batch, loaded, zone=zone, by=by, now=now, origin=origin, dry_run=dry_run)
    return loaded


def _load(
    batch: Sequence[Mapping[str, Any]],
    loaded: Loaded,
    *,
    zone: ZoneInfo,
    by: User | None,
    now: dt.datetime,
    origin: str,
    dry_run: bool,
) -> None:
    today = clock.local_day(now, zone)

    def settle(account: Account, after: dict[str, Any]) -> None:
        if "stage" in after and "stage_since" not in after:
            account.stage_since = after["stage_since"] = today
        if "name" in after:
            account.name_key = after["name_key"] = rules.name_key(account.name)

    written = upsert(
        Account,
        [_prepared(row, zone, now) for row in batch],
        existing=_stored(batch),
        at_creation={"created_at", "known_at", "stage_since"},
        merged={"custom"},
        settle=settle,
        dry_run=dry_run,
    )
    first = len(loaded.outcomes)
    _keep_names(written, batch, loaded, first, dry_run=dry_run)
    loaded.extend(written)
    if dry_run:
        return
    updated = [one for one in written if one.outcome == Outcome.UPDATED]
    tracking.write_changes(
        [(one.object.pk, _by_field(one.before), _by_field(one.after)) for one in updated],
        by=by,
        known_at=now,
    )
    entries.write("account.loaded", Account, written, by=by, now=now, origin=origin)


def _stored(batch: Sequence[Mapping[str, Any]]) -> dict[Any, Account]:
    """Accounts with the ids of the batch. One that was merged goes on being written, out of sight, so that files that
    still bring it do not make it anew."""
    keys = [row["external_id"] for row in batch]
    merged = Account.everything.filter(external_id__in=keys, merged_into__isnull=False).order_by()
    hidden = {row.external_id: row for row in merged.select_for_update(of=("self",))}
    return {**fetch(Account, "external_id", keys), **hidden}


def _prepared(row: Mapping[str, Any], zone: ZoneInfo, now: dt.datetime) -> dict[str, Any]:
    own = {name: value for name, value in row.items() if name not in _OWN}
    own.setdefault("known_at", now)
    own["created_at"] = now
    own.setdefault("stage_since", clock.local_day(own["known_at"], zone))
    return own


def _by_field(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values under the names that change rows use: ``owner`` for ``owner_id``."""
    return {name.removesuffix("_id"): value for name, value in values.items()}


def _keep_names(
    written: Sequence[Written[Account]],
    batch: Sequence[Mapping[str, Any]],
    loaded: Loaded,
    first: int,
    *,
    dry_run: bool,
) -> None:
    """Write tenants and further external ids; an account that got a new one counts as updated."""
    tenants = [(place, tenant) for place, row in enumerate(batch) for tenant in row.get("tenants") or ()]
    names = [
        (place, (system, value))
        for place, row in enumerate(batch)
        for system, value in (row.get("external_ids") or {}).items()
    ]
    changed = _keep_tenants(written, tenants, loaded, first, dry_run) if tenants else set()
    changed |= _keep_external_ids(written, names, loaded, first, dry_run) if names else set()
    for place in changed:
        if written[place].outcome == Outcome.UNCHANGED:
            written[place].outcome = Outcome.UPDATED


def _keep_tenants(
    written: Sequence[Written[Account]],
    given: Sequence[tuple[int, Mapping[str, Any]]],
    loaded: Loaded,
    first: int,
    dry_run: bool,
) -> set[int]:
    stored = {
        row.external_id: row
        for row in Tenant.objects.filter(external_id__in=[tenant["external_id"] for _, tenant in given])
    }
    places, rows = [], []
    for place, tenant in given:
        if written[place].outcome == Outcome.DUPLICATE:
            continue
        account = written[place].object
        held = stored.get(tenant["external_id"])
        owner = account.merged_into_id or account.pk
        if held is not None and held.account_id != owner:
            loaded.refused.append((first + place, "tenant", tenant["external_id"]))
            continue
        places.append(place)
        rows.append({**tenant, "account_id": owner})
    outcomes = upsert(Tenant, rows, existing=stored, dry_run=dry_run)
    return {
        place
        for place, one in zip(places, outcomes, strict=True)
        if one.outcome in {Outcome.CREATED, Outcome.UPDATED}
    }


def _keep_external_ids(
    written: Sequence[Written[Account]],
    given: Sequence[tuple[int, tuple[str, str]]],
    loaded: Loaded,
    first: int,
    dry_run: bool,
) -> set[int]:
    query = ExternalId.objects.filter(value__in=[value for _, (_, value) in given])
    stored = {(row.system, row.value): row.account_id for row in query}
    places: set[int] = set()
    creations = []
    for place, pair in given:
        account = written[place].object
        if written[place].outcome == Outcome.DUPLICATE:
            continue
        owner = account.merged_into_id or account.pk
        if pair not in stored:
            stored[pair] = owner
            creations.append(ExternalId(account_id=owner, system=pair[0], value=pair[1]))
            places.add(place)
        elif stored[pair] != owner:
            loaded.refused.append((first + place, "external_id", f"{pair[0]}:{pair[1]}"))
    if not dry_run:
        ExternalId.objects.bulk_create(creations, batch_size=1_000)
    return places
