"""The portfolio of 100,000 accounts over 36 months: reading its contract lines, and each figure of the page.

``python -m bench portfolio [ACCOUNTS [MONTHS]]``. Prints seconds of one run; the bar is a page in about a second.
"""

from __future__ import annotations

import datetime as dt
import functools
import random
import time
from collections.abc import Callable
from typing import Any

from bench.homes import line, scratch_home

TODAY = dt.date(2026, 11, 20)


def run(accounts: int = 100_000, months: int = 36) -> None:
    """Build the book, then time each part."""
    with scratch_home():
        lines = _fill(accounts)
        line("contract lines", f"{lines:,}")
        from evergreen.outcomes.portfolio.asking import Asked, Dimension
        from evergreen.outcomes.portfolio.periods import moved
        from evergreen.outcomes.portfolio.report import Report
        from evergreen.outcomes.queries import book

        asked = Asked(moved(TODAY, -months + 1), TODAY, grace_days=60)
        for turn in ("first", "second"):
            report = Report(None, asked, TODAY)
            parts: dict[str, Callable[[Report], Any]] = {
                "contract lines read": lambda one: one.read,
                f"movements of {months} months, strict": lambda one: one.cells(),
                "the same with grace": lambda one: one.cells(graced=True),
                "the whole span by tier": lambda one: one.span(Dimension.TIER),
                "yearly rates of each month": lambda one: one.years,
                "each month as told at its close": lambda one: one.at_close,
                "renewals by month": lambda one: one.renewals(),
            }
            line(f"{turn}: all of it", _timed(functools.partial(_all, turn, parts, report)), "about 1 s")
        first = moved(TODAY, -1)
        line("one month by the plain code (outcomes.queries.book)", _timed(lambda: book(first, TODAY)))


def _all(turn: str, parts: dict[str, Callable[[Any], Any]], report: Any) -> None:
    for what, part in parts.items():
        _told(turn, what, part, report)


def _told(turn: str, what: str, part: Callable[[Any], Any], report: Any) -> None:
    line(f"{turn}: {what}", _timed(lambda: part(report)))


def _timed(run: Callable[[], Any]) -> str:
    """Seconds by the clock, and of the processor: on a machine that others use the second says more."""
    since, used = time.perf_counter(), time.process_time()
    run()
    return f"{time.perf_counter() - since:.2f} s ({time.process_time() - used:.2f} s cpu)"


def _fill(accounts: int) -> int:
    from evergreen.base.clock import utc_now
    from evergreen.customers.models import Account, Contract, ContractLine

    chance, now = random.Random(7), utc_now()
    Account.objects.bulk_create(
        (
            Account(
                external_id=f"A{n}", name=f"Account {n}", created_at=now, known_at=now,
                tier=chance.choice(["strategic", "growth", "growth", "basic", "basic", "basic"]),
            )
            for n in range(accounts)
        ),
        batch_size=5_000,
    )  # fmt: skip
    contracts: list[Contract] = []
    lines: list[ContractLine] = []
    for account in Account.objects.order_by("pk").values_list("pk", flat=True):
        start = dt.date(2022, 6, 1) + dt.timedelta(days=chance.randrange(1_500))
        before: int | None = None
        cents = chance.randrange(1_000_00, 90_000_00)
        while start < TODAY:
            end = start + dt.timedelta(days=365)
            key = len(contracts) + 1
            signed = start + dt.timedelta(days=chance.choice([-20, -10, -5, 20]))
            contracts.append(
                Contract(pk=key, account_id=account, external_id=f"C{key}", currency="CNY", signed_on=signed,
                         renews_id=before, known_at=now)
            )  # fmt: skip
            lines.append(ContractLine(contract_id=key, start_on=start, end_on=end, mrr_cents=cents))
            if chance.random() < 0.15:
                break
            before, start, cents = key, end, round(cents * chance.choice([0.9, 1, 1, 1.1]))
    Contract.objects.bulk_create(contracts, batch_size=5_000)
    ContractLine.objects.bulk_create(lines, batch_size=5_000)
    return len(lines)


if __name__ == "__main__":
    import sys

    run(*map(int, sys.argv[1:]))
