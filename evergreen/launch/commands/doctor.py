"""``evergreen doctor``: is everything as it should be, and if not, what to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from evergreen.launch.terminal import FAILED, HomeOption, JsonOption, choose_home, put, say, start_django

if TYPE_CHECKING:
    from evergreen.base import env

_LAG_SECONDS = 60
_PULSE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what it looked at, how it stands, what was found, what to do ('' when it is well).

    ``state`` is ``ok``, ``note`` (worth knowing) or ``wrong``.
    """

    check: str
    state: str
    found: str
    do: str = ""


def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check the installation. Exit code 1 when something is wrong."""
    where = choose_home(home)
    findings = list(examine(where))
    for finding in findings:
        if as_json:
            put({"check": finding.check, "state": finding.state, "found": finding.found, "do": finding.do})
        else:
            advice = f" → {finding.do}" if finding.do else ""
            print(f"{finding.state:<6} {finding.check}: {finding.found}{advice}")
    wrong = sum(finding.state == "wrong" for finding in findings)
    say(
        f"{wrong} of {len(findings)} checks need something done."
        if wrong
        else "Everything is as it should be."
    )
    if wrong:
        raise typer.Exit(FAILED)


def examine(where: env.Home) -> Iterator[Finding]:
    """Every check in the order in which one depends on another; stops where nothing further can be known."""
    yield _variables()
    if not where.exists():
        yield Finding("home", "wrong", f"{where.root} holds no installation.", "Run `evergreen init`.")
        return
    yield _secret(where)
    start_django()
    try:
        pending = pending_migrations()
    except Exception as error:
        yield Finding(
            "records", "wrong", f"They cannot be read: {error}", "Check EVERGREEN_DATABASE and its server."
        )
        return
    if pending:
        yield Finding("records", "wrong", f"{pending} migrations have not been run.", "Run `evergreen init`.")
        return
    yield Finding("records", "ok", "Readable, every migration run.")
    for check in (_lake, _journal, _damage, _disk, _worker, _keys, _nights, _calendar):
        yield _safely(check, where)


def _safely(check: Callable[[env.Home], Finding], where: env.Home) -> Finding:
    try:
        return check(where)
    except Exception as error:
        name = check.__name__.removeprefix("_")
        return Finding(
            name, "wrong", f"{type(error).__name__}: {error}", "Look at this first; nothing was changed."
        )


def _variables() -> Finding:
    from evergreen.base import env

    if unknown := env.unknown_variables():
        return Finding(
            "environment",
            "wrong",
            f"{', '.join(unknown)} mean nothing.",
            f"Remove or correct them; known are {', '.join(env.KNOWN)}.",
        )
    return Finding("environment", "ok", "Every EVERGREEN_ variable is known.")


def _secret(where: env.Home) -> Finding:
    if where.secret.stat().st_mode & 0o077:
        return Finding(
            "home", "wrong", f"Others may read {where.secret}.", f"Run `chmod 600 {where.secret}`."
        )
    return Finding("home", "ok", str(where.root))


def pending_migrations() -> int:
    """How many of Django's migrations the records lack."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _lake(where: env.Home) -> Finding:
    from evergreen.events import schema, store

    con = store.reading(where)
    had = {number for (number,) in con.execute("SELECT number FROM lake.schema_steps").fetchall()}
    if missing := [number for number, _ in schema.steps() if number not in had]:
        return Finding("lake", "wrong", f"Schema steps {missing} have not been run.", "Run `evergreen init`.")
    events = store.scalar(con, "SELECT count(*) FROM lake.events")
    waiting = store.scalar(
        con, "SELECT count(*) FROM lake.events WHERE account_id IS NULL AND kind <> 'system'"
    )
    rejected = store.scalar(con, "SELECT count(*) FROM lake.rejected_events")
    return Finding("lake", "ok", f"{events:,} events, {waiting:,} without account, {rejected:,} rejected.")


