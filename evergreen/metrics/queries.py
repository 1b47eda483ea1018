"""Reads of metrics: the newest as rows, their history from the lake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from evergreen.customers.models import Account
from evergreen.events import store
from evergreen.metrics.library import METRICS
from evergreen.metrics.models import Newest


def newest(account: Account) -> Newest | None:
    """The newest figures of an account, or None before its first night."""
    return Newest.objects.filter(account=account).first()


def trend(account_id: int, keys: Sequence[str], since: dt.date, until: dt.date) -> list[dict[str, Any]]:
    """One dict a snapshot day with ``day`` and the metrics named. Raises KeyError for an unknown metric."""
    for key in keys:
        METRICS[key]
    cursor = store.reading().execute(
        f"SELECT day, {', '.join(keys)} FROM lake.snapshots"
        " WHERE account_id = ? AND tenant = '' AND day BETWEEN ? AND ? ORDER BY day",
        [account_id, since, until],
    )
    names = ["day", *keys]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def snapshot_days() -> list[dt.date]:
    """Every day that has a snapshot, oldest first."""
    return [
        day
        for (day,) in store.reading()
        .execute("SELECT DISTINCT day FROM lake.snapshots ORDER BY day")
        .fetchall()
    ]


def newest_day() -> dt.date | None:
    """The day of the newest figures that pages show."""
    return Newest.objects.order_by("-day").values_list("day", flat=True).first()
