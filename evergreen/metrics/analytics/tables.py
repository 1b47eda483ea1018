"""The tables that product analytics reads: those of the lake, and small ones that the asker's records fill."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import ibis

from evergreen.events.warehouses import functions

if TYPE_CHECKING:
    import ibis.expr.types as ir


def _lake(name: str, columns: dict[str, str]) -> ir.Table:
    return ibis.table(columns, name=name, catalog="lake", database="main")


USAGE = _lake(
    "usage",
    {
        "account_id": "int64", "tenant": "string", "source": "string", "end_user": "string", "day": "date", "known_on": "date",
        "kind": "string", "event": "string", "feature": "string", "count": "int64", "seconds": "float64",
    },
)  # fmt: skip
FIRST_USES = _lake(
    "first_uses",
    {"account_id": "int64", "source": "string", "end_user": "string", "day": "date", "known_on": "date"},
)
ACCOUNT_DAYS = _lake("account_days", {"account_id": "int64", "day": "date", "known_on": "date"})

# Filled from the records for one question (``population``, ``naming``).
ASKED = ibis.table({"account_id": "int64"}, name="asked_accounts")
GROUPS = ibis.table({"account_id": "int64", "grp": "int32"}, name="asked_groups")
ROLES = ibis.table({"account_id": "int64", "end_user": "string", "grp": "int32"}, name="asked_roles")
STARTS = ibis.table({"account_id": "int64", "day": "date"}, name="asked_starts")
NAMED = ibis.table({"name": "string", "node": "int32"}, name="asked_names")
LABELS = ibis.table({"key": "string", "place": "int32"}, name="asked_labels")
ENTITLED = ibis.table({"feature": "string", "account_id": "int64"}, name="asked_entitled")

# A device whose clock is ahead may be known before its day (decision 0001).
_EARLY_DAYS = 2


def on_days(rows: Any, since: dt.date, until: dt.date) -> Any:
    """The rows of the days from ``since`` to ``until``, both included; files of other days are left unread."""
    return rows.filter(
        rows.day.between(since, until), rows.known_on >= since - dt.timedelta(days=_EARLY_DAYS)
    )


def with_subject(rows: Any, unit: str) -> Any:
    """Adds ``subject``: who is followed, an end user or (``accounts``) an account, as 64 bits."""
    if unit == "accounts":
        return rows.mutate(subject=functions.account_hash(rows.account_id))
    return rows.mutate(subject=functions.person_hash(rows.account_id, rows.source, rows.end_user))


def sampled(rows: Any, one_in: int) -> Any:
    """The rows of one in ``one_in`` subjects, always the same ones."""
    return rows.filter(rows.subject % one_in == 0) if one_in > 1 else rows


def compiled(expression: Any) -> str:
    """SQL for the lake."""
    return str(ibis.to_sql(expression, dialect="duckdb"))
