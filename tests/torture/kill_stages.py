"""The way of an event in stages, each small enough to be killed at every one of its system calls.

``python -m tests.torture.kill_stages FOLDER SEED`` runs under ``calls.so`` with Django set up once, reads a line of
JSON a point from stdin (stage, kind, at), forks a child that does the stage and dies at that call, forks another
that starts again and looks, and answers with a line of what it found. Kind "" only counts the calls.
"""

from __future__ import annotations

import datetime as dt
import importlib
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import django

from evergreen.base.env import Home
from tests.torture import kill_checking
from tests.torture.calls import Calls
from tests.torture.kill_traffic import Stream
from tests.torture.ledger import Ledger
from tests.torture.reports import Report, Sizes
from tests.torture.resuming import Part

SOURCE = "shop"
STAGES = ("ingest", "move", "merge", "tidy")
# Requests by how many events they hold; the event numbers follow one another.
_REQUESTS = (1, 7, 1, 40, 3, 1, 25, 2)
_MORE = (1, 9, 4)
SIZE = sum(_REQUESTS) + sum(_MORE)
# Small, so that a stage ends segments and writes files of keys as a long run does.
_SEGMENT_BYTES = 6_000
_TAIL_KEYS = 30
_LOADED = (
    "duckdb_extension_ducklake", "duckdb_extension_sqlite", "numpy.ma", "pandas", "pyarrow.dataset",
    "django.db.models.sql.compiler", "zoneinfo._zoneinfo", "evergreen.events.mover", "evergreen.events.upkeep",
    "evergreen.events.ingest.app", "tests.events.asking",
)  # fmt: skip
_LATER = dt.timedelta(hours=26)


