"""A run of a connection: its streams one after another, each read, loaded and noted as done.

What is noted is in one transaction: what became of the rows, and from where the next run reads. A run that is killed,
throttled for long or broken off by the network goes on behind the last page that it had.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import clock, env, jobs, vault
from evergreen.base.models import Job
from evergreen.events.connections import feeding, held, sampling
from evergreen.events.connections.models import Connection, ConnectionRun
from evergreen.events.connections.spool import Spool
from evergreen.events.imports.mapping import MappingError
from evergreen.events.sources import registry
from evergreen.events.sources.adapter import Adapter, Asked, SourceError, Stream, ThrottledError
from evergreen.events.sources.wire import Wire

log = logging.getLogger(__name__)

# After a fault of network or source the run is taken up again, at most so often.
PAUSES_MINUTES = (1, 5, 15, 60, 180)
_BEAT_SECONDS = 5.0
# Where a source must be asked for all its keys to know what is gone, the schedule asks so often; people ask at once.
COMPARED = "@compared"
_COMPARE_HOURS = 24


class RunError(Exception):
    """The run ended without reaching its end; the message is for people."""


def go_on(run: ConnectionRun, job: Job | None = None) -> dict[str, Any]:
    """Do what is left of a run. Returns {"state", "rows"}; raises RunError when it failed."""
    open_ones = ConnectionRun.objects.filter(pk=run.pk, state__in=ConnectionRun.OPEN)
    if not open_ones.update(state=ConnectionRun.State.RUNNING, wake_at=None):
        return {"state": run.state, "rows": 0, "rejected": 0}
    run.refresh_from_db()
    try:
        _streams(run, _Beating(job))
    except ThrottledError as error:
        _pause(run, error.seconds, _("The source asked to wait; the run goes on then."))
    except SourceError as error:
        if error.is_permanent or run.tries >= len(PAUSES_MINUTES):
            _end(run, ConnectionRun.State.FAILED, str(error))
            raise RunError(str(error)) from error
        _pause(run, PAUSES_MINUTES[run.tries] * 60, str(error))
    except jobs.JobCancelled:
        raise
    except Exception as error:
        # A fault of ours: told by its kind, the rest is in the log.
        log.exception("run %s of connection %s failed", run.pk, run.connection_id)
        said = _(
            "The run stopped by a fault of this program (%(kind)s); the log has more. What was loaded stays."
        )
        _end(run, ConnectionRun.State.FAILED, said % {"kind": type(error).__name__})
        raise RunError(run.error) from error
    else:
        _end(run, ConnectionRun.State.DONE, "")
    return {"state": run.state, "rows": run.total("rows"), "rejected": run.total("rejected")}


def adapter_of(connection: Connection) -> Adapter:
    """The connection's adapter with its secrets. Raises SourceError."""
    try:
        return registry.adapter(
            connection.kind, {**connection.config, **vault.unseal(connection.credentials)}
        )
    except vault.SealError as error:
        raise SourceError(str(error)) from error


def tried(connection: Connection) -> str:
    """What the source says to a first question, in words. Raises SourceError."""
    adapter = adapter_of(connection)
    try:
        return adapter.test(wired(adapter, is_patient=False))
    except ThrottledError as error:
        raise SourceError(_("The source is busy and asks to wait. Try again in a while.")) from error
    except SourceError:
        raise
    except Exception as error:
        translated = feeding.in_words(error, adapter, "")
        if translated is None:
            raise
        raise translated from error


def sampled(connection: Connection, stream: Stream) -> int:
    """Fetch the first rows of a list now, for whoever maps it; how many came. Raises SourceError."""
    adapter = adapter_of(connection)
    try:
        return sampling.fetch(connection, adapter, wired(adapter, is_patient=False), stream)
    except ThrottledError as error:
        raise SourceError(_("The source is busy and asks to wait. Try again in a while.")) from error
    except MappingError as error:
        raise SourceError(str(error)) from error


def wired(adapter: Adapter, beat: Any = None, *, is_patient: bool = True) -> Wire:
    """A wire to the adapter's source. Raises SourceError when its address may not be called."""
    feeding.prepare_dlt(env.home())
    wire = Wire(beat, is_patient=is_patient)
    adapter.wire_up(wire)
    return wire


