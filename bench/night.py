"""The night against hand-written SQL over the same files: 10,000 accounts, 10M events in 28 days (+1 day).

Arguments: events (default 10,000,000) and accounts (default 10,000).
"""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import re
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from bench import by_hand, vendor
from bench.by_hand import COMPARED
from bench.homes import line, scratch_home

DAY = dt.date(2026, 10, 31)
NOW = dt.datetime(2026, 11, 3, tzinfo=dt.UTC)

GENERATE = """
INSERT INTO lake.events BY NAME
SELECT 'product' AS source, 'track' AS kind, 'action.' || f AS name, account AS account_id, '' AS tenant,
       'u' || (hash(i, 7) % (4 + account % 30)) AS end_user, moment AS occurred_at, moment AS received_at,
       moment AS known_at, moment::DATE AS day, moment::DATE AS known_on, 1 AS count, 'm' || i AS message_id,
       false AS backfilled
FROM (
    SELECT i, 1 + (hash(i) % {accounts})::BIGINT AS account, (hash(i, 3) % {features})::INT AS f,
           TIMESTAMP '{start}' + to_microseconds(((i::HUGEINT * {span}) // {events})::BIGINT) AS moment
    FROM range({events}) t(i)
) ORDER BY moment::DATE, account
"""


def build(events: int, accounts: int, days: int = 28) -> None:
    """Fill the home: accounts, features, so many days of events, and one more day."""
    import django

    django.setup()
    from evergreen.events import store

    vendor.add_records(accounts)
    with store.session() as con:
        for start, length, rows in (
            (DAY - dt.timedelta(days=days - 1), days, events),
            (DAY + dt.timedelta(days=1), 1, events // days),
        ):
            with store.transaction(con):
                con.execute(
                    GENERATE.format(
                        accounts=accounts,
                        features=vendor.FEATURES,
                        events=rows,
                        start=f"{start} 00:00:00",
                        span=length * 86_400_000_000,
                    )
                )
                con.execute(
                    "INSERT INTO lake.arrivals SELECT known_on, 'bench', count(*) FROM lake.events"
                    f" WHERE known_on >= DATE '{start}' GROUP BY known_on"
                )


def apart(task: Any, *arguments: Any) -> Any:
    """What the task returns, run in a process of its own, so that its memory is not counted as ours."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(task, *arguments).result()


def night(con: Any, day: dt.date) -> dict[str, float]:
    """Seconds of each part of a night."""
    from evergreen.events import rollup
    from evergreen.health import actions as health
    from evergreen.metrics import actions as metrics

    parts = {}
    for name, step in (
        ("roll-up", lambda: rollup.roll_up(con, day)),
        ("snapshot", lambda: metrics.take_snapshot(con, day, now=NOW)),
        ("score", lambda: health.score_day(con, day)),
        ("rows", lambda: (metrics.write_newest(con, day), health.write_standings(con, day))),
    ):
        started = time.perf_counter()
        step()
        parts[name] = time.perf_counter() - started
    return parts


def files_read(con: Any, day: dt.date, root: Any) -> set[str]:
    """Known days of the raw event files that the roll-up of ``day`` opens, from the engine's own profile."""
    from evergreen.events import rollup

    profile = root / "profile.json"
    found: set[str] = set()

    class Watched:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def execute(self, sql: str, *args: Any) -> Any:
            if "lake" not in sql or "events" not in sql:
                return self._inner.execute(sql, *args)
            self._inner.execute("PRAGMA enable_profiling='json'")
            self._inner.execute(f"PRAGMA profiling_output='{profile}'")
            result = self._inner.execute(sql, *args)
            self._inner.execute("PRAGMA disable_profiling")
            if profile.exists():
                text = json.dumps(json.loads(profile.read_text()))
                found.update(re.findall(r"main/events/known_on=([\d-]+)", text))
            return result

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

    rollup.roll_up(Watched(con), day)  # type: ignore[arg-type]
    return found


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    accounts = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    with scratch_home() as root:
        from evergreen.events import store

        apart(build, events, accounts)
        with store.session() as con:
            hand, _busy, table = apart(by_hand.timed, DAY, by_hand.TWO_WINDOWS)
            full = night(con, DAY)
            names = ", ".join(COMPARED)
            ours = (
                con.execute(
                    f"SELECT account_id, {names} FROM lake.snapshots WHERE day = ? AND events_28d > 0 ORDER BY account_id",
                    [DAY],
                )
                .to_arrow_table()
                .to_pylist()
            )
            equal = ours == table.to_pylist()
            next_day = DAY + dt.timedelta(days=1)
            read = files_read(con, next_day, root)
            con.execute("DELETE FROM lake.rolled WHERE known_on = ?", [next_day])
            second = night(con, next_day)
        total = sum(full.values())
        compute = full["roll-up"] + full["snapshot"] + full["score"]
        line(f"hand-written SQL from raw events, {events:,} events (s)", f"{hand:.2f}")
        for name, seconds in full.items():
            line(f"  full build over 28 days: {name} (s)", f"{seconds:.2f}")
        line("figures equal to the hand-written SQL", str(equal), "True")
        line(
            "snapshot + health from the roll-up ÷ hand-written",
            f"{(full['snapshot'] + full['score']) / hand:.2f}",
            "at most 1.5",
        )
        line("roll-up + snapshot + health ÷ hand-written", f"{compute / hand:.2f}")
        line("second night ÷ full build", f"{sum(second.values()) / total:.2f}", "at most 0.30")
        line("raw days that the second night reads", ", ".join(sorted(read)), str(next_day))
        for name, seconds in second.items():
            line(f"  second night: {name} (s)", f"{seconds:.2f}")
        line(
            "peak memory (GB)", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f}", "at most 2"
        )


if __name__ == "__main__":
    main()
