"""Feature penetration: users of a feature among the active, accounts that use it among those entitled to it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa
from django.db.models import Min, Q
from numpy.typing import NDArray

from evergreen.customers.models import Account, ContractLine, Edition, Feature
from evergreen.metrics.analytics import tables

if TYPE_CHECKING:
    import ibis.expr.types as ir


def penetration(used: Any, entitled: Any) -> ir.Table:
    """By ``grp``: for each ``feature`` its ``users, accounts, uses`` and ``entitled_accounts``, those of the accounts that are
    entitled to it; where ``feature`` is null, ``users, accounts`` that were active at all.

    ``used`` are rows of the roll-up with ``grp``; ``entitled`` has ``feature, account_id``. The roll-up is read once: what an
    end user did with a feature is one row, and the rest is counted from those.
    """
    rows = tables.with_subject(used, "users")
    rows = rows.mutate(subject=ibis.ifelse(rows.end_user.notnull(), rows.subject, ibis.null("uint64")))
    cells: Any = rows.group_by(["grp", "feature", "account_id", "subject"]).aggregate(
        uses=rows["count"].sum().cast("int64")
    )
    people = cells.select("grp", "account_id", "subject").distinct()
    active = people.group_by("grp").aggregate(
        users=people.subject.count(), accounts=people.account_id.nunique(), uses=ibis.literal(0, "int64"),
        entitled_accounts=ibis.literal(0, "int64"),
    )  # fmt: skip
    with_feature = cells.filter(cells.feature.notnull())
    by_account = with_feature.group_by(["grp", "feature", "account_id"]).aggregate(
        users=with_feature.subject.count(), uses=with_feature.uses.sum().cast("int64")
    )
    holders = entitled.mutate(holds=ibis.literal(1, "int64"))
    told = by_account.left_join(holders, ["feature", "account_id"])
    features = told.group_by(["grp", "feature"]).aggregate(
        users=told.users.sum().cast("int64"),
        accounts=told.count(),
        uses=told.uses.sum().cast("int64"),
        entitled_accounts=told.holds.sum().cast("int64").coalesce(0),
    )
    columns = ["grp", "feature", "users", "accounts", "uses", "entitled_accounts"]
    return features.select(columns).union(active.mutate(feature=ibis.null("string")).select(columns))


def entitled_of(account: Account, day: dt.date) -> set[str]:
    """The features that one account may use on a day."""
    return set(entitled(day, np.array([account.pk], np.int64)))


def entitled(day: dt.date, accounts: NDArray[np.int64] | None) -> dict[str, list[int]]:
    """Feature → the accounts whose editions in force on ``day`` hold it (subscription lines, else the account's own
    edition), of ``accounts``; those that left the vendor are not counted.
    """
    listed: dict[int, set[str]] = defaultdict(set)
    keys = dict(Feature.objects.values_list("pk", "key"))
    for edition, feature in Edition.features.through.objects.values_list("edition_id", "feature_id"):
        listed[edition].add(keys[feature])
    by_product: dict[int, set[str]] = defaultdict(set)
    for key, product in Feature.objects.values_list("key", "product_id"):
        by_product[product].add(key)
    held = {
        pk: by_product[product] if holds_all else listed[pk]
        for pk, product, holds_all in Edition.objects.values_list("pk", "product_id", "holds_all_features")
    }
    rows = Account.objects.exclude(stage=Account.Stage.CHURNED)
    in_force = Q(start_on__lte=day) & (Q(end_on__isnull=True) | Q(end_on__gt=day))
    if accounts is not None and len(accounts) == 1:
        # Of one account the database finds its few lines by itself.
        one = int(accounts[0])
        rows, in_force = rows.filter(pk=one), in_force & Q(contract__account=one)
    living = dict(rows.values_list("pk", "edition_id"))
    wanted = living.keys() if accounts is None else living.keys() & set(accounts.tolist())
    lines = ContractLine.objects.filter(in_force, kind=ContractLine.Kind.SUBSCRIPTION, edition__isnull=False)
    editions: dict[int, set[int]] = defaultdict(set)
    for account, edition in lines.values_list("contract__account_id", "edition_id"):
        editions[account].add(edition)
    found: dict[str, list[int]] = defaultdict(list)
    for account in sorted(wanted):
        own = {living[account]} if living[account] else set()
        for key in set().union(*(held[one] for one in editions.get(account) or own if one)):
            found[key].append(account)
    return dict(found)


def as_table(entitled: Mapping[str, list[int]]) -> pa.Table:
    pairs = [(key, account) for key, accounts in entitled.items() for account in accounts]
    return pa.table(
        {
            "feature": pa.array([key for key, _ in pairs], pa.string()),
            "account_id": pa.array([account for _, account in pairs], pa.int64()),
        }
    )


def contract_starts() -> pa.Table:
    """(account_id, day): the start of each account's first subscription that is no trial."""
    lines = ContractLine.objects.filter(kind=ContractLine.Kind.SUBSCRIPTION, is_trial=False)
    rows = list(lines.order_by().values_list("contract__account_id").annotate(first=Min("start_on")))
    return pa.table(
        {
            "account_id": pa.array([pk for pk, _ in rows], pa.int64()),
            "day": pa.array([day for _, day in rows], pa.date32()),
        }
    )