def chosen(connection: Connection, adapter: Adapter) -> list[tuple[Stream, Mapping[str, Any] | None]]:
    """The streams that are switched on, in the adapter's order (accounts before what refers to them)."""
    found = []
    for stream in adapter.streams:
        feed = connection.feeds.get(stream.name) or {}
        if feed.get("on", True):
            found.append((stream, feed.get("mapping") or None))
    return found


def forget(run: ConnectionRun) -> None:
    """Delete a run of long ago and its files of rejected rows."""
    discard(run)
    for stream in run.streams:
        if name := run.rejects_of(stream):
            (env.home().files / Path(name).name).unlink(missing_ok=True)
    run.delete()


def discard(run: ConnectionRun) -> None:
    """Delete what the run had read and not yet loaded."""
    for path in feeding.spools(env.home()).glob(f"run-{run.pk}-*"):
        path.unlink(missing_ok=True)


class _Beating:
    """Tells the job how far the run is, seldom enough not to be felt."""

    def __init__(self, job: Job | None) -> None:
        self._job, self._next = job, 0.0
        self.note, self.rows = "", 0

    def tell(self, stream: str, rows: int) -> None:
        self.note, self.rows = stream, rows
        self()

    def __call__(self) -> None:
        now = clock.utc_now()
        if self._job is not None and now.timestamp() >= self._next:
            self._next = now.timestamp() + _BEAT_SECONDS
            jobs.beat(self._job, done=self.rows, note=self.note, now=now)


def _streams(run: ConnectionRun, beating: _Beating) -> None:
    connection = run.connection
    adapter = adapter_of(connection)
    wire = wired(adapter, beating)
    if run.is_trial:
        # One transaction that is rolled back: contacts find the accounts that would have come before them.
        spools = _try_streams(run, adapter, wire, beating)
        _loaded_and_forgotten(run, spools, beating)
        return
    for stream, mapping in chosen(connection, adapter):
        if stream.name in run.streams:
            continue
        feed = _feed(connection, adapter, stream, mapping)
        state = {} if run.since else connection.state.get(stream.name, {})
        asked = Asked(run.started_at, run.since, is_first=not state, columns=tuple(feed.columns))
        spool = Spool(feeding.spools(env.home()), run.pk, stream.name)
        try:
            keys = _all_keys(run, adapter, stream, wire, asked)
            feeding.pull(
                adapter, feed, wire, spool, state, asked, tell=beating.tell,
                held=held.waiting(connection.pk, stream.name) if feeding.repeats(stream) else (),
            )  # fmt: skip
            told = feeding.load(
                feed, spool, name=f"{connection.name} {stream.name}", by=run.by, now=run.started_at,
                is_history=asked.is_first, is_trial=False, tell=beating.tell,
            )  # fmt: skip
            if stream.is_whole and not run.since:
                keys = spool.keys(stream.key) if spool.held.rows else set()
            seen = feeding.compare(connection, feed, spool, keys, by=run.by, now=run.started_at)
            if spool.lives:
                sampling.keep(connection.pk, stream.name, spool)
            held.keep(connection.pk, stream.name, told.pop("again", ()))
            notices = [*told.get("notices", ()), *seen.pop("notices", ())]
            # Something, so that what is read again is no history.
            following = {"again": True} if seen.get("missed") else spool.held.state
            if run.since:
                # A back-fill hears neither of what is older nor of what was deleted meanwhile: the next run goes on from before it.
                following = connection.state.get(stream.name, {})
            _note(run, stream, {**told, **seen, "notices": notices}, following, is_compared=keys is not None)
        finally:
            adapter.close()
            spool.close()
        spool.remove()


