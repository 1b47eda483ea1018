"""How the product was used before a day, as it was known at its end: from the daily roll-up, many days in one pass.

Days of use fall into the weeks that end with the asked days. What became known later counts from the first asked day on which
it was known. Rates are a day of the window, or of so much of it as the account and the history are old: a new account's
count is not small because it is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from evergreen.base.measures import Reals
from evergreen.customers.lines import Ints
from evergreen.events import store

if TYPE_CHECKING:
    import duckdb

WINDOW_WEEKS = 12
MONTH_WEEKS = 4
# Events are many in some products: those that most accounts use.
MOST_EVENTS = 30
# A group of its own, so that no event's name is taken for one of the figures beside it.
_EVENT = "event:"
_LONG_QUIET = 365.0
# Shorter than a week, a rate says more of weekdays than of the account.
_LEAST_DAYS = 7

_EVENTS = """
SELECT event FROM lake.usage WHERE known_on <= DATE '1970-01-01' + $until GROUP BY event
HAVING sum(count) > 0 ORDER BY count(DISTINCT account_id) DESC, event LIMIT $most
"""
# The week of a day: the number of the first asked day on or after it.
_WEEK = "CAST(ceil(({day} - first.day) / 7.0) AS INTEGER)"
_WEEKLY = f"""
WITH first AS (SELECT min(day) AS day FROM asked_days),
weekly AS (
    SELECT account_id, event, {_WEEK.format(day="usage.day")} AS week,
        greatest({_WEEK.format(day="usage.day")}, {_WEEK.format(day="known_on")}) AS since, sum(count) AS n
    FROM lake.usage, first
    WHERE usage.day > first.day - {7 * WINDOW_WEEKS}
        AND known_on <= (SELECT max(day) FROM asked_days) AND usage.day <= (SELECT max(day) FROM asked_days)
    GROUP BY ALL HAVING n > 0
),
spread AS (
    SELECT account_id, event, n, week, unnest(range(greatest(since, 0), week + {WINDOW_WEEKS})) AS turn FROM weekly
)
"""
_BY_EVENT = f"""{_WEEKLY}
SELECT place, number, sum(n)::DOUBLE AS n FROM spread
JOIN asked_rows USING (account_id, turn) JOIN asked_events USING (event) GROUP BY place, number
"""
_IN_ALL = f"""{_WEEKLY}
SELECT place, coalesce(sum(n) FILTER (turn - week < {MONTH_WEEKS}), 0)::DOUBLE AS now,
    coalesce(sum(n) FILTER (turn - week BETWEEN {MONTH_WEEKS} AND {2 * MONTH_WEEKS - 1}), 0)::DOUBLE AS before,
    sum(n)::DOUBLE AS n
FROM spread JOIN asked_rows USING (account_id, turn) GROUP BY place
"""
_DAYS = f"""
WITH first AS (SELECT min(day) AS day FROM asked_days),
told AS (
    SELECT account_id, account_days.day, known_on, users,
        known_on = min(known_on) OVER (PARTITION BY account_id, account_days.day) AS is_first
    FROM lake.account_days, first
    WHERE account_days.day > first.day - {7 * WINDOW_WEEKS}
        AND known_on <= (SELECT max(day) FROM asked_days) AND account_days.day <= (SELECT max(day) FROM asked_days)
),
weekly AS (
    SELECT account_id, {_WEEK.format(day="told.day")} AS week,
        greatest({_WEEK.format(day="told.day")}, {_WEEK.format(day="known_on")}) AS since,
        -- A day of which more was told later is one day still.
        count(DISTINCT told.day) FILTER (is_first) AS days, max(users) AS users, max(told.day) AS newest
    FROM told, first GROUP BY ALL
),
spread AS (
    SELECT account_id, week, days, users, newest, unnest(range(greatest(since, 0), week + {WINDOW_WEEKS})) AS turn FROM weekly
)
SELECT place, coalesce(sum(days) FILTER (turn - week < {MONTH_WEEKS}), 0)::DOUBLE AS days,
    coalesce(max(users) FILTER (turn - week < {MONTH_WEEKS}), 0)::DOUBLE AS users,
    sum(days)::DOUBLE AS days_12, (max(newest) - DATE '1970-01-01')::DOUBLE AS newest
