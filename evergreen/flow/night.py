"""The night, in the order of the way of the data: roll up, snapshot, score, hold scores against the past, raise alerts,
tell segments, start playbooks.

Every step is given the day, is safe to run twice, and leaves a Progress mark; a step found started is done again.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from evergreen.alerts import actions as alerts
from evergreen.alerts import queries as alert_rules
from evergreen.base import clock, env
from evergreen.base import queries as base
from evergreen.base.models import Progress
from evergreen.events import matching, merging, mover, retention, rollup, store
from evergreen.flow import lists
from evergreen.flow.listening import NIGHT, listen
from evergreen.foresight.risks.scoring import score_day as forecast
from evergreen.health import actions as health
from evergreen.health.backtest.keeping import backtest
from evergreen.metrics import actions as metrics
from evergreen.metrics.segments.actions import refresh_segments
from evergreen.playbooks import actions as playbooks

if TYPE_CHECKING:
    import duckdb

Tell = Callable[[str, int, int], None]
LAST_STEP = "lists"
PATIENCE_SECONDS = 1_800.0
# Snapshots of a span of nights are taken many in a pass; a pass that takes longer is followed by one of half as many, so that
# progress is told before a job counts as dead. For a few days the query of one day is made sooner.
PASS_DAYS = 16
LEAST_PASS_DAYS = 4
PASS_SECONDS = 30.0


class NightBusyError(RuntimeError):
    """Another process is running a night on this home."""


def run(day: dt.date, *, now: dt.datetime, progress: Tell | None = None) -> dict[str, Any]:
    """Run the night of a day: its figures as known at its end. Returns what each step did.

    A day that has not ended is computed as far as it has gone, and again when it is over. Raises NightBusyError when
    another night is running, ValueError for a day to come.
    """
    return run_range(day, day, now=now, progress=progress)[-1]


def run_range(
    first: dt.date, last: dt.date, *, now: dt.datetime, step_days: int = 1, progress: Tell | None = None
) -> list[dict[str, Any]]:
    """Run the nights of a span of days, or of every ``step_days``-th of it from the first on, oldest first.

    Alerts are about now, so only the newest night raises them.
    """
    _check(first, last, now)
    days = [first + dt.timedelta(days=n) for n in range(0, (last - first).days + 1, step_days)]
    return run_days(days, now=now, progress=progress)


def run_days(
    days: Sequence[dt.date], *, now: dt.datetime, progress: Tell | None = None
) -> list[dict[str, Any]]:
    """Run the nights of some days, oldest first, none of them to come; only the newest raises alerts."""
    last = days[-1]
    with alone(), store.session() as con:
        moved = mover.move(now=now)
        _match(con, last, now)
        rolled = _rolled(con, last, now, progress)
        results = []
        taken: dict[dt.date, int] = {}
        most = PASS_DAYS
        for done, day in enumerate(days, start=1):
            ahead = days[done - 1 : min(done - 1 + most, len(days) - 1)]
            if day not in taken and len(ahead) >= LEAST_PASS_DAYS:
                began = time.monotonic()
                taken = metrics.take_snapshots(con, ahead, now=now)
                if time.monotonic() - began > PASS_SECONDS:
                    most //= 2
            result = _day(con, day, now, is_last=day == last, taken=taken.get(day))
            results.append({"day": day.isoformat(), **result})
            if progress:
                progress("night", done, len(days))
        gone = retention.retire(
            con, keep_days=int(base.setting("event_keep_days")), today=base.vendor_day(now), now=now
        )
        results[-1].update(retired_events=gone.events)
        results[-1].update(rolled_days=len(rolled), moved_events=moved)
        return results


def missing_days(now: dt.datetime, *, at_most: int = 14) -> list[dt.date]:
    """Ended days without a finished night, oldest first: all since the last finished one, at most so many."""
    yesterday = base.vendor_day(now) - dt.timedelta(days=1)
    zone = base.vendor_zone()
    marks = Progress.objects.filter(
        step=LAST_STEP, state=Progress.State.DONE, day__gt=yesterday - dt.timedelta(days=at_most)
    )
    # A mark made before the day was over is of a part of it.
    done = [mark.day for mark in marks if mark.ended_at and mark.ended_at >= clock.day_end(mark.day, zone)]
    since = max(done) + dt.timedelta(days=1) if done else yesterday
    return [since + dt.timedelta(days=n) for n in range((yesterday - since).days + 1)]


def _day(
    con: duckdb.DuckDBPyConnection, day: dt.date, now: dt.datetime, *, is_last: bool, taken: int | None
) -> dict[str, Any]:
    """The steps of a day; ``taken`` are the rows of its snapshot where that was taken among those of many days."""
    with _step("snapshot", day, now) as figures:
        figures["accounts"] = metrics.take_snapshot(con, day, now=now) if taken is None else taken
    with _step("score", day, now) as figures:
        figures["scores"] = health.score_day(con, day)
    if not is_last:
        return {}
    with _step("newest", day, now) as figures:
        figures["accounts"] = metrics.write_newest(con, day)
        figures["standings"] = health.write_standings(con, day)
    with _step("backtest", day, now) as held:
        held["scorecards"] = backtest(con, day, now=now)
    with _step("forecast", day, now) as foretold:
        foretold["risks"] = forecast(con, day)
    with _step("alerts", day, now) as figures:
        if alert_rules.has_conditions():
            # Conditions ask for health and risk as lists show them, which has to be this night's.
            lists.refresh_lists()
        alerts.hear(now=now, back=NIGHT)
        raised = alerts.evaluate(day, now=now, con=con)
        figures.update(
            opened=len(raised.opened),
            refreshed=raised.refreshed,
            closed=len(raised.closed),
            broken=raised.broken,
            in_digest=raised.in_digest,
        )
    with _step("lists", day, now) as copied:
        copied["written"] = lists.refresh_lists()
    with _step("segments", day, now) as told:
        moved = refresh_segments(con, day)
        told.update(entered=moved.entered, left=moved.left, broken=moved.broken)
    with _step("playbooks", day, now) as counts:
        counts["heard"] = listen(now=now, back=NIGHT)
        counts.update(playbooks.tick(now=now))
        counts["settled"] = playbooks.settle(now=now)
    with _step("experiments", day, now) as seen:
        seen.update(_experiments(con, now))
    with _step(LAST_STEP, day, now) as changed:
        changed["accounts"] = lists.refresh_lists()
    return {"alerts": dict(figures), "playbooks": dict(counts)}


def _experiments(con: duckdb.DuckDBPyConnection, now: dt.datetime) -> dict[str, int]:
    """Stop what does harm, and write down what playbooks were shown to do."""
    # Its statistics take a second to load, and a process that serves pages needs none of them.
    from evergreen.outcomes.experiments import proofs, rollouts

    return {"stopped": rollouts.watch(con, now=now), "shown": proofs.write(con, now=now)}


def _match(con: duckdb.DuckDBPyConnection, last: dt.date, now: dt.datetime) -> None:
    """Give waiting events to accounts that came since; skipped when no name changed, for it reads the raw events."""
    names = [str(part) for part in matching.names_changed()]
    newest = Progress.objects.filter(step="match", state=Progress.State.DONE).order_by("-ended_at").first()
    if newest is not None and newest.figures.get("names") == names:
        return
    with _step("match", last, now) as figures:
        merging.follow_mergers(con, now=now)
        figures.update(names=names, matched=matching.match_waiting_events(con, now=now).events)


def _rolled(
    con: duckdb.DuckDBPyConnection, last: dt.date, now: dt.datetime, progress: Tell | None
) -> list[dt.date]:
    with _step("roll_up", last, now) as figures:
        rolled = rollup.roll_up(con, last, progress=_named("roll_up", progress))
        figures["days"] = len(rolled)
    return rolled


def _named(step: str, progress: Tell | None) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    tell = progress
    return lambda done, total: tell(step, done, total)


def _check(first: dt.date, last: dt.date, now: dt.datetime) -> None:
    today = base.vendor_day(now)
    if first > last:
        raise ValueError(
            f"The night was asked for from {first} to {last}: the first day must not be after the last."
        )
    if last > today:
        raise ValueError(
            f"The night of {last} was asked for, but today is {today} in {base.setting('timezone')}: the newest possible "
            f"is today, as far as it has gone. Nothing was computed."
        )


@contextmanager
def _step(name: str, day: dt.date, now: dt.datetime) -> Iterator[dict[str, Any]]:
    """Mark a step started, run it, mark it done with its figures."""
    figures: dict[str, Any] = {}
    Progress.objects.update_or_create(
        step=name,
        day=day,
        defaults={"state": Progress.State.STARTED, "started_at": now, "ended_at": None, "figures": {}},
    )
    yield figures
    Progress.objects.filter(step=name, day=day).update(
        state=Progress.State.DONE, ended_at=clock.utc_now(), figures=figures
    )


@contextmanager
def alone() -> Iterator[None]:
    """One night at a time on a home; another one is waited for (the worker's and a person's may meet)."""
    home = env.home()
    fd = os.open(home.root / "night.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(fd, home)
        yield
    finally:
        os.close(fd)


def _wait_for(fd: int, home: env.Home) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if time.monotonic() > until:
                raise NightBusyError(
                    f"Another night has been running on {home.root} for {PATIENCE_SECONDS / 60:.0f} minutes. "
                    "Nothing was changed; wait until it has ended and ask again."
                ) from None
            time.sleep(0.2)
