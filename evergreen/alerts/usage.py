"""How much each account used the product lately, against its own weeks before: the last working days, and what is usual for them.

A *use* is one event of use, as ``account_days.events`` counts them, of all tenants. Days that are not worked (weekends, holidays of the
vendor's calendar) count for nothing; a worked day without use is 0 from the account's first use on. What is usual comes from the
91 days before the days looked at, by weekday (``metrics.baselines``). Counts are as known at the end of each night, the day of an
account's first use as known at the end of the last.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from evergreen.alerts.rules import LAST_DAYS, Use
from evergreen.base.working_days import WorkingDays, for_vendor
from evergreen.customers.lines import number
from evergreen.metrics.baselines import RHYTHMS, Floats, Ints, weekly

if TYPE_CHECKING:
    import duckdb

USAGE_RULE = "usage_off"
_CHUNK = 2_000
_BACK = RHYTHMS["day"].window_days
# Far enough back for the days looked at even over the longest holidays.
_REACH = _BACK + 60


def use_on(con: duckdb.DuckDBPyConnection, night: dt.date) -> dict[int, Use]:
    """The use of every account on one night."""
    key = number(night)
    return {account: told[key] for account, told in uses(con, [night], for_vendor()) if key in told}


def uses(
    con: duckdb.DuckDBPyConnection, nights: Sequence[dt.date], calendar: WorkingDays
) -> Iterator[tuple[int, dict[int, Use]]]:
    """(account, night as a number of days → its use) for every account that used the product before the last of some nights, by
    account. A night before the account's first use has no entry.
    """
    first, last = min(nights), max(nights)
    since = first - dt.timedelta(days=_REACH)
    begun = con.execute(
        "SELECT account_id, min(day) - DATE '1970-01-01' AS day FROM lake.first_uses WHERE known_on <= ? GROUP BY 1 ORDER BY 1",
        [last],
    ).fetchnumpy()
    accounts, began = np.asarray(begun["account_id"], np.int64), np.asarray(begun["day"], np.int64)
    days = np.array([number(since) + n for n in range((last - since).days + 1)], np.int64)
    is_worked = np.array(
        [calendar.working_or_weekday(since + dt.timedelta(days=int(n)))[0] for n in days - days[0]], np.bool_
    )
    for start in range(0, len(accounts), _CHUNK):
        keys = accounts[start : start + _CHUNK]
        rows = con.execute(
            "SELECT account_id, day - DATE '1970-01-01' AS day, known_on - DATE '1970-01-01' AS known, sum(events) AS n"
            " FROM lake.account_days WHERE day BETWEEN ? AND ? AND known_on BETWEEN ? AND ? AND account_id BETWEEN ? AND ?"
            " GROUP BY ALL",
            [since, last, since, last, int(keys[0]), int(keys[-1])],
        ).fetchnumpy()
        place = np.searchsorted(keys, np.asarray(rows["account_id"], np.int64))
        found = _Counts(
            place,
            np.asarray(rows["day"], np.int64) - days[0],
            np.asarray(rows["known"], np.int64),
            np.asarray(rows["n"], np.float64),
        )
        told: list[dict[int, Use]] = [{} for _ in keys]
        for night in sorted(map(number, nights)):
            _tell(told, night, found, days, is_worked, began[start : start + _CHUNK])
        yield from zip(keys.tolist(), told, strict=True)


class _Counts:
    """Uses by account (its place in the chunk), day (its place in the span) and the day on which they became known."""

    def __init__(self, place: Ints, day: Ints, known: Ints, n: Floats) -> None:
        self.place, self.day, self.known, self.n = place, day, known, n

    def by(self, night: int, first: int, last: int, accounts: int) -> Floats:
        """(accounts × days) of a part of the span as known at the end of a night."""
        mine = (self.known <= night) & (self.day >= first) & (self.day <= last)
        found = np.zeros((accounts, last - first + 1))
        np.add.at(found, (self.place[mine], self.day[mine] - first), self.n[mine])
        return found


def _tell(
    told: list[dict[int, Use]],
    night: int,
    found: _Counts,
    days: Ints,
    is_worked: npt.NDArray[np.bool_],
    began: Ints,
) -> None:
    """Add each account's use of one night."""
    end = int(night - days[0])
    worked = np.flatnonzero(is_worked[: end + 1])
    looked_at = worked[-LAST_DAYS:]
    if len(looked_at) < LAST_DAYS:
        return
    before = worked[(worked < looked_at[0]) & (worked >= looked_at[0] - _BACK)]
    start = int(before[0]) if len(before) else int(looked_at[0])
    counts = found.by(night, start, end, len(told))
    history = counts[:, before - start]
    history[days[before][None, :] < began[:, None]] = np.nan
    # 1970-01-01 was a Thursday.
    usual = weekly(history, (days[before] + 3) % 7)
    expected = usual.expected[:, (days[looked_at] + 3) % 7]
    seen = counts[:, looked_at - start]
    for account in np.flatnonzero(began <= night):
        if usual.n[account]:
            told[account][night] = Use(
                tuple(seen[account].tolist()),
                tuple(expected[account].tolist()),
                float(usual.spread[account]),
                int(usual.n[account]),
            )