def _journal(where: env.Home) -> Finding:
    from evergreen.base import clock
    from evergreen.events import arrivals, journal, store

    con = store.reading(where)
    held = {path.name: arrivals.held(con, path.name) for path in journal.segments(where)}
    waiting, size = journal.lag(where, held)
    if not waiting:
        return Finding("journal", "ok", "Everything acknowledged is in the lake.")
    newest = max(path.stat().st_mtime for path in journal.segments(where) if path.exists())
    age = clock.utc_now().timestamp() - newest
    found = f"{size:,} bytes in {waiting} segments wait to be stored (last written {age:,.0f} s ago)."
    if age > _LAG_SECONDS:
        return Finding(
            "journal", "wrong", found, "Run `evergreen serve` or `evergreen worker`; nothing is lost."
        )
    return Finding("journal", "note", found)


def _damage(where: env.Home) -> Finding:
    from evergreen.events import journal

    if kept := journal.damaged(where):
        names = ", ".join(path.name for path in kept)
        return Finding(
            "segments",
            "wrong",
            f"A part of {names} could not be read; the rest is stored.",
            "Check the disk; compare with a backup; delete the file when you have.",
        )
    return Finding("segments", "ok", "No journal segment is damaged.")


def _disk(where: env.Home) -> Finding:
    from evergreen.events.journal import Journal

    state = Journal(where).state()
    found = f"{state.free_bytes >> 20:,} MB free, {state.reserve_bytes >> 20:,} MB reserved."
    if not state.disk_ok:
        return Finding("disk", "wrong", f"{found} Events are refused with 503.", "Free some space.")
    return Finding("disk", "ok", found)


def _worker(where: env.Home) -> Finding:
    from evergreen.flow.worker import read_pulse

    seen = read_pulse(where)
    if seen is None:
        return Finding(
            "worker", "note", "None has run here yet.", "Run `evergreen serve` or `evergreen worker`."
        )
    pulse, age = seen
    if age > dt.timedelta(seconds=_PULSE_SECONDS):
        found = f"Last seen {age.total_seconds():,.0f} s ago."
        return Finding("worker", "note", found, "Run `evergreen serve` or `evergreen worker`.")
    if pulse.faults:
        told = "; ".join(f"{part}: {fault}" for part, fault in pulse.faults.items())
        return Finding("worker", "wrong", told, "It tries again by itself; look at its log if this stays.")
    return Finding(
        "worker", "ok", f"Process {pulse.pid} on {pulse.host}, {pulse.moved_events:,} events stored."
    )


def _keys(where: env.Home) -> Finding:
    from evergreen.events.actions import published
    from evergreen.events.ingest.keys import read_keys

    wanted = published()
    try:
        same = read_keys(where.keys) == wanted
    except (OSError, ValueError):
        same = False
    if not same:
        found = f"{where.keys} differs from the records: new keys may be refused, revoked ones taken."
        return Finding("keys", "wrong", found, "Run `evergreen init` (a running worker does it within 2 s).")
    return Finding("keys", "ok", f"{len(wanted.sources)} write keys in force.")


def _nights(where: env.Home) -> Finding:
    from evergreen.base import clock
    from evergreen.flow import night

    missing = night.missing_days(clock.utc_now())
    if len(missing) > 1:
        found = f"{len(missing)} nights are missing since {missing[0]}."
        return Finding("nights", "wrong", found, "Run `evergreen serve`, `worker` or `night`.")
    return Finding(
        "nights", "ok", "Computed up to yesterday." if not missing else f"{missing[0]} is still to come."
    )


def _calendar(where: env.Home) -> Finding:
    from evergreen.base import clock, queries
    from evergreen.base.working_days import for_vendor

    today = queries.vendor_day(clock.utc_now())
    calendar = for_vendor()
    if not calendar.known(today.year):
        found = f"The working days of {today.year} are not published: weekends serve."
        return Finding("calendar", "wrong", found, "Upgrade the package chinesecalendar.")
    if today.month >= 11 and not calendar.known(today.year + 1):
        found = f"The working days of {today.year + 1} are not published yet: weekends serve there."
        return Finding("calendar", "note", found, "Upgrade the package chinesecalendar when they are.")
    return Finding("calendar", "ok", f"The working days of {today.year} are known.")
