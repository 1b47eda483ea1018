"""Every account's months as they were known then: what the twin learns from and starts at.

A step is 28 days, counted back from the last day, so that each holds every weekday four times.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from evergreen.base import queries as base
from evergreen.base.measures import Reals
from evergreen.customers.line_reading import read_endings
from evergreen.customers.lines import NEVER, Flags, Ints, day, number
from evergreen.foresight.history import contracts
from evergreen.foresight.history.contracts import Known
from evergreen.health.backtest.rescoring import kept_scores, look_back
from evergreen.metrics.queries import snapshot_span

if TYPE_CHECKING:
    import duckdb

STEP_DAYS = 28
# The mean of an account is of the last year.
YEAR_STEPS = 13
# More would say the same at a greater cost.
MOST_ACCOUNTS = 5_000
_SEED = 20261123
_LIFE_DAYS = 1_000_000


@dataclass(frozen=True, slots=True)
class Ends:
    """Contract ends whose outcome was known: place of the account in the panel, day, and whether it was lost."""

    place: Ints
    on: Ints
    lost: Flags


@dataclass(frozen=True, slots=True)
class Panel:
    """Accounts × steps, oldest step first. ``usage`` is ln(1 + events in 28 days), ``health`` 0 to 100, ``levers`` the metrics
    that levers move, as counts; NaN where no snapshot tells. ``arr`` is in minor units, 0 where nothing was in force.

    ``next_end`` is the first day not covered by what was known on the last day (NEVER without one), ``term`` the days of the
    contract that ends then.
    """

    accounts: Ints
    days: Ints
    usage: Reals
    health: Reals
    arr: Reals
    age: Reals
    levers: dict[str, Reals]
    ends: Ends
    next_end: Ints
    term: Ints

    @property
    def there(self) -> Flags:
        """Where an account paid and its use is known."""
        return (self.arr > 0) & ~np.isnan(self.usage)

    def cut(self, step: int) -> Panel:
        """The same up to a step, for starts in the past; ends and contracts are those of the whole, so read them anew."""
        upto = slice(0, step + 1)
        return replace(
            self,
            days=self.days[upto],
            usage=self.usage[:, upto],
            health=self.health[:, upto],
            arr=self.arr[:, upto],
            age=self.age[:, upto],
            levers={key: values[:, upto] for key, values in self.levers.items()},
        )


def read(
    con: duckdb.DuckDBPyConnection, last: int, levers: tuple[str, ...], asked: Collection[int] = ()
) -> Panel | None:
    """What was known at the end of a day (since 1970-01-01). None without a snapshot or an account that ever paid.

    Of more than 5,000 accounts that many drawn once and for all, and those ``asked`` for.
    """
    span = snapshot_span(con)
    if span is None or number(span.first) > last:
        return None
    days = np.arange(last, number(span.first) - 1, -STEP_DAYS)[::-1].astype(np.int64)
    accounts = _some(_accounts(con, last), asked)
    if not len(accounts) or not len(days):
        return None
    shape = (len(accounts), len(days))
    account, on = np.repeat(accounts, len(days)), np.tile(days, len(accounts))
    keys = ("events_28d", "arr_cents", "contract_age_days", *levers)
    told = {key: values.reshape(shape) for key, values in look_back(con, account, on, keys).columns.items()}
    arr = np.nan_to_num(told["arr_cents"])
    next_end, term = _next_ends(contracts.read(), accounts, last)
    return Panel(
        accounts=accounts,
        days=days,
        usage=np.log1p(told["events_28d"]),
        health=kept_scores(con, account, on, str(base.setting("scorecard"))).reshape(shape),
        arr=arr,
        age=told["contract_age_days"],
        levers={key: told[key] for key in levers},
        ends=ends_known(accounts, int(days[0]), last),
        next_end=next_end,
        term=term,
    )


def _accounts(con: duckdb.DuckDBPyConnection, last: int) -> Ints:
    rows = con.execute(
        "SELECT DISTINCT account_id FROM lake.snapshots WHERE tenant = '' AND arr_cents > 0 AND day <= ? ORDER BY 1",
        [day(last)],
    ).fetchnumpy()
    return np.asarray(rows["account_id"], np.int64)


def _some(accounts: Ints, asked: Collection[int]) -> Ints:
    if len(accounts) <= MOST_ACCOUNTS:
        return accounts
    drawn = np.random.default_rng(_SEED).choice(accounts, MOST_ACCOUNTS, replace=False)
    mine = accounts[np.isin(accounts, np.fromiter(asked, np.int64, len(asked)))]
    return np.union1d(drawn, mine)


def ends_known(accounts: Ints, since: int, last: int) -> Ends:
    """The ends whose outcome was known by a day, by ``customers.endings``."""
    found = read_endings(day(since), day(last))
    kept = found.chosen((found.decided_on <= last) & ~found.is_open & np.isin(found.account, accounts))
    return Ends(np.searchsorted(accounts, kept.account), kept.on, kept.is_lost)


def _next_ends(known: Known, accounts: Ints, last: int) -> tuple[Ints, Ints]:
    """The last end of what each account had in force or signed by a day, and the days of that line."""
    seen = known.chosen((known.known <= last) & (known.end > last) & np.isin(known.account, accounts))
    until, term = np.full(len(accounts), NEVER, np.int64), np.zeros(len(accounts), np.int64)
    place = np.searchsorted(accounts, seen.account)
    # In order of their ends, so that the last one stays.
    for one in np.argsort(seen.end, kind="stable").tolist():
        until[place[one]], term[place[one]] = seen.end[one], seen.end[one] - seen.start[one]
    endless = until >= NEVER
    term[endless] = 0
    return until, np.minimum(term, _LIFE_DAYS)
