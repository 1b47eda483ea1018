"""Copy the newest figures onto the accounts, so that lists read one table (``ListFigures``)."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection
from django.db.models import Max, Min

from evergreen.alerts.models import Alert
from evergreen.customers.models import Account
from evergreen.foresight.models import Risk
from evergreen.health.models import Standing
from evergreen.metrics.models import Newest

# Accounts a statement: the records' write lock is let go in between.
_BATCH = 5_000
_SOURCES = {
    "arr_base_cents": "newest.arr_base_cents",
    "arr_cents": "newest.mrr_cents * 12",
    "arr_currency": "coalesce(newest.currency, '')",
    "renewal_on": "newest.renewal_on",
    "active_users_28d": "newest.active_users_28d",
    "last_active_on": "newest.last_active_on",
    "last_conversation_on": "newest.last_conversation_on",
    "overdue_days": "coalesce(newest.overdue_days, 0)",
    "tickets_open": "newest.tickets_open",
    "score": "standing.score",
    "band": "coalesce(standing.band, '')",
    "change_30d": "standing.change_30d",
    "risk_90d": (
        f"(SELECT risk.probability FROM {Risk._meta.db_table} AS risk"
        " WHERE risk.account_id = account.id AND risk.horizon_days = 90)"
    ),
    "open_alerts": (
        f"(SELECT count(*) FROM {Alert._meta.db_table} AS alert"
        " WHERE alert.account_id = account.id AND alert.state = 'open')"
    ),
}


def refresh_lists() -> int:
    """Bring every account's copies up to date, writing only rows that differ. Returns how many changed."""
    sql = _statement()
    written = 0
    for first, last in _spans():
        with connection.cursor() as cursor:
            cursor.execute(sql, [first, last])
            written += max(0, cursor.rowcount)
    return written


def _spans() -> Iterator[tuple[int, int]]:
    ends = Account.objects.aggregate(first=Min("pk"), last=Max("pk"))
    starts = range(ends["first"] or 1, (ends["last"] or 0) + 1, _BATCH)
    return ((first, first + _BATCH - 1) for first in starts)


def _statement() -> str:
    account = Account._meta.db_table
    found = ", ".join(f"{expression} AS {name}" for name, expression in _SOURCES.items())
    sets = ", ".join(f"{name} = source.{name}" for name in _SOURCES)
    differ = " OR ".join(f"{account}.{name} IS DISTINCT FROM source.{name}" for name in _SOURCES)
    return (
        f"UPDATE {account} SET {sets} FROM (SELECT account.id, {found} FROM {account} AS account"
        f" LEFT JOIN {Newest._meta.db_table} AS newest ON newest.account_id = account.id"
        f" LEFT JOIN {Standing._meta.db_table} AS standing"
        f" ON standing.account_id = account.id AND standing.is_own"
        f" WHERE account.id BETWEEN %s AND %s) AS source"
        f" WHERE source.id = {account}.id AND ({differ})"
    )
