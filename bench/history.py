"""A new day of a long history: its figures from the roll-ups, against hand-written SQL over all events there ever were.

Arguments: events (default 100,000,000), accounts (default 10,000) and days of history (default 730).
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from functools import partial
from typing import Any

from bench.homes import line, scratch_home
from bench.night import COMPARED, DAY, FEATURES, apart, build

NEXT = DAY + dt.timedelta(days=1)
ROUNDS = 3

# The usage metrics of the library from the raw events in one go. Who was ever active, and last, asks all of history.
BY_HAND = """
WITH used AS (
    SELECT account_id, end_user, day, count, flags.* FROM lake.events JOIN flags ON name = event
    WHERE known_on <= $day AND day <= $day AND count > 0 AND account_id IS NOT NULL
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


def by_hand() -> tuple[float, Any]:
    """Seconds (the better of two) and rows of the hand-written query, after attaching."""
    import django

    django.setup()
    from evergreen.base.working_days import for_vendor
    from evergreen.events import store

    calendar = for_vendor()
    days = [NEXT - dt.timedelta(days=n) for n in range(28)]
    working = ", ".join(f"(DATE '{day}')" for day in days if calendar.working_or_weekday(day)[0])
    flags = ", ".join(f"('action.{n}', 'feature-{n}', {n < 8}, {8 <= n < 12})" for n in range(FEATURES))
    sql = BY_HAND.replace("{names}", ", ".join(COMPARED)).replace("$day", f"DATE '{NEXT}'")
    with store.session() as con:
        con.execute(f"CREATE TEMP TABLE working AS SELECT * FROM (VALUES {working}) t(day)")
        con.execute(
            f"CREATE TEMP TABLE flags AS SELECT * FROM (VALUES {flags}) t(event, feature, is_core, adds_data)"
        )
        found = [_timed(lambda: con.execute(sql).to_arrow_table()) for _ in range(2)]
    return min(seconds for seconds, _table in found), found[0][1]


def from_rollups() -> dict[str, Any]:
    """Seconds of rolling up the new day, of its figures as those by hand and of all metrics; rows of the former.

    The first of the rounds also compiles the queries, which a process does once.
    """
    import django

    django.setup()
    from evergreen.events import rollup, store
    from evergreen.metrics import figures, registry

    with store.session() as con:
        before, _days = _timed(partial(rollup.roll_up, con, DAY))
        rolled, _days = _timed(partial(rollup.roll_up, con, NEXT))
        everything = registry.current().on(NEXT)
        same = everything.closure(set(COMPARED))
        told: dict[str, Any] = {"history": before, "roll-up": rolled}
        for name, wanted in (("same figures", same), ("all metrics", everything)):
            seconds = [_timed(partial(figures.compute, con, NEXT, wanted))[0] for _ in range(ROUNDS)]
            told[name], told[f"{name}, first"] = min(seconds), seconds[0]
            if wanted is same:
                names = ", ".join(COMPARED)
                # Accounts that never did anything have no row by hand.
                ever = f"SELECT account_id, {names} FROM {figures.FRESH} WHERE last_active_on IS NOT NULL ORDER BY account_id"
                told["rows"] = con.execute(ever).to_arrow_table()
    return told


def _timed(work: Any) -> tuple[float, Any]:
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]]
    events, accounts, days = [*sizes, *(100_000_000, 10_000, 730)[len(sizes) :]]
    with scratch_home():
        apart(build, events, accounts, days)
        ours = apart(from_rollups)
        hand, rows = apart(by_hand)
    line(f"hand-written SQL over {events:,} events of {days} days (s)", f"{hand:.2f}")
    line("history rolled up, once in its life (s)", f"{ours['history']:.2f}")
    line("the new day rolled up (s)", f"{ours['roll-up']:.2f}")
    line("the same figures from the roll-ups (s)", f"{ours['same figures']:.2f}")
    line("  with compiling their query, once in a process (s)", f"{ours['same figures, first']:.2f}")
    line("every metric from the roll-ups (s)", f"{ours['all metrics']:.2f}")
    line("figures equal to the hand-written SQL", str(ours["rows"].to_pylist() == rows.to_pylist()), "True")
    line(
        "hand-written ÷ the same figures from the roll-ups",
        f"{hand / ours['same figures']:.1f}",
        "at least 20",
    )
    both = ours["roll-up"] + ours["same figures"]
    line("hand-written ÷ the new day rolled up and its figures", f"{hand / both:.1f}")


if __name__ == "__main__":
    main()
