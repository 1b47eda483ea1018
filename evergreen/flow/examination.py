"""Is everything as it should be, and if not, what to do: for ``evergreen doctor`` and the page About."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

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


def examine(where: env.Home) -> Iterator[Finding]:
    """Every check of a home whose records can be opened, in the reader's language; stops where the records fail."""
    try:
        pending = pending_migrations()
    except Exception as error:
        said = _("They cannot be read: %(error)s") % {"error": error}
        yield Finding("records", "wrong", said, _("Check EVERGREEN_DATABASE and its server."))
        return
    if pending:
        said = _("%(n)s migrations have not been run.") % {"n": pending}
        yield Finding("records", "wrong", said, _("Run `evergreen init`."))
        return
    yield Finding("records", "ok", _("Readable, every migration run."))
    for check in (_lake, _journal, _damage, _disk, _worker, _keys, _nights, _calendar):
        yield _safely(check, where)


def _safely(check: Callable[[env.Home], Finding], where: env.Home) -> Finding:
    try:
        return check(where)
    except Exception as error:
        name = check.__name__.removeprefix("_")
        do = _("Look at this first; nothing was changed.")
        return Finding(name, "wrong", f"{type(error).__name__}: {error}", do)


def pending_migrations() -> int:
    """How many of Django's migrations the records lack."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _lake(where: env.Home) -> Finding:
    from evergreen.events import schema, store
    from evergreen.events.warehouses.named import event_store

    con = store.reading(where)
    had = {number for (number,) in con.execute("SELECT number FROM lake.schema_steps").fetchall()}
    if missing := [number for number, _text in schema.steps() if number not in had]:
        said = _("Schema steps %(steps)s have not been run.") % {"steps": missing}
        return Finding("lake", "wrong", said, _("Run `evergreen init`."))
    raw = event_store(where)
    ((events,),) = raw.rows("SELECT count(*) FROM lake.events")
    ((waiting,),) = raw.rows("SELECT count(*) FROM lake.events WHERE account_id IS NULL AND kind <> 'system'")
    rejected = store.scalar(con, "SELECT count(*) FROM lake.rejected_events")
    said = _("%(events)s events, %(waiting)s without account, %(rejected)s rejected.")
    figures = {"events": f"{events:,}", "waiting": f"{waiting:,}", "rejected": f"{rejected:,}"}
    return Finding("lake", "ok", said % figures)


def _journal(where: env.Home) -> Finding:
    from evergreen.base import clock
    from evergreen.events import arrivals, journal, store

    con = store.reading(where)
    held = {path.name: arrivals.held(con, path.name) for path in journal.segments(where)}
    waiting, size = journal.lag(where, held)
    if not waiting:
        return Finding("journal", "ok", _("Everything acknowledged is in the lake."))
    newest = max(path.stat().st_mtime for path in journal.segments(where) if path.exists())
    age = clock.utc_now().timestamp() - newest
    said = _("%(size)s bytes in %(waiting)s segments wait to be stored (last written %(age)s s ago).")
    found = said % {"size": f"{size:,}", "waiting": waiting, "age": f"{age:,.0f}"}
    if age > _LAG_SECONDS:
        do = _("Run `evergreen serve` or `evergreen worker`; nothing is lost.")
        return Finding("journal", "wrong", found, do)
    return Finding("journal", "note", found)


def _damage(where: env.Home) -> Finding:
    from evergreen.events import journal

    if kept := journal.damaged(where):
        said = _("A part of %(names)s could not be read; the rest is stored.")
        do = _("Check the disk; compare with a backup; delete the file when you have.")
        return Finding("segments", "wrong", said % {"names": ", ".join(path.name for path in kept)}, do)
    return Finding("segments", "ok", _("No journal segment is damaged."))


def _disk(where: env.Home) -> Finding:
    from evergreen.events import journal

    state = journal.disk(where)
    said = _("%(free)s MB free, %(reserve)s MB reserved.")
    found = said % {"free": f"{state.free_bytes >> 20:,}", "reserve": f"{state.reserve_bytes >> 20:,}"}
    if not state.disk_ok:
        return Finding("disk", "wrong", found + _(" Events are refused with 503."), _("Free some space."))
    return Finding("disk", "ok", found)


def _worker(where: env.Home) -> Finding:
    from evergreen.flow.worker import read_pulse

    seen = read_pulse(where)
    if seen is None:
        return Finding(
            "worker", "note", _("None has run here yet."), _("Run `evergreen serve` or `evergreen worker`.")
        )
    pulse, age = seen
    if age > dt.timedelta(seconds=_PULSE_SECONDS):
        found = _("Last seen %(age)s s ago.") % {"age": f"{age.total_seconds():,.0f}"}
        return Finding("worker", "note", found, _("Run `evergreen serve` or `evergreen worker`."))
    if pulse.faults:
        told = "; ".join(f"{part}: {fault}" for part, fault in pulse.faults.items())
        return Finding("worker", "wrong", told, _("It tries again by itself; look at its log if this stays."))
    said = _("Process %(pid)s on %(host)s, %(events)s events stored.")
    figures = {"pid": pulse.pid, "host": pulse.host, "events": f"{pulse.moved_events:,}"}
    return Finding("worker", "ok", said % figures)


def _keys(where: env.Home) -> Finding:
    from evergreen.events.actions import published
    from evergreen.events.ingest.keys import read_keys

    wanted = published()
    try:
        same = read_keys(where.keys) == wanted
    except (OSError, ValueError):
        same = False
    if not same:
        said = _("%(file)s differs from the records: new keys may be refused, revoked ones taken.")
        do = _("Run `evergreen init` (a running worker does it within 2 s).")
        return Finding("keys", "wrong", said % {"file": where.keys}, do)
    return Finding("keys", "ok", _("%(n)s write keys in force.") % {"n": len(wanted.sources)})


def _nights(where: env.Home) -> Finding:
    from evergreen.base import clock
    from evergreen.flow import night

    missing = night.missing_days(clock.utc_now())
    if len(missing) > 1:
        said = _("%(n)s nights are missing since %(day)s.") % {"n": len(missing), "day": missing[0]}
        return Finding("nights", "wrong", said, _("Run `evergreen serve`, `worker` or `night`."))
    if missing:
        return Finding("nights", "ok", _("%(day)s is still to come.") % {"day": missing[0]})
    return Finding("nights", "ok", _("Computed up to yesterday."))


def _calendar(where: env.Home) -> Finding:
    from evergreen.base import clock, queries
    from evergreen.base.working_days import for_vendor

    today = queries.vendor_day(clock.utc_now())
    calendar = for_vendor()
    if not calendar.known(today.year):
        found = _("The working days of %(year)s are not published: weekends serve.") % {"year": today.year}
        return Finding("calendar", "wrong", found, _("Load its notice in the settings, Working calendar."))
    if today.month >= 11 and not calendar.known(today.year + 1):
        said = _("The working days of %(year)s are not published yet: weekends serve there.")
        do = _("Load the notice in the settings, Working calendar, when it is out.")
        return Finding("calendar", "note", said % {"year": today.year + 1}, do)
    return Finding("calendar", "ok", _("The working days of %(year)s are known.") % {"year": today.year})
