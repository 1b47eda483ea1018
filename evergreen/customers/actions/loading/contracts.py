"""Contracts and their lines in bulk: one row a line."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction

from evergreen.base.models import User
from evergreen.base.upserts import Loaded, Outcome, Written, in_batches, upsert
from evergreen.customers.actions.loading import entries
from evergreen.customers.models import Account, Contract, ContractLine

OF_CONTRACT = frozenset({"account_id", "number", "currency", "signed_on", "auto_renews", "known_at"})


def load_contracts(
    rows: Iterable[Mapping[str, Any]],
    *,
    by: User | None,
    now: dt.datetime,
    origin: str = "",
    dry_run: bool = False,
) -> Loaded:
    """Write contract lines by ``external_id``, and by ``contract`` (its external id, default: the line's)
    the contracts.

    A row holds attributes of both. What it says of the contract is taken from the first row of each
    contract in a batch; a row that says nothing of it (no ``account_id``) adds a line to a contract that
    stands. A new contract needs ``account_id`` and ``currency``, a new line ``start_on``. Accounts without
    a currency take that of their contract. The outcomes are those of the lines; one whose contract changed
    counts as updated.
    """
    loaded = Loaded()
    for batch in in_batches(rows):
        with transaction.atomic():
            contracts = _contracts(batch, now, dry_run)
            lines = _lines(batch, contracts, dry_run)
            loaded.extend(lines)
            if not dry_run:
                _give_currency(contracts.values())
                entries.write("contract.loaded", ContractLine, lines, by=by, now=now, origin=origin)
    return loaded


def _key(row: Mapping[str, Any]) -> str:
    return str(row.get("contract") or row["external_id"])


def _contracts(
    batch: Sequence[Mapping[str, Any]], now: dt.datetime, dry_run: bool
) -> dict[str, Written[Contract]]:
    """The contracts of a batch by external id, each with what became of it."""
    first: dict[str, Mapping[str, Any]] = {}
    for row in batch:
        if _key(row) not in first or "account_id" not in first[_key(row)]:
            first[_key(row)] = row
    prepared = []
    for key, row in first.items():
        given = {name: value for name, value in row.items() if name in OF_CONTRACT}
        prepared.append({"known_at": now, **given, "external_id": key})
    written = upsert(Contract, prepared, at_creation={"known_at"}, dry_run=dry_run)
    return dict(zip(first, written, strict=True))


def _lines(
    batch: Sequence[Mapping[str, Any]], contracts: Mapping[str, Written[Contract]], dry_run: bool
) -> list[Written[ContractLine]]:
    rows = []
    for row in batch:
        own = {name: value for name, value in row.items() if name not in OF_CONTRACT and name != "contract"}
        rows.append({**own, "contract_id": contracts[_key(row)].object.pk})
    written = upsert(ContractLine, rows, dry_run=dry_run)
    told: set[str] = set()
    for row, line in zip(batch, written, strict=True):
        # A changed contract shows at its first line, once.
        changed = contracts[_key(row)].outcome == Outcome.UPDATED and _key(row) not in told
        if changed and line.outcome == Outcome.UNCHANGED:
            line.outcome = Outcome.UPDATED
        told.add(_key(row))
    return written


def _give_currency(contracts: Iterable[Written[Contract]]) -> None:
    by_currency: dict[str, set[int]] = {}
    for one in contracts:
        if one.outcome == Outcome.CREATED:
            by_currency.setdefault(one.object.currency, set()).add(one.object.account_id)
    for currency, accounts in by_currency.items():
        Account.objects.filter(pk__in=accounts, currency="").update(currency=currency)