def _all_keys(
    run: ConnectionRun, adapter: Adapter, stream: Stream, wire: Wire, asked: Asked
) -> set[str] | None:
    """All keys that the source has, when it is time to ask. Not with the first reading, which has just seen them."""
    if asked.is_first or asked.since or not stream.key:
        return None
    compared = run.connection.state.get(COMPARED, {}).get(stream.name)
    is_time = compared is None or run.started_at - dt.datetime.fromisoformat(compared) >= dt.timedelta(
        hours=_COMPARE_HOURS
    )
    if not is_time and run.why != ConnectionRun.Why.PERSON:
        return None
    try:
        keys = adapter.keys(stream, wire, asked)
        return None if keys is None else set(keys)
    except (SourceError, ThrottledError):
        raise
    except Exception as error:
        raise feeding.in_words(error, adapter, stream.name) or error from error


def _feed(
    connection: Connection, adapter: Adapter, stream: Stream, mapping: Mapping[str, Any] | None
) -> feeding.Feed:
    try:
        return feeding.feed_of(adapter, stream, mapping, connection.name)
    except MappingError as error:
        raise SourceError(f"{stream.name}: {error}") from error


def _try_streams(
    run: ConnectionRun, adapter: Adapter, wire: Wire, beating: _Beating
) -> list[tuple[feeding.Feed, Spool]]:
    """The first rows of every stream; read before the transaction begins, for the network may be slow."""
    pulled = []
    for stream, mapping in chosen(run.connection, adapter):
        feed = _feed(run.connection, adapter, stream, mapping)
        spool = Spool(feeding.spools(env.home()), run.pk, stream.name)
        spool.restart()
        asked = Asked(run.started_at, run.since, columns=tuple(feed.columns))
        feeding.pull(adapter, feed, wire, spool, {}, asked, tell=beating.tell, most=feeding.TRIAL_ROWS)
        pulled.append((feed, spool))
    return pulled


def _loaded_and_forgotten(
    run: ConnectionRun, pulled: list[tuple[feeding.Feed, Spool]], beating: _Beating
) -> None:
    told = {}
    beating()
    with transaction.atomic():
        for feed, spool in pulled:
            told[feed.stream.name] = feeding.load(
                feed, spool, name=f"{run.connection.name} {feed.stream.name}", by=run.by, now=run.started_at,
                is_history=True, is_trial=True, tell=lambda _stream, _rows: None,
            )  # fmt: skip
        transaction.set_rollback(True)
    for feed, spool in pulled:
        if spool.lives:
            sampling.keep(run.connection_id, feed.stream.name, spool)
        spool.remove()
    ConnectionRun.objects.filter(pk=run.pk).update(streams=told)
    run.streams = told


@transaction.atomic
def _note(
    run: ConnectionRun, stream: Stream, told: dict[str, Any], state: dict[str, Any], *, is_compared: bool
) -> None:
    """The stream is done: what became of its rows, and from where the next run reads."""
    connection = Connection.objects.select_for_update().get(pk=run.connection_id)
    connection.state[stream.name] = state
    if is_compared:
        compared = connection.state.get(COMPARED, {})
        connection.state[COMPARED] = {**compared, stream.name: run.started_at.isoformat()}
    connection.save(update_fields=["state"])
    run.connection.state = connection.state
    run.streams[stream.name] = told
    # What was read and loaded makes a new beginning for the count of faults.
    run.tries = 0
    run.save(update_fields=["streams", "tries"])


def _pause(run: ConnectionRun, seconds: float, said: str) -> None:
    run.state, run.tries, run.error = ConnectionRun.State.PAUSED, run.tries + 1, said
    run.wake_at = clock.utc_now() + dt.timedelta(seconds=seconds)
    run.save(update_fields=["state", "tries", "error", "wake_at"])


def _end(run: ConnectionRun, state: str, said: str) -> None:
    """Mark the run ended, unless somebody cancelled it meanwhile."""
    ended = clock.utc_now()
    with transaction.atomic():
        mine = ConnectionRun.objects.filter(pk=run.pk, state=ConnectionRun.State.RUNNING)
        if mine.update(state=state, error=said, ended_at=ended, wake_at=None):
            run.state, run.error, run.ended_at, run.wake_at = state, said, ended, None
            if state == ConnectionRun.State.DONE and not run.is_trial:
                Connection.objects.filter(pk=run.connection_id).update(fresh_at=run.started_at)
    if state != ConnectionRun.State.DONE or run.is_trial:
        discard(run)
