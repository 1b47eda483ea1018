"""A small book of accounts with a past: yearly contracts that ended, and weekly snapshots that foretold it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from evergreen.customers.models import Account, Contract, ContractLine
from evergreen.events import store

TODAY = dt.date(2026, 10, 31)
NOW = dt.datetime(2026, 10, 31, 15, tzinfo=dt.UTC)


def book(accounts: int, *, seed: int = 1) -> dict[int, tuple[dt.date, bool]]:
    """Accounts whose contract ended once within two years: account → (end, whether it was lost)."""
    chance = np.random.default_rng(seed)
    found = {}
    for n in range(accounts):
        account = Account.objects.create(
            external_id=f"B{n}", name=f"Book {n}", industry="retail" if n % 2 else "trade",
            created_at=NOW, known_at=NOW,
        )  # fmt: skip
        end = TODAY - dt.timedelta(days=int(chance.integers(100, 600)))
        lost = bool(chance.random() < 0.35)
        sign(account, end - dt.timedelta(days=365), end)
        if not lost:
            sign(account, end, end + dt.timedelta(days=1_000), signed=end - dt.timedelta(days=12))
        found[account.pk] = (end, lost)
    return found


def sign(account: Account, start: dt.date, end: dt.date, *, signed: dt.date | None = None) -> None:
    contract = Contract.objects.create(
        account=account,
        external_id=f"C{account.pk}-{start}",
        currency="CNY",
        signed_on=signed or start,
        known_at=NOW,
    )
    ContractLine.objects.create(contract=contract, start_on=start, end_on=end, mrr_cents=10_000)


def weekly(told: Mapping[int, tuple[dt.date, bool]], *, seed: int = 1) -> None:
    """Snapshots of every Monday of two years: the use of those who are lost falls in their last 120 days."""
    chance = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    day = TODAY - dt.timedelta(days=728 + TODAY.weekday())
    while day <= TODAY:
        for account, (end, lost) in told.items():
            falling = lost and end - dt.timedelta(days=120) <= day
            rows.append(
                {
                    "day": day,
                    "account_id": account,
                    "use_frequency": float(np.clip(chance.normal(0.2 if falling else 0.5, 0.12), 0, 1)),
                    "core_depth": float(chance.uniform(0, 6) if falling else chance.uniform(3, 10)),
                    "overdue_days": float(chance.choice([0, 0, 0, 20])),
                    "ticket_load": float(chance.uniform(0, 60)),
                    "nps": None if account % 3 else float(chance.uniform(-50, 80)),
                    "last_answer_on": day - dt.timedelta(days=int(chance.integers(1, 300))),
                }
            )
        day += dt.timedelta(days=7)
    put(rows)


def put(rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(
        [{**row, "tenant": "", "computed_at": dt.datetime(2026, 10, 31), "restated": False} for row in rows]
    )
    with store.session() as con, store.transaction(con):
        con.register("rows_now", table)
        names = ", ".join(table.column_names)
        con.execute(f"INSERT INTO lake.snapshots ({names}) SELECT {names} FROM rows_now")
        con.unregister("rows_now")
