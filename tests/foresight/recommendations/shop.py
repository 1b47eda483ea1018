"""A vendor whose people keep to their role: bookkeepers use ledger and close, sellers orders and quotes."""

from __future__ import annotations

import datetime as dt
import uuid
from types import SimpleNamespace

import numpy as np

from evergreen.customers.models import Account, Edition, Feature, Product
from evergreen.events import store
from evergreen.events.models import EndUser, Source

TODAY = dt.date(2026, 11, 20)
NOW = dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)
ROLES = {"bookkeeper": ("ledger", "close"), "seller": ("orders", "quotes")}
DAYS = 120


def shop(accounts: int = 40) -> SimpleNamespace:
    """Accounts with two bookkeepers and two sellers each; the second feature of a role is begun at some day of the last months."""
    dice = np.random.default_rng(3)
    product = Product.objects.create(key="p", name={"en": "P"})
    features = {
        key: Feature.objects.create(
            product=product, key=key, name={"en": key.title(), "zh": key}, matchers=[{"event": key}]
        )
        for pair in ROLES.values()
        for key in pair
    }
    whole = Edition.objects.create(product=product, key="whole", holds_all_features=True)
    small = Edition.objects.create(product=product, key="small")
    small.features.add(features["ledger"])
    source = Source.objects.create(name="s", created_at=NOW)
    made, rows = [], []
    for place in range(accounts):
        account = Account.objects.create(
            external_id=f"S-{place}", name=f"客户{place}", edition=whole, industry=("零售", "制造")[place % 2], tier="growth",
            created_at=NOW, known_at=NOW - dt.timedelta(days=400),
        )  # fmt: skip
        made.append(account)
        for role, (first, second) in ROLES.items():
            for n in range(2):
                user = f"{role}-{place}-{n}"
                if n == 0:
                    EndUser.objects.create(
                        source=source, key=user, account=account, traits={"role": role}, known_at=NOW
                    )
                begins = int(dice.integers(0, DAYS))
                for back in range(DAYS, 0, -5):
                    on = TODAY - dt.timedelta(days=back)
                    rows.append((account.pk, user, on, first))
                    if DAYS - back >= begins:
                        rows.append((account.pk, user, on, second))
    _use(rows)
    return SimpleNamespace(accounts=made, whole=whole, small=small, source=source)


def event(
    account: Account,
    user: str,
    feature: str,
    on: dt.date,
    *,
    at: dt.datetime | None = None,
    rolled: bool = True,
) -> None:
    """A use of a feature: in the roll-up, or (not ``rolled``) as a single event that no night has seen."""
    if rolled:
        _use([(account.pk, user, on, feature)])
        return
    moment = (at or NOW).replace(tzinfo=None)
    with store.session() as con, store.transaction(con):
        con.execute(
            "INSERT INTO lake.events (source, kind, name, account_id, tenant, end_user, occurred_at, received_at, known_at, day, known_on,"
            " count, message_id, backfilled) VALUES ('s', 'track', ?, ?, '', ?, ?, ?, ?, ?, ?, 1, ?, false)",
            [feature, account.pk, user, moment, moment, moment, on, on, uuid.uuid4().hex],
        )
        con.execute("INSERT INTO lake.arrivals VALUES (?, ?, 1)", [on, uuid.uuid4().hex])


def _use(rows: list[tuple[int, str, dt.date, str]]) -> None:
    import pyarrow as pa

    account, user, on, feature = zip(*rows, strict=True)
    with store.session() as con, store.transaction(con):
        con.register("used", pa.table({
            "account": pa.array(account, pa.int64()), "person": pa.array(user), "on": pa.array(on, pa.date32()), "feature": pa.array(feature),
        }))  # fmt: skip
        con.execute(
            "INSERT INTO lake.usage SELECT account, '', 's', person, \"on\", \"on\", 'track', feature, feature, 1, 0 FROM used"
        )
        con.unregister("used")
