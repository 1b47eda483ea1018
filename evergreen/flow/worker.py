"""The worker: moves the journal, does jobs, keeps the minute and the night. `evergreen serve` runs one.

Eleven threads, so that long work never makes events wait: the mover looks several times a second and stores
about once a second; jobs are done one after another, those that read connections and those that learn beside the others, so
that an import never waits for another system or for minutes of learning; the clock publishes write keys, matches waiting events
and steps the minute; the night runs what is missing; event rules look at what was stored; playbooks take what is due, and what they want sent is sent beside them; answers are fetched beside that, for a mailbox may be slow; upkeep merges
the lake's files. A fault is logged and tried again; nothing is lost by a kill.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib
import importlib.util
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import close_old_connections
from django.utils.module_loading import autodiscover_modules

from evergreen.base import clock, env, jobs, queries
from evergreen.events import actions as events
from evergreen.events import journal, matching, merging, mover, store, upkeep
from evergreen.events.connections import actions as connections
from evergreen.foresight import jobs as learning

if TYPE_CHECKING:
    import duckdb

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
MOVE_SECONDS = 1.0
# A step of so many events did not catch up yet.
BACKLOG_EVENTS = 20_000
JOB_SECONDS = 1.0
CLOCK_SECONDS = 2.0
MINUTE_SECONDS = 60.0
HEAR_SECONDS = 0.5
PLAY_SECONDS = 20.0
SEND_SECONDS = 5.0
FETCH_SECONDS = 10.0
UPKEEP_SECONDS = 3600.0
# A lake with many small files (an import of years, the demo) is merged in rounds of so many commits.
ROUND_COMMITS = 20
NIGHT_SECONDS = 20.0
# Each commit adds a small file to some tables; so many are merged at a time.
MERGE_COMMITS = 60
FAULT_SECONDS = 5.0


@dataclass(slots=True)
class Pulse:
    """What the worker says of itself in the home's worker.json, for `evergreen doctor`."""

    pid: int
    host: str
    started_at: str
    beat_at: str = ""
    moved_at: str = ""
    moved_events: int = 0
    faults: dict[str, str] = field(default_factory=dict)


def pause_after(events: int, seconds: float) -> float:
    """How long the mover rests after a step. A step costs nearly the same for one event and for thousands, so that
    while few come in they are let gather: about a step a second, and never more than half of the time.
    """
    return 0.0 if events >= BACKLOG_EVENTS else max(LOOK_SECONDS, MOVE_SECONDS - seconds, seconds)


