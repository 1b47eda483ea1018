"""Copy the newest figures onto the accounts, so that lists read one table (``customers.models.ListFigures``)."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection, models
from django.db.models import Max

from evergreen.alerts.models import Alert
from evergreen.customers.models import Account
from evergreen.health.models import Standing
from evergreen.metrics.models import Newest

# Accounts a transaction: the records' write lock is let go in between.
_BATCH = 5_000
_FROM_NEWEST = (
    "arr_base_cents",
    "renewal_on",
    "active_users_28d",
    "last_active_on",
    "last_conversation_on",
    "overdue_days",
    "tickets_open",
)
_FROM_STANDING = ("score", "band", "change_30d")


def refresh_lists() -> int:
    """Bring every account's copies up to date; writes only rows that differ. Returns how many writes that took."""
    statements = [
        _copy(Newest, _FROM_NEWEST),
        _copy(Standing, _FROM_STANDING, "AND source.is_own"),
        _cleared(),
        _counted(),
    ]
    written = 0
    for first, last in _spans():
        for sql in statements:
            with connection.cursor() as cursor:
                cursor.execute(sql, [first, last])
                written += max(0, cursor.rowcount)
    return written


def _spans() -> Iterator[tuple[int, int]]:
    newest = Account.objects.aggregate(last=Max("pk"))["last"] or 0
    return ((first, first + _BATCH - 1) for first in range(1, newest + 1, _BATCH))


def _copy(source: type[models.Model], columns: tuple[str, ...], condition: str = "") -> str:
    """Set the named columns of accounts from rows of a table that has one row an account."""
    account = Account._meta.db_table
    sets = ", ".join(f"{name} = source.{name}" for name in columns)
    differ = " OR ".join(f"{account}.{name} IS DISTINCT FROM source.{name}" for name in columns)
    return (
        f"UPDATE {account} SET {sets} FROM {source._meta.db_table} AS source"
        f" WHERE source.account_id = {account}.id {condition}"
        f" AND {account}.id BETWEEN %s AND %s AND ({differ})"
    )


def _cleared() -> str:
    """Take the score off accounts that have no standing of their own any more."""
    account, standing = Account._meta.db_table, Standing._meta.db_table
    return (
        f"UPDATE {account} SET score = NULL, band = '', change_30d = NULL WHERE id BETWEEN %s AND %s"
        f" AND band <> '' AND NOT EXISTS"
        f" (SELECT 1 FROM {standing} AS s WHERE s.account_id = {account}.id AND s.is_own)"
    )


def _counted() -> str:
    account, alert = Account._meta.db_table, Alert._meta.db_table
    count = f"(SELECT count(*) FROM {alert} AS a WHERE a.account_id = {account}.id AND a.state = 'open')"
    return f"UPDATE {account} SET open_alerts = {count} WHERE id BETWEEN %s AND %s AND open_alerts <> {count}"
