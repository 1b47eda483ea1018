"""A new day of a long history: its figures from the roll-ups, against hand-written SQL over all events there ever were (those of
a night for that day, and the seven of ``bench figures`` for every week); and the same day after a short history of as many
events a day.

Arguments: events (default 100,000,000), accounts (default 10,000) and days of history (default 730). ``BENCH_HOMES`` names a
folder where the homes are kept for another run.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from functools import partial
from typing import Any

from bench import by_hand, new_day, two_years
from bench.by_hand import COMPARED
from bench.homes import home_of, line
from bench.night import apart
from bench.two_years import LAST, NEXT

ROUNDS = 3
SHORT_DAYS = 60


def from_rollups() -> dict[str, Any]:
    """Seconds (by the clock, of the processor) of rolling up the new day, of its figures as those by hand and of all metrics;
    rows of the former.

    The first of the rounds also compiles the queries, which a process does once.
    """
    import django

    django.setup()
    from evergreen.events import rollup, store
    from evergreen.metrics import figures, registry

    with store.session() as con:
        # What one made of the day before.
        rollup.roll_up(con, LAST)
        everything = registry.current().on(NEXT)
        same = everything.closure(set(COMPARED))
        told: dict[str, Any] = {}

        def rolled_again() -> None:
            rollup.roll_up(con, NEXT)

        rolled = []
        _bytes_read(con)
        for _ in range(ROUNDS):
            con.execute("DELETE FROM lake.rolled WHERE known_on = ?", [NEXT])
            rolled.append(_timed(rolled_again))
            # What the first round read is held in memory for the next ones.
            told.setdefault("roll-up, bytes", _bytes_read(con))
        told["roll-up"], told["roll-up, first"] = min(rolled), rolled[0]
        for name, wanted in (("same figures", same), ("all metrics", everything)):
            work = partial(figures.compute, con, NEXT, wanted)
            _bytes_read(con)
            seconds = []
            for _ in range(ROUNDS):
                seconds.append(_timed(work))
                told.setdefault(f"{name}, bytes", _bytes_read(con))
            told[name], told[f"{name}, first"] = min(seconds), seconds[0]
            if wanted is same:
                names = ", ".join(COMPARED)
                # Accounts that never did anything have no row by hand.
                ever = f"SELECT account_id, {names} FROM {figures.FRESH} WHERE last_active_on IS NOT NULL ORDER BY account_id"
                told["rows"] = con.execute(ever).to_arrow_table()
    return told


def _bytes_read(con: Any) -> int:
    """Bytes of the lake's files that were read since the last look; the first look begins."""
    if not con.execute(
        "SELECT count(*) FROM duckdb_settings() WHERE name = 'enable_logging' AND value = 'true'"
    ).fetchone()[0]:
        con.execute("CALL enable_logging('FileSystem', level='TRACE')")
    read = con.execute(
        "SELECT coalesce(sum(bytes::BIGINT), 0) FROM duckdb_logs_parsed('FileSystem') WHERE op = 'READ'"
    ).fetchone()[0]
    con.execute("CALL truncate_duckdb_logs()")
    return int(read)


def _timed(work: Any) -> tuple[float, float]:
    began, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - busy


def measured(events: int, accounts: int, days: int, people: int, hand: bool) -> dict[str, Any]:
    """Of one history, in a process of its own: what the roll-ups take and, where asked for, the hand-written SQL."""
    with home_of(two_years.name(events, accounts, days)):
        apart(two_years.build, events, accounts, days, people)
        found: dict[str, Any] = apart(from_rollups)
        if hand:
            found["hand"], found["hand, busy"], found["by hand"] = apart(
                by_hand.timed, NEXT, by_hand.ALL_HISTORY
            )
            found["seven"] = apart(new_day.from_rollups)
            found["seven by hand"] = apart(new_day.by_hand, NEXT - dt.timedelta(days=days))
    return found


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]]
    events, accounts, days = [*sizes, *(100_000_000, 10_000, two_years.DAYS)[len(sizes) :]]
    people = max(1, events // accounts // 500)
    short = apart(measured, events * SHORT_DAYS // days, accounts, SHORT_DAYS, people, False)
    ours = apart(measured, events, accounts, days, people, True)
    _line(f"hand-written SQL over {events:,} events of {days} days (s)", (ours["hand"], ours["hand, busy"]))
    _seven(ours)
    _line("the new day rolled up (s)", ours["roll-up"])
    _line("the same figures from the roll-ups (s)", ours["same figures"])
    _line("  with compiling their query, once in a process (s)", ours["same figures, first"])
    _line("every metric from the roll-ups (s)", ours["all metrics"])
    line(
        "figures equal to the hand-written SQL",
        str(ours["rows"].to_pylist() == ours["by hand"].to_pylist()),
        "True",
    )
    for at, of in ((0, "by the clock"), (1, "of the processor")):
        spent = (ours["hand"], ours["hand, busy"])[at]
        line(
            f"hand-written ÷ the same figures, {of}", f"{spent / ours['same figures'][at]:.1f}", "at least 20"
        )
        both = ours["roll-up"][at] + ours["same figures"][at]
        line(f"hand-written ÷ the new day rolled up and its figures, {of}", f"{spent / both:.1f}")
    for name in ("roll-up", "same figures", "all metrics"):
        ratios = " and ".join(f"{ours[name][at] / short[name][at]:.2f}" for at in (0, 1))
        line(f"{days} ÷ {SHORT_DAYS} days: {name}, clock and processor", ratios, "at most 1.4")
        read = [told[f"{name}, bytes"] for told in (short, ours)]
        both = f"{read[0] / 1e6:.1f} and {read[1] / 1e6:.1f} MB: {read[1] / max(1, read[0]):.2f}"
        line(f"  bytes read by its first round after {SHORT_DAYS} and {days} days", both, "within 10%")


def _seven(ours: dict[str, Any]) -> None:
    """The seven figures of ``bench figures``: every week of all history by hand, the new day from the roll-ups."""
    rounds, sums = ours["seven"]
    *hand, sums_by_hand = ours["seven by hand"]
    _line("seven figures by hand over all history (s)", (hand[0], hand[1]))
    _line("the seven of the new day from the roll-ups (s)", min(rounds))
    line("rows and sums of the new day equal", str(sums == sums_by_hand), "True")
    for at, of in ((0, "by the clock"), (1, "of the processor")):
        mine = min(rounds)[at]
        line(f"by hand ÷ the new day, {of}", f"{hand[at] / mine:.1f}", "at least 20")
        both = ours["roll-up"][at] + mine
        line(f"by hand ÷ the new day rolled up and its figures, {of}", f"{hand[at] / both:.1f}")


def _line(what: str, seconds: tuple[float, float]) -> None:
    line(what, f"{seconds[0]:.2f} ({seconds[1]:.2f} cpu)")


if __name__ == "__main__":
    main()
