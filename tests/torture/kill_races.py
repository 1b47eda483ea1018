"""Compaction, late arrivals, retention, erasure and queries in any order, against a list; a reader looks on all the while.

``python -m tests.torture.kill_races FOLDER SEED RUNS STEPS`` prints a line of JSON: runs of all steps, steps, those during which
the reader read, reads, failures.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import select
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import django
import duckdb
import hypothesis.strategies as st
import pyarrow as pa
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from evergreen.base.env import Home

ACCOUNTS = 4
TODAY = dt.date(2026, 11, 20)
DAYS = 6
_READ = (
    "SELECT account_id, count(*), count(DISTINCT message_id), sum(hash(message_id, properties))::HUGEINT::VARCHAR"
    " FROM lake.events GROUP BY account_id ORDER BY account_id"
)

Rows = list[tuple[int, int, int, str]]


# The reader's rest between two reads while nobody waits for one: some reads in every step, a core left to the step.
_REST = 0.03


class Reader:
    """Another process that reads the whole time; ``seen`` gives what it read since a moment, until now."""

    def __init__(self, home: Home) -> None:
        read, write = os.pipe()
        waits, self._hurry = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(read)
            try:
                _read_on(home, write, waits)
            finally:
                os._exit(0)
        os.close(write)
        os.close(waits)
        self._told = os.fdopen(read)
        self.reads = self.steps_seen = 0

    def seen(self, since: float) -> list[Rows]:
        """The results of queries that ended after ``since``, up to one that began after this call."""
        until, found, within = time.monotonic(), [], 0
        os.write(self._hurry, b".")
        while True:
            began, ended, rows, error = json.loads(self._told.readline())
            self.reads += 1
            if error:
                raise AssertionError(f"a reader failed: {error}")
            if ended >= since:
                found.append([tuple(row) for row in rows])
                within += began < until
            if began >= until:
                self.steps_seen += within > 0
                return found

    def end(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._told.close()
        os.close(self._hurry)


def _read_on(home: Home, write: int, hurry: int) -> None:
    from evergreen.events import store

    while True:
        began, rows, error = time.monotonic(), [], ""
        try:
            rows = store.reading(home).execute(_READ).fetchall()
        except Exception as wrong:
            error = f"{type(wrong).__name__}: {wrong}"
        os.write(write, (json.dumps([began, time.monotonic(), rows, error]) + "\n").encode())
        if select.select([hurry], [], [], _REST)[0]:
            os.read(hurry, 1)


class Races(RuleBasedStateMachine):
    """The model: id → (account, known day, properties) of what is stored; ids ever stored; days rolled up, retired."""

    home: Home
    template: Path
    counts: dict[str, int]

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[str, tuple[int, dt.date, str]] = {}
        self.known: set[str] = set()
        self.retired: set[dt.date] = set()
        self.number = 0
        self.steps = 0
        self.reader: Reader | None = None
        self.con: duckdb.DuckDBPyConnection | None = None
        self.held = ExitStack()

    @initialize()
    def begin(self) -> None:
        from django.db import connections

        from evergreen.events import message_keys, store

        connections.close_all()
        store.close()
        message_keys._indexes.clear()
        shutil.rmtree(self.home.root)
        shutil.copytree(self.template, self.home.root, symlinks=True)
        self.reader = Reader(self.home)

    def teardown(self) -> None:
        self._end_session()
        # The first step is the beginning. Hypothesis' own first example stops there.
        self.counts["runs"] += self.steps >= self.counts["asked"] - 1
        if self.reader is not None:
            self.counts["reads"] += self.reader.reads
            self.counts["steps seen"] += self.reader.steps_seen
            self.reader.end()

    @rule(
        account=st.integers(1, ACCOUNTS),
        day=st.integers(0, DAYS - 1),
        fresh=st.integers(0, 12),
        again=st.lists(st.integers(0, 200), max_size=4),
    )
    def arrive(self, account: int, day: int, fresh: int, again: list[int]) -> None:
        """Some new events of one day, late or not, and some that came before, were erased or are gone."""
        before = self._now()
        ids = [f"m{self.number + n}" for n in range(fresh)]
        self.number += fresh
        ids += [f"m{n}" for n in again if n < self.number]
        known_on = TODAY - dt.timedelta(days=day)
        new = [one for one in dict.fromkeys(ids) if one not in self.known]
        counted = self._append(ids, account, known_on)
        assert (counted.stored, counted.duplicates) == (len(new), len(ids) - len(new))
        self.known.update(new)
        self.stored |= {one: (account, known_on, _said(one)) for one in new}
        self._look(before)

    @rule()
    def compact(self) -> None:
        from evergreen.events import upkeep

        before = self._now()
        upkeep.merge(self._session(), home=self.home)
        # As the worker does: with each merge a new connection.
        self._end_session()
        self._look(before)

    @rule()
    def keep(self) -> None:
        from evergreen.events import upkeep

        before = self._now()
        upkeep.keep(self._session(), now=dt.datetime.now(dt.UTC), home=self.home)
        self._look(before)

    @rule(keep_days=st.integers(1, DAYS))
    def roll_up_and_retire(self, keep_days: int) -> None:
        from evergreen.events import retention, rollup

        before = self._now()
        now = dt.datetime.now(dt.UTC)
        rollup.roll_up(self._session(), TODAY)
        retention.retire(self._session(), keep_days=keep_days, today=TODAY, now=now, home=self.home)
        last = TODAY - dt.timedelta(days=keep_days)
        # A day whose events were removed takes late ones into its figures and lets them go.
        gone = {one for one, (_, day, _) in self.stored.items() if day < last or day in self.retired}
        self.retired |= {self.stored[one][1] for one in gone}
        for one in gone:
            del self.stored[one]
        self._look(before, at_once=False)

    @rule(account=st.integers(1, ACCOUNTS))
    def erase(self, account: int) -> None:
        from evergreen.customers.models import Account
        from evergreen.events import erasure

        before = self._now()
        now = dt.datetime.now(dt.UTC)
        erasure.erase_account(Account.objects.get(pk=account), by=None, now=now, home=self.home)
        self.stored = {one: row for one, row in self.stored.items() if row[0] != account}
        self._look(before, at_once=False)

    def _append(self, ids: list[str], account: int, known_on: dt.date) -> Any:
        from evergreen.events import arrivals, store

        moment = dt.datetime.combine(known_on, dt.time(4))
        row = {
            "source": "web", "kind": "track", "name": "Viewed", "account_id": account, "account_key": f"A-{account}",
            "tenant": "", "end_user": "u", "occurred_at": moment, "received_at": moment, "known_at": moment,
            "count": 1, "backfilled": False,
        }  # fmt: skip
        rows = [{**row, "message_id": one, "properties": _said(one)} for one in ids]
        events = pa.Table.from_pylist(rows, schema=arrivals.EVENT_SCHEMA)
        con = self._session()
        with arrivals.appending(self.home), store.transaction(con, self.home):
            now = dt.datetime.now(dt.UTC)
            return arrivals.append(
                con, events, origin="races", until=self.number, zone="UTC", now=now, home=self.home
            )

    def _session(self) -> duckdb.DuckDBPyConnection:
        """The writer's connection, which lasts from one merge to the next, as the worker's does."""
        from evergreen.events import store

        if self.con is None:
            self.con = self.held.enter_context(store.session(self.home))
        return self.con

    def _end_session(self) -> None:
        self.held.close()
        self.con = None

    def _now(self) -> tuple[float, dict[int, set[str]]]:
        return time.monotonic(), self._by_account()

    def _by_account(self) -> dict[int, set[str]]:
        found: dict[int, set[str]] = {}
        for one, (account, _, _) in self.stored.items():
            found.setdefault(account, set()).add(one)
        return found

    def _look(self, before: tuple[float, dict[int, set[str]]], *, at_once: bool = True) -> None:
        """Every read of the reader is what was there before or after; where rows go in several commits, in between.

        The newest read is equal to the list, bodies included.
        """
        self.steps += 1
        self.counts["steps"] += 1
        assert self.reader is not None
        since, old = before
        new = self._by_account()
        reads = self.reader.seen(since)
        for rows in reads:
            found = {account: count for account, count, _, _ in rows}
            assert all(count == distinct for _, count, distinct, _ in rows), f"an event twice: {rows}"
            for account in range(1, ACCOUNTS + 1):
                had, has = len(old.get(account, ())), len(new.get(account, ()))
                count = found.get(account, 0)
                holds = count in (had, has) if at_once else min(had, has) <= count <= max(had, has)
                assert holds, f"account {account}: {count} events read, {had} before, {has} after"
        assert _shown(reads[-1]) == self._wanted(), "the newest read differs from the list"

    def _wanted(self) -> Rows:
        """The list as ``_READ`` would have it."""
        return [
            (account, len(ids), len(ids), str(sum(map(_hash, ids))))
            for account, ids in sorted(self._by_account().items())
        ]


@cache
def _said(one: str) -> str:
    return json.dumps({"said": hashlib.sha256(one.encode()).hexdigest()})


@cache
def _hash(one: str) -> int:
    """The engine's hash of an event's id and body, asked of an engine that knows no lake."""
    row = _calculator().execute("SELECT hash(?::VARCHAR, ?::VARCHAR)", [one, _said(one)]).fetchone()
    assert row is not None
    return int(row[0])


@cache
def _calculator() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def _shown(rows: Rows) -> Rows:
    return [(account, count, distinct, str(total)) for account, count, distinct, total in rows]


def _template(folder: Path) -> Path:
    """A home with accounts and an empty lake, made once."""
    made = folder / "template"
    if not made.exists():
        from django.core.management import call_command
        from django.db import connections

        from evergreen.customers.models import Account
        from evergreen.events import store

        call_command("migrate", verbosity=0)
        store.create(Home(folder / "home"))
        now = dt.datetime.now(dt.UTC)
        for number in range(1, ACCOUNTS + 1):
            Account.objects.create(
                pk=number, external_id=f"A-{number}", name=f"A {number}", created_at=now, known_at=now
            )
        connections.close_all()
        store.close()
        shutil.copytree(folder / "home", made.with_suffix(".new"), symlinks=True)
        made.with_suffix(".new").rename(made)
    return made


def main() -> None:
    folder = Path(sys.argv[1])
    number, runs, steps = map(int, sys.argv[2:5])
    os.environ["EVERGREEN_HOME"] = str(folder / "home")
    os.environ["DJANGO_SETTINGS_MODULE"] = "evergreen.launch.settings"
    (folder / "home").mkdir(parents=True, exist_ok=True)
    django.setup()
    Races.home, Races.template = Home(folder / "home"), _template(folder)
    Races.counts = {"asked": steps, "runs": 0, "steps": 0, "steps seen": 0, "reads": 0}
    case = Races.TestCase
    case.settings = settings(
        max_examples=runs + 1,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    failures = []
    try:
        seed(number)(case.runTest)(case())
    except BaseException as error:
        notes = "; ".join(getattr(error, "__notes__", []))[-1500:]
        failures.append(f"seed {number}: {type(error).__name__}: {error} [{notes}]")
    print(json.dumps({**Races.counts, "failures": failures}), flush=True)


if __name__ == "__main__":
    main()