FROM spread JOIN asked_rows USING (account_id, turn) GROUP BY place
"""


def events(con: duckdb.DuckDBPyConnection, until: int) -> list[str]:
    """The events that most accounts used, as known at the end of a day."""
    rows = con.execute(_EVENTS, {"until": until, "most": MOST_EVENTS}).fetchall()
    return [event for (event,) in rows]


def named_in(columns: Iterable[str]) -> list[str]:
    """The events that columns of a model count, in their order: what ``features`` has to be asked for again."""
    return [name.removeprefix(_EVENT) for name in columns if name.startswith(_EVENT)]


def first_day(con: duckdb.DuckDBPyConnection) -> Any:
    """The first day with use, or None."""
    return store.scalar(con, "SELECT min(day) FROM lake.usage")


def features(
    con: duckdb.DuckDBPyConnection,
    accounts: Ints,
    days: Ints,
    tenure: Reals,
    of_events: Sequence[str],
    first: int,
) -> dict[str, Reals]:
    """Of each row (account, day): ``event:EVENT`` and ``use``, uses a day over 84 days; ``use_change``, 28 days against the 28 before
    (missing while the account is younger); ``active_days``, days with use a week over 28 days, ``active_days_12w`` over 84;
    ``users``, the most users of a day (of a tenant, where use knows it) in 28 days; ``quiet_days`` since the last use.

    ``days`` are Mondays; ``tenure`` is the age of the account in days, ``first`` the first day of the whole history.
    """
    asked = np.unique(days)
    if not asked.size:
        return {}
    beginning = int(asked[0])
    turns = (days - beginning) // 7
    con.register("asked_days", pa.table({"day": pa.array(asked.astype(np.int32)).cast(pa.date32())}))
    con.register(
        "asked_rows",
        pa.table({"place": np.arange(len(accounts)), "account_id": accounts, "turn": turns.astype(np.int32)}),
    )
    con.register(
        "asked_events",
        pa.table({"event": pa.array(of_events, pa.string()), "number": np.arange(len(of_events))}),
    )
    by_event = con.execute(_BY_EVENT).fetchnumpy()
    in_all = con.execute(_IN_ALL).fetchnumpy()
    of_days = con.execute(_DAYS).fetchnumpy()
    for name in ("asked_days", "asked_rows", "asked_events"):
        con.unregister(name)
    age = np.minimum(tenure, days - first) + 1
    window = np.clip(age, _LEAST_DAYS, 7 * WINDOW_WEEKS)
    month = np.clip(age, _LEAST_DAYS, 7 * MONTH_WEEKS)
    counts = np.zeros((len(of_events), len(accounts)))
    counts[by_event["number"], by_event["place"]] = by_event["n"]
    now, before = _placed(in_all, "now", accounts), _placed(in_all, "before", accounts)
    newest = _placed(of_days, "newest", accounts, missing=-1.0)
    found: dict[str, Reals] = {
        "use": _placed(in_all, "n", accounts) / window,
        # One is added to both, so that a few uses more or less are no great change.
        "use_change": np.where(age >= 14 * MONTH_WEEKS, (now + 1) / (before + 1), np.nan),
        "active_days": _placed(of_days, "days", accounts) * 7 / month,
        "active_days_12w": _placed(of_days, "days_12", accounts) * 7 / window,
        "users": _placed(of_days, "users", accounts),
        "quiet_days": np.where(newest < 0, np.minimum(age, _LONG_QUIET), days - newest),
    }
    for place, event in enumerate(of_events):
        found[f"{_EVENT}{event}"] = counts[place] / window
    return found


def _placed(rows: Any, name: str, accounts: Ints, missing: float = 0.0) -> Reals:
    found = np.full(len(accounts), missing)
    found[rows["place"]] = rows[name]
    return found
