"""Forecasts of a big book: ``python -m bench forecast [ACCOUNTS [MONTHS]]``, default 100,000 accounts over 24 months.

A refit with settings chosen before on at most 300,000 rows (every loss, others weighted), scoring of every account without reasons and
with them, and the whole of what the worker does in a week: choosing, judging, learning. BENCH_HOMES keeps the home.
"""

from __future__ import annotations

import datetime as dt
import resource
import sys
import time
from typing import Any

import numpy as np

from bench.homes import home_of, line

TODAY = dt.date(2026, 11, 20)
HORIZON, GRACE = 90, 0
_EVENTS = 5


def run(accounts: int = 100_000, months: int = 24) -> None:
    """Make the book where it is not there, then time each part."""
    with home_of(f"forecast-{accounts}-accounts-{months}-months"):
        from evergreen.base import clock
        from evergreen.customers.models import Account
        from evergreen.events import store
        from evergreen.foresight.history import evaluating, sets
        from evergreen.foresight.learning.model import Model
        from evergreen.foresight.models import ChurnModel
        from evergreen.foresight.risks import refitting, scoring

        if not Account.objects.exists():
            _fill(accounts, months)
        began = time.perf_counter()
        found = evaluating.evaluate(TODAY, horizon_days=HORIZON, grace_days=GRACE)
        line("the past as rows, settings chosen, judged on later weeks", _since(began))
        line("  rows judged; rows that taught", f"{found.figures.n:,}; {len(found.past.teaching.labels):,}")
        line("  AUC; lift", f"{found.figures.auc:.3f}; {found.figures.lift10:.2f}")
        rows = found.past.all_weeks()
        learned = evaluating.learn(rows, found.past.columns)
        began = time.perf_counter()
        Model.learn(rows.read, found.past.columns, rows.labels, learned.choice, rows.weight)
        line(f"a refit of {len(rows.labels):,} rows by settings chosen before", _since(began), "under 180 s")
        began = time.perf_counter()
        made = refitting.refit(HORIZON, now=clock.utc_now(), grace_days=GRACE)
        line("the worker's week for one horizon, all of it", _since(began))
        assert made.state == ChurnModel.State.CHAMPION, made.why
        with store.session() as con:
            began = time.perf_counter()
            read = scoring.rows_for(con, learned, made, TODAY, sets.Records.read())
            said = learned.probabilities(read.read)
            line(f"scoring {len(said):,} accounts without reasons", _since(began), "under 20 s")
            began = time.perf_counter()
            scoring.score_day(con, TODAY)
            line("the night's step: scored, 2,000 with reasons, kept, watched", _since(began))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        line("peak memory", f"{peak:,.0f} MB")


def _since(began: float) -> str:
    return f"{time.perf_counter() - began:.1f} s"


def _fill(accounts: int, months: int) -> None:
    """Accounts with a contract a year and use by week; who is lost goes quiet before."""
    from evergreen.customers.models import Account, Contract, ContractLine
    from evergreen.events import store

    began, dice = time.perf_counter(), np.random.default_rng(11)
    first = TODAY - dt.timedelta(days=round(months * 30.44))
    starts = dice.integers(0, 365, accounts)
    # Each year a part of the accounts leaves at the end of its term.
    leaves = np.where(dice.random(accounts) < 0.15, 1, np.where(dice.random(accounts) < 0.15, 2, 99))
    seats = dice.lognormal(3, 1, accounts).round() + 1
    met = dt.datetime.combine(first - dt.timedelta(days=400), dt.time(), dt.UTC)
    Account.objects.bulk_create(
        [
            Account(pk=n + 1, external_id=f"A{n}", name=f"Account {n}", created_at=met, known_at=met,
                    industry=f"industry {n % 12}", tier=("growth", "basic", "basic")[n % 3])
            for n in range(accounts)
        ],
        batch_size=5_000,
    )  # fmt: skip
    contracts: list[Contract] = []
    lines: list[ContractLine] = []
    for n in range(accounts):
        for year in range(min(int(leaves[n]), 3)):
            start = first - dt.timedelta(days=365) + dt.timedelta(days=int(starts[n]) + 365 * year)
            if start > TODAY:
                break
            known = dt.datetime.combine(start, dt.time(), dt.UTC)
            contract = Contract(
                pk=len(contracts) + 1,
                account_id=n + 1,
                external_id=f"C{n}-{year}",
                currency="CNY",
                known_at=known,
            )
            contracts.append(contract)
            lines.append(
                ContractLine(contract=contract, start_on=start, end_on=start + dt.timedelta(days=365),
                             mrr_cents=int(seats[n]) * 10_000, seats=int(seats[n]))
            )  # fmt: skip
    Contract.objects.bulk_create(contracts, batch_size=5_000)
    ContractLine.objects.bulk_create(lines, batch_size=5_000)
    ends = np.array([(TODAY - first).days + 999] * accounts)
    gone = leaves < 99
    ends[gone] = starts[gone] - 365 + 365 * leaves[gone]
    with store.session() as con, store.transaction(con):
        con.execute("SELECT setseed(0.7)")
        _use(con, first, (TODAY - first).days // 7, seats, ends)
    line("the book, made", _since(began))


def _use(con: Any, first: dt.date, weeks: int, seats: Any, ends: Any) -> None:
    import pyarrow as pa

    con.register(
        "book",
        pa.table({"account_id": np.arange(1, len(seats) + 1), "seats": seats, "ends": ends.astype(np.int64)}),
    )
    for week in range(weeks):
        # In the last eight weeks of an account use falls to a fifth; after its end there is none.
        con.execute(
            f"""INSERT INTO lake.usage
            SELECT account_id, '', 'bench', NULL, DATE '{first}' + {7 * week} + (hash(account_id, {week}) % 5)::INT AS day, day AS known_on,
                'track', 'action.' || event, NULL, greatest(1, round(seats * (0.5 + random()) * if(ends - {7 * week} < 56, 0.2, 1) / (1 + event)))::BIGINT, 0.0
            FROM book, range({_EVENTS}) e(event) WHERE {7 * week} < ends AND random() > 0.1"""
        )
    con.execute(
        """INSERT INTO lake.account_days (account_id, tenant, day, known_on, users, events, seconds)
        SELECT account_id, '', day, known_on, greatest(1, max(count) // 3), sum(count), 0.0 FROM lake.usage GROUP BY ALL"""
    )
    con.unregister("book")


if __name__ == "__main__":
    run(*(int(one) for one in sys.argv[1:]))
