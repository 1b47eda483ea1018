"""Nights for tests of experiments: snapshots and scores written as if they had been taken."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.health.models import Scorecard
from tests.conftest import NOW, TODAY


def book(owner: Any, n: int = 200, **fields: Any) -> list[Account]:
    """Accounts that went live today."""
    return Account.objects.bulk_create(
        Account(
            external_id=f"H{k}",
            name=f"Held {k}",
            owner=owner,
            created_at=NOW,
            known_at=NOW,
            live_on=TODAY,
            **fields,
        )
        for k in range(n)
    )


def write(rows: Iterable[Sequence[Any]]) -> None:
    """Nights of (day, account, active users, score by the standard card)."""
    told, card = list(rows), Scorecard.objects.get(key="standard").key
    with store.session() as con:
        con.register("given", pa.table({
            "day": pa.array([row[0] for row in told], pa.date32()), "account_id": [row[1] for row in told],
            "active_users_28d": [row[2] for row in told],
        }))  # fmt: skip
        con.execute(
            "INSERT INTO lake.snapshots BY NAME SELECT day, account_id, '' AS tenant, TIMESTAMP '2026-11-20' AS computed_at,"
            " false AS restated, active_users_28d FROM given"
        )
        con.register("scored", pa.table({
            "day": pa.array([row[0] for row in told], pa.date32()), "account_id": [row[1] for row in told],
            "scorecard": [card for _row in told], "score": [float(row[3]) for row in told],
        }))  # fmt: skip
        con.execute(
            "INSERT INTO lake.scores BY NAME SELECT day, account_id, '' AS tenant, scorecard, 1 AS version, score, 'green' AS band,"
            " 1.0 AS coverage, '[]' AS contributions FROM scored"
        )


def days(began: dt.date, *offsets: int) -> list[dt.date]:
    return [began + dt.timedelta(days=one) for one in offsets]
