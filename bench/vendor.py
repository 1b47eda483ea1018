"""The vendor that benchmarks over generated events speak of: numbered accounts, one product, its features by event name."""

from __future__ import annotations

import datetime as dt

# Event ``action.N`` is a use of ``feature-N``.
FEATURES = 30
KNOWN_SINCE = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def is_core(feature: int) -> bool:
    """Whether the feature of this number counts for core adoption."""
    return feature < 8


def adds_data(feature: int) -> bool:
    """Whether uses of the feature of this number count as growth of data."""
    return 8 <= feature < 12


def add_records(accounts: int) -> None:
    """Accounts numbered from 1 on, and a product with its features, known since the beginning of 2024."""
    from evergreen.customers.models import Account, Feature, Product

    Account.objects.bulk_create(
        [
            Account(
                pk=n, external_id=f"A{n}", name=f"Account {n}", created_at=KNOWN_SINCE, known_at=KNOWN_SINCE
            )
            for n in range(1, accounts + 1)
        ],
        batch_size=2_000,
    )
    product = Product.objects.create(key="suite")
    for n in range(FEATURES):
        Feature.objects.create(
            product=product,
            key=f"feature-{n}",
            is_core=is_core(n),
            adds_data=adds_data(n),
            matchers=[{"event": f"action.{n}"}],
        )
