"""Bulk upserts by external id: what file imports and the demo write accounts and their records with.

Each takes rows as {attribute: value}, splits them into batches of at most 5,000, and writes a batch in one
transaction with one audit entry. A row leaves alone what it does not name. ``dry_run`` answers the same and
writes nothing.
"""

from evergreen.customers.actions.loading.accounts import load_accounts
from evergreen.customers.actions.loading.catalogue import (
    catalogue_key,
    hold_all_features,
    load_editions,
    load_features,
    load_product,
)
from evergreen.customers.actions.loading.contacts import load_contacts
from evergreen.customers.actions.loading.contracts import load_contracts
from evergreen.customers.actions.loading.links import (
    Linked,
    Options,
    link_parents,
    link_renewals,
    link_superiors,
)
from evergreen.customers.actions.loading.receivables import load_receivables

__all__ = [
    "Linked",
    "Options",
    "catalogue_key",
    "hold_all_features",
    "link_parents",
    "link_renewals",
    "link_superiors",
    "load_accounts",
    "load_contacts",
    "load_contracts",
    "load_editions",
    "load_features",
    "load_product",
    "load_receivables",
]