class Stages:
    """One home in a folder, put back from a template before each point."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed, self.key = folder, seed, ""
        self.home = Home(folder / "home")
        self.stream = Stream(seed)

    def made(self) -> None:
        """The first stage's template; those of the others are made from it by doing the stages before undisturbed."""
        first = self._template(STAGES[0])
        if not first.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self.home.root.mkdir(parents=True)
            self._run_forked(self._begin)
            self._keep(STAGES[0])
        self.key = (first / "home" / "key").read_text()

    def _make(self, stage: str) -> None:
        """The templates up to a stage."""
        for before, next_ in pairwise(STAGES[: STAGES.index(stage) + 1]):
            if not self._template(next_).exists():
                self._put_back(before)
                self._run_forked(self._stage(before))
                self._keep(next_)

    def point(self, stage: str, kind: str, at: int) -> dict[str, Any]:
        """Do a stage, killed at a call; what was found when it was started again."""
        self._make(stage)
        self._put_back(stage)

        def worked() -> dict[str, Any]:
            calls = Calls()
            calls.watch(self.home.root)
            if kind:
                calls.arm(kind, at)
            self._stage(stage)()
            return calls.counted()

        found = self._run_forked(worked)
        if kind:
            return {
                "died": found is None,
                **(self._run_forked(self._looked_at) or {"failures": ["the start died"]}),
            }
        return {"counted": found}

    def _run_forked(self, work: Callable[[], Any]) -> Any:
        """What ``work`` returns in a child of its own, or None when the child was killed."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            code = 0
            try:
                _say(write, work() or {})
            except BaseException as error:
                _say(write, {"failures": [f"{type(error).__name__}: {error}"]})
                code = 1
            os._exit(code)
        os.close(write)
        with os.fdopen(read) as told:
            text = told.read()
        os.waitpid(child, 0)
        return json.loads(text) if text else None

    def _template(self, stage: str) -> Path:
        return self.folder / f"template-{stage}"

    def _keep(self, stage: str) -> None:
        to = self._template(stage)
        made = to.with_suffix(".new")
        shutil.rmtree(made, ignore_errors=True)
        shutil.copytree(self.home.root, made / "home", symlinks=True)
        shutil.copy2(self._ledger, made / "ledger")
        made.rename(to)

    def _put_back(self, stage: str) -> None:
        shutil.rmtree(self.home.root, ignore_errors=True)
        shutil.copytree(self._template(stage) / "home", self.home.root, symlinks=True)
        shutil.copy2(self._template(stage) / "ledger", self._ledger)

    @property
    def _ledger(self) -> Path:
        return self.folder / "ledger"

    # What happens in children -------------------------------------------------------------------------------------

    def _begin(self) -> None:
        from django.core.management import call_command

        from evergreen.base import clock
        from evergreen.events import actions, store

        call_command("migrate", verbosity=0)
        store.create(self.home)
        now = clock.utc_now()
        (self.home.root / "key").write_text(
            actions.create_key(actions.create_source(SOURCE, now=now), now=now)
        )
        Ledger(self._ledger, SIZE).close()

    def _stage(self, name: str) -> Callable[[], None]:
        found: Callable[[], None] = getattr(self, f"_do_{name}")
        return found

    def _do_ingest(self) -> None:
        """Requests become segments of the journal."""
        self._send(0, _REQUESTS)

    def _do_move(self) -> None:
        """Segments become Parquet files and a commit; twice, with repeats and new events in the second."""
        self._move()
        self._send(0, _REQUESTS[:3])
        self._send(sum(_REQUESTS), _MORE)
        self._move()

    def _do_merge(self) -> None:
        """Small files become one."""
        from evergreen.events import store, upkeep

        with store.session(self.home) as con:
            upkeep.merge(con, home=self.home)

    def _do_tidy(self) -> None:
        """Old snapshots are dropped and files that nobody can read removed."""
        from evergreen.events import store

        with store.session(self.home) as con:
            self._keep_up_on(con)

    def _keep_up_on(self, con: Any) -> None:
        from evergreen.base import clock
        from evergreen.events import upkeep

        upkeep.keep(con, now=clock.utc_now() + _LATER, home=self.home)

    def _send(self, first: int, requests: tuple[int, ...]) -> None:
        from evergreen.events.ingest import Ingest
        from evergreen.events.journal import Journal
        from tests.events.asking import ask

        ledger = Ledger(self._ledger, SIZE)
        journal = Journal(self.home, segment_bytes=_SEGMENT_BYTES)
        ingest = Ingest(self.home, journal)
        for count in requests:
            path, body = self.stream.request(first, count)
            ledger.sending(first, count)
            answer = ask(ingest, path, body, key=self.key, packed=count == 3)
            if answer.status != 200:
                raise AssertionError(f"a request was answered {answer.status}: {answer.body!r}")
            ledger.acked(first, count)
            first += count
        journal.close()
        ledger.close()

    def _move(self) -> None:
        from evergreen.events import store

        with store.session(self.home) as con:
            self._move_on(con)

    def _move_on(self, con: Any) -> None:
        from evergreen.base import clock
        from evergreen.events import message_keys
        from evergreen.events.mover import Mover, moving

        message_keys._TAIL_KEYS = _TAIL_KEYS
        with moving(self.home):
            Mover(con, self.home).move(clock.utc_now())

    def _looked_at(self) -> dict[str, Any]:
        """Start again: nothing lost, nothing twice, no file missing or left, everything sent again is known."""
        from evergreen.events import store, upkeep

        part = Part(Report("ING-04", self.seed), Sizes(self.seed), self.folder, math.inf)
        began = time.monotonic()
        with store.session(self.home) as con:
            self._move_on(con)
            seconds = time.monotonic() - began
            self._compare(part, con, "after the start")
            self._send(0, (*_REQUESTS, *_MORE))
            self._move_on(con)
            upkeep.merge(con, home=self.home)
            self._keep_up_on(con)
            self._compare(part, con, "after all was sent again and merged", everything=True)
            named, there = self._files(con)
        part.expect(named <= there, f"{len(named - there)} files of the catalog are not there")
        part.expect(there <= named, f"{len(there - named)} files are left that no catalog names")

        return {"failures": part.report.failures, "seconds": seconds, "figures": part.figures}

    def _compare(self, part: Part, con: Any, when: str, *, everything: bool = False) -> None:
        before = len(part.report.failures)
        ledger = Ledger(self._ledger, SIZE)
        kill_checking.compare(part, con, ledger.standing(), self.seed, source=SOURCE, exactly=False)
        ledger.close()
        if everything:
            part.expect(part.figures["stored"] == SIZE, f"stored are {part.figures['stored']} of {SIZE}")
        part.report.failures[before:] = [f"{when}: {one}" for one in part.report.failures[before:]]

    def _files(self, con: Any) -> tuple[set[str], set[str]]:
        """Names of the files that the catalog reads, and of those on the disk."""
        tables = con.execute("SELECT table_name FROM ducklake_table_info('lake')").fetchall()
        named: set[str] = set()
        for (table,) in tables:
            rows = con.execute(
                f"SELECT data_file, delete_file FROM ducklake_list_files('lake', '{table}')"
            ).fetchall()
            named |= {Path(path).name for row in rows for path in row if path}
        return named, {path.name for path in (self.home.lake / "data").rglob("*.parquet")}


def _say(fd: int, found: Any) -> None:
    os.write(fd, json.dumps(found).encode())


def main() -> None:
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    os.environ["EVERGREEN_HOME"] = str(folder / "home")
    os.environ["DJANGO_SETTINGS_MODULE"] = "evergreen.launch.settings"
    (folder / "home").mkdir(parents=True, exist_ok=True)
    django.setup()
    # What the stages load on their way is loaded here once, so that a point costs little.
    for name in _LOADED:
        importlib.import_module(name)
    stages = Stages(folder, seed)
    stages.made()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(stages.point(*json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
