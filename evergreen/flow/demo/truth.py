"""The truth behind the demo, for whoever wants to hold a prediction against it. The product never reads it."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.base import env
from evergreen.flow.demo.vendor import Vendor

NAME = "demo-truth.parquet"

_SCHEMA = pa.schema(
    [
        ("account", pa.string()),
        ("month", pa.date32()),
        ("satisfaction", pa.float64()),
        ("shock", pa.string()),
        ("churned_on", pa.date32()),
        ("churn_reason", pa.string()),
    ]
)


def table(vendor: Vendor) -> pa.Table:
    """One row an account and month with it under contract: mean satisfaction (0 to 1), the largest shock of the month.

    ``churned_on`` and ``churn_reason`` stand in the month in which the contract ended without a renewal.
    """
    extent = vendor.extent
    months: dict[dt.date, list[int]] = {}
    for index in range(extent.days):
        months.setdefault(extent.day(index).replace(day=1), []).append(index)
    share = vendor.felt.share
    rows = []
    for company, life in zip(vendor.book, vendor.lives, strict=True):
        shocks = vendor.felt.of(company.place)
        for month, indexes in months.items():
            lost = life.lost_on if life.lost_on and life.lost_on.replace(day=1) == month else None
            here = [i for i in indexes if vendor.presence[company.place, i] > 0]
            if not here and lost is None:
                continue
            hit = max((s for s in shocks if s.day in indexes), key=lambda s: abs(s.size), default=None)
            rows.append(
                {
                    "account": company.key,
                    "month": month,
                    "satisfaction": float(share[company.place, here or indexes].mean()),
                    "shock": hit.kind.value if hit else None,
                    "churned_on": lost,
                    "churn_reason": life.reason.value if lost and life.reason else None,
                }
            )
    return pa.Table.from_pylist(rows, _SCHEMA)


def write(vendor: Vendor, home: env.Home) -> None:
    """Put the truth beside the installation."""
    pq.write_table(table(vendor), home.root / NAME)