class Worker:
    """One worker on one home. ``run`` returns when ``stop`` is set and what was under way has ended."""

    def __init__(self, home: env.Home, stop: threading.Event) -> None:
        self._home = home
        self._stop = stop
        self._pulse = Pulse(os.getpid(), socket.gethostname(), clock.utc_now().isoformat())
        self._matched_for: Any = None
        self._next_minute = 0.0
        # Also once at the start: what a worker before stored and nobody heard.
        self._heard = -1
        self._next_upkeep = time.monotonic() + MINUTE_SECONDS

    def run(self) -> None:
        autodiscover_modules("jobs")
        threads = [
            threading.Thread(target=self._repeat, args=(name, turn, pause), name=name)
            for name, turn, pause in (
                ("mover", self._move, LOOK_SECONDS),
                ("jobs", self._do_jobs, JOB_SECONDS),
                ("readers", self._read_connections, JOB_SECONDS),
                ("learners", self._learn, JOB_SECONDS),
                ("clock", self._keep_time, CLOCK_SECONDS),
                ("night", self._run_nights, NIGHT_SECONDS),
                ("rules", self._hear, HEAR_SECONDS),
                ("playbooks", self._play, PLAY_SECONDS),
                ("touches", self._send, SEND_SECONDS),
                ("answers", self._fetch, FETCH_SECONDS),
                ("upkeep", self._keep_lake, CLOCK_SECONDS),
            )
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        store.close()
        journal.close_all()

    def _repeat(self, name: str, turn: Callable[[], None], pause: float) -> None:
        """Run a turn again and again; a fault is logged once a turn and never ends the thread."""
        while not self._stop.is_set():
            wait = pause
            try:
                turn()
            except mover.MoverBusyError as error:
                log.warning("%s", error)
                wait = FAULT_SECONDS
            except Exception as error:
                self._pulse.faults[name] = f"{type(error).__name__}: {error}"[:500]
                log.exception("The worker's %s failed; it tries again in %.0f s.", name, FAULT_SECONDS)
                wait = FAULT_SECONDS
            else:
                self._pulse.faults.pop(name, None)
            finally:
                close_old_connections()
            self._stop.wait(wait)

    def _move(self) -> None:
        """Hold the right to move, and move until told to stop or something fails."""
        with mover.moving(self._home):
            # What stood unmerged when the worker before ended counts too: one that often starts again still merges.
            commits = upkeep.unmerged_commits(store.reading(self._home))
            while not self._stop.is_set():
                # With each merge a new connection: one grows with every commit (store.READER_SECONDS).
                with store.session(self._home) as con:
                    self._move_until_merged(con, commits)
                commits = 0

    def _move_until_merged(self, con: duckdb.DuckDBPyConnection, commits: int) -> None:
        with contextlib.closing(mover.Mover(con, self._home)) as moving:
            while not self._stop.is_set():
                began = time.monotonic()
                self._pulse.faults.pop("mover", None)
                pause = LOOK_SECONDS
                if moving.waits() and (moved := moving.step(clock.utc_now())) is not None:
                    commits += 1
                    self._pulse.moved_at = clock.utc_now().isoformat()
                    self._pulse.moved_events += moved.stored
                    pause = pause_after(moved.received, time.monotonic() - began)
                self._stop.wait(pause)
                close_old_connections()
                if commits >= MERGE_COMMITS:
                    upkeep.merge(con, most=self._merges(), home=self._home)
                    return

    def _merges(self) -> int:
        """How many transactions of merging a round may do: none on a disk whose reserve is begun, for the files that are
        replaced stay for hours beside the new ones."""
        return ROUND_COMMITS if journal.disk(self._home).disk_ok else 0

    def _match(self) -> None:
        """Give waiting events to their accounts, when accounts or end users changed since the last time."""
        names = matching.names_changed()
        if names == self._matched_for:
            return
        with store.session(self._home) as con:
            merging.follow_mergers(con, now=clock.utc_now(), home=self._home)
            matched = matching.match_waiting_events(con, now=clock.utc_now(), home=self._home)
        self._matched_for = names
        if matched.events:
            log.info("%d waiting events found their account.", matched.events)

    def _do_jobs(self) -> None:
        self._do("", without=(connections.JOB, *learning.KINDS))

    def _read_connections(self) -> None:
        """Runs of connections one after another. One connection never has two: only one run of it may be open."""
        self._do(":readers", only=(connections.JOB,))

    def _learn(self) -> None:
        """What is learned anew every week takes minutes: a file or an export does not wait for it."""
        self._do(":learners", only=learning.KINDS)

    def _do(self, lane: str, *, only: Collection[str] = (), without: Collection[str] = ()) -> None:
        name = f"{self._pulse.host}:{self._pulse.pid}{lane}"
        while not self._stop.is_set():
            now = clock.utc_now()
            job = jobs.claim_job(name, only=only, without=without, now=now)
            if job is None:
                return
            log.info("Job %d (%s) begins.", job.pk, job.kind)
            jobs.run_job(job, now=now)
            log.info("Job %d (%s): %s.", job.pk, job.kind, job.state)
            close_old_connections()

    def _keep_time(self) -> None:
        if events.publish_keys(self._home):
            log.info("The write keys in force were written to %s.", self._home.keys)
        self._beat()
        if time.monotonic() >= self._next_minute:
            self._next_minute = time.monotonic() + MINUTE_SECONDS
            if minute := _optional("evergreen.flow.minute"):
                minute.run(now=clock.utc_now())
            self._match()

    def _keep_lake(self) -> None:
        if time.monotonic() < self._next_upkeep:
            return
        with store.session(self._home) as con:
            kept = upkeep.keep(con, now=clock.utc_now(), most=self._merges(), home=self._home)
        if not kept.has_more:
            self._next_upkeep = time.monotonic() + UPKEEP_SECONDS

    def _hear(self) -> None:
        """Event rules look at what came in, when something did."""
        moved = self._pulse.moved_events
        if moved == self._heard:
            return
        from evergreen.alerts import actions as alerts

        alerts.hear(now=clock.utc_now())
        self._heard = moved

    def _play(self) -> None:
        from evergreen.flow import minute

        minute.play(now=clock.utc_now(), stops=self._stop.is_set)

    def _send(self) -> None:
        from evergreen.flow import minute

        minute.send(stops=self._stop.is_set)

    def _fetch(self) -> None:
        from evergreen.flow import minute

        minute.fetch()

    def _run_nights(self) -> None:
        """After the vendor's night hour, the nights of every ended day that has none yet."""
        now = clock.utc_now()
        if now.astimezone(queries.vendor_zone()).hour < int(queries.setting("night_hour")):
            return
        from evergreen.flow import night

        for day in night.missing_days(now):
            if self._stop.is_set():
                return
            log.info("The night of %s begins.", day)
            try:
                night.run(day, now=clock.utc_now())
            except night.NightBusyError as error:
                log.info("%s", error)
                return
            log.info("The night of %s is done.", day)
        learning.start_due(now=clock.utc_now())

    def _beat(self) -> None:
        self._pulse.beat_at = clock.utc_now().isoformat()
        write_pulse(self._home, self._pulse)


def write_pulse(home: env.Home, pulse: Pulse) -> None:
    """Replace worker.json whole; a reader never sees half of it."""
    made = home.root / f"worker.json.{pulse.pid}.new"
    made.write_text(json.dumps(asdict(pulse)), "utf-8")
    made.replace(home.root / "worker.json")


def read_pulse(home: env.Home) -> tuple[Pulse, dt.timedelta] | None:
    """The newest worker's pulse and its age; None when none ever ran here."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        pulse = Pulse(**json.loads((home.root / "worker.json").read_text("utf-8")))
        return pulse, clock.utc_now() - dt.datetime.fromisoformat(pulse.beat_at)
    return None


def _optional(module: str) -> Any:
    """A step that this installation may not have yet."""
    return importlib.import_module(module) if importlib.util.find_spec(module) else None
