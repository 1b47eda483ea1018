"""The usage metrics of the library as an analyst would write them in SQL, from the raw events in one go."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from bench.vendor import FEATURES, adds_data, is_core

# The events of a snapshot's two windows of 28 days, which are all that those of a night's figures need that are compared there.
TWO_WINDOWS = "known_on BETWEEN $day - 55 AND $day AND day BETWEEN $day - 55 AND $day"
# Who was ever active, and last, asks all of history.
ALL_HISTORY = "known_on <= $day AND day <= $day"
COMPARED = (
    "active_users_1d",
    "active_users_7d",
    "active_users_28d",
    "active_users_prev_28d",
    "user_days_28d",
    "regular_users_28d",
    "activated_users",
    "active_days_7d",
    "active_days_28d",
    "events_28d",
    "events_prev_28d",
    "last_active_on",
    "features_used_28d",
    "core_features_used_28d",
    "core_events_28d",
    "data_events_28d",
)
_ROUNDS = 2
_SQL = """
WITH used AS (
    SELECT account_id, end_user, day, count, flags.* FROM lake.events JOIN flags ON name = event
    WHERE {within} AND count > 0 AND account_id IS NOT NULL
), per_user AS (
    SELECT account_id, end_user,
           bool_or(day = $day) AS d1, bool_or(day > $day - 7) AS d7, bool_or(day > $day - 28) AS d28,
           bool_or(day BETWEEN $day - 55 AND $day - 28) AS before,
           count(DISTINCT day) FILTER (WHERE day > $day - 28 AND day IN (SELECT day FROM working)) AS working_days
    FROM used GROUP BY ALL
), people AS (
    SELECT account_id, count(*) FILTER (WHERE d1) AS active_users_1d, count(*) FILTER (WHERE d7) AS active_users_7d,
           count(*) FILTER (WHERE d28) AS active_users_28d, count(*) FILTER (WHERE before) AS active_users_prev_28d,
           sum(working_days)::BIGINT AS user_days_28d,
           count(*) FILTER (WHERE working_days * 5 >= 2 * (SELECT count(*) FROM working)) AS regular_users_28d,
           count(*) AS activated_users
    FROM per_user GROUP BY ALL
), totals AS (
    SELECT account_id, count(DISTINCT day) FILTER (WHERE day > $day - 7) AS active_days_7d,
           count(DISTINCT day) FILTER (WHERE day > $day - 28) AS active_days_28d,
           coalesce(sum(count) FILTER (WHERE day > $day - 28), 0)::BIGINT AS events_28d,
           coalesce(sum(count) FILTER (WHERE day BETWEEN $day - 55 AND $day - 28), 0)::BIGINT AS events_prev_28d,
           max(day) AS last_active_on,
           count(DISTINCT feature) FILTER (WHERE day > $day - 28) AS features_used_28d,
           count(DISTINCT feature) FILTER (WHERE day > $day - 28 AND is_core) AS core_features_used_28d,
           coalesce(sum(count) FILTER (WHERE day > $day - 28 AND is_core), 0)::BIGINT AS core_events_28d,
           coalesce(sum(count) FILTER (WHERE day > $day - 28 AND adds_data), 0)::BIGINT AS data_events_28d
    FROM used GROUP BY ALL
)
SELECT account_id, {names} FROM totals JOIN people USING (account_id) ORDER BY account_id
"""


def timed(day: dt.date, within: str) -> tuple[float, float, Any]:
    """Seconds by the clock and of the processor (of the better of two, after attaching) and the rows, by account."""
    import django

    django.setup()
    from evergreen.base.working_days import for_vendor
    from evergreen.events import store

    calendar = for_vendor()
    days = [day - dt.timedelta(days=n) for n in range(28)]
    working = ", ".join(f"(DATE '{one}')" for one in days if calendar.working_or_weekday(one)[0])
    flags = ", ".join(f"('action.{n}', 'feature-{n}', {is_core(n)}, {adds_data(n)})" for n in range(FEATURES))
    sql = _SQL.format(names=", ".join(COMPARED), within=within).replace("$day", f"DATE '{day}'")
    with store.session() as con:
        con.execute(f"CREATE TEMP TABLE working AS SELECT * FROM (VALUES {working}) t(day)")
        con.execute(
            f"CREATE TEMP TABLE flags AS SELECT * FROM (VALUES {flags}) t(event, feature, is_core, adds_data)"
        )
        found = []
        for _ in range(_ROUNDS):
            began, busy = time.perf_counter(), time.process_time()
            rows = con.execute(sql).to_arrow_table()
            found.append((time.perf_counter() - began, time.process_time() - busy))
    return *min(found), rows
