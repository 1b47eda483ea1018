"""Writes of connections and their runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from evergreen.base import changes, jobs, vault
from evergreen.base.actions import audit
from evergreen.base.configurations import secrets_of
from evergreen.base.models import Job, User
from evergreen.customers.models import Account
from evergreen.events.connections import held, running, sampling
from evergreen.events.connections.models import Connection, ConnectionRun
from evergreen.events.imports.mapping import MappingError, read_mapping
from evergreen.events.sources import registry
from evergreen.events.sources.adapter import SourceError

JOB = "connection"
MOST_MINUTES = 7 * 24 * 60
# Runs, and the files of their rejected rows, are kept so long.
KEPT_DAYS = 90
EDITABLE = frozenset({"name", "every_minutes", "config", "credentials", "feeds"})


@transaction.atomic
def add_connection(
    kind: str,
    name: str,
    given: Mapping[str, Any],
    *,
    every_minutes: int = 60,
    by: User | None,
    now: dt.datetime,
) -> Connection:
    """A new connection; it runs when it is told to or its time comes. Raises ValidationError."""
    config, secrets = _checked(kind, given)
    connection = Connection(
        kind=kind, name=name.strip(), config=config, credentials=vault.seal(secrets), created_at=now,
        created_by=by, every_minutes=_minutes(every_minutes),
        next_run_at=now + dt.timedelta(minutes=every_minutes) if every_minutes else None,
    )  # fmt: skip
    if Account.objects.exists():
        # Accounts that stand come from elsewhere: making others of them beside is for a person to say.
        makers = [one.name for one in registry.adapter(kind, given).streams if one.makes_accounts]
        connection.feeds = {name: {"on": False, "mapping": None} for name in makers}
    connection.full_clean(exclude=["config", "feeds", "state"])
    connection.save()
    audit(
        "connection.added", "connection", [connection.pk], by=by, now=now,
        after={"kind": kind, "name": connection.name, "config": config, "every_minutes": every_minutes},
    )  # fmt: skip
    return connection


@transaction.atomic
def update_connection(
    connection: Connection, *, name: str, every_minutes: int, given: Mapping[str, Any], by: User | None,
    now: dt.datetime,
) -> None:  # fmt: skip
    """Change how a connection is reached. A secret that is left empty stays as it is. Raises ValidationError."""
    stored = _stored_secrets(connection)
    hidden = secrets_of(registry.adapter_class(connection.kind).Config)
    kept = {key: value for key, value in stored.items() if not given.get(key)}
    config, secrets = _checked(connection.kind, {**given, **kept})
    wanted: dict[str, Any] = {
        "name": name.strip(),
        "every_minutes": _minutes(every_minutes),
        "config": config,
    }
    if secrets != stored:
        wanted["credentials"] = vault.seal(secrets)
    applied = changes.apply(connection, wanted, EDITABLE)
    if "every_minutes" in applied.after:
        connection.next_run_at = now + dt.timedelta(minutes=every_minutes) if every_minutes else None
        connection.save(update_fields=["next_run_at"])
    if applied:
        _audit_change(connection, applied, sorted(hidden & given.keys()), by=by, now=now)


@transaction.atomic
def set_feed(
    connection: Connection, stream: str, *, is_on: bool, mapping: Mapping[str, Any] | None, by: User | None,
    now: dt.datetime,
) -> None:  # fmt: skip
    """Switch a stream on or off and say what its rows become (None: the connector's own). Raises ValidationError."""
    try:
        found = running.adapter_of(connection).stream(stream)
        if mapping is not None:
            read_mapping(mapping, found.record)
    except MappingError as error:
        raise ValidationError(error.problems) from error
    except SourceError as error:
        raise ValidationError(str(error)) from error
    feeds = {
        **connection.feeds,
        stream: {"on": is_on, "mapping": dict(mapping) if mapping is not None else None},
    }
    applied = changes.apply(connection, {"feeds": feeds}, EDITABLE)
    if applied:
        audit(
            "connection.mapped", "connection", [connection.pk], by=by, now=now,
            before=applied.before["feeds"].get(stream) or {}, after={"stream": stream, **feeds[stream]},
        )  # fmt: skip


@transaction.atomic
def pause_connection(connection: Connection, *, is_paused: bool, by: User | None, now: dt.datetime) -> None:
    """Stop the schedule, or take it up again at once."""
    changed = Connection.objects.filter(pk=connection.pk, is_paused=not is_paused)
    next_run_at = now if connection.every_minutes and not is_paused else None
    if changed.update(is_paused=is_paused, next_run_at=next_run_at):
        verb = "connection.paused" if is_paused else "connection.resumed"
        audit(verb, "connection", [connection.pk], by=by, now=now)
    connection.refresh_from_db()


@transaction.atomic
def remove_connection(connection: Connection, *, by: User | None, now: dt.datetime) -> None:
    """Take a connection away with its credentials and runs; what it brought stays."""
    for run in connection.runs.filter(state__in=ConnectionRun.OPEN):
        cancel_run(run, by=by, now=now)
    audit(
        "connection.removed", "connection", [connection.pk], by=by, now=now,
        before={"kind": connection.kind, "name": connection.name, "config": connection.config},
    )  # fmt: skip
    held.forget(connection.pk)
    sampling.forget(connection.pk)
    connection.delete()


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many credentials today's key seals now; names of the connections whose credentials no key opens."""

    resealed: int
    lost: tuple[str, ...]


def reseal_credentials(*, by: User | None, now: dt.datetime) -> Resealed:
    """Encrypt the credentials of every connection with today's key, each in a transaction of its own."""
    done, lost = [], []
    for pk, name in Connection.objects.exclude(credentials="").values_list("pk", "name"):
        with transaction.atomic():
            connection = Connection.objects.select_for_update().filter(pk=pk).first()
            if connection is None:
                continue
            try:
                connection.credentials = vault.reseal(connection.credentials)
            except vault.SealError:
                lost.append(name)
                continue
            connection.save(update_fields=["credentials"])
            done.append(pk)
    if done:
        audit("connection.resealed", "connection", done, by=by, now=now, after={"lost": lost})
    return Resealed(len(done), tuple(lost))


def start_run(
    connection: Connection, *, why: str = ConnectionRun.Why.PERSON, since: dt.datetime | None = None,
    by: User | None, now: dt.datetime,
) -> ConnectionRun:  # fmt: skip
    """Put a run in the queue. Raises ValidationError while another one is under way."""
    try:
        with transaction.atomic():
            run = ConnectionRun.objects.create(
                connection=connection, why=why, since=since, started_at=now, by=by
            )
            _queue(run, now=now)
            if connection.every_minutes and why != ConnectionRun.Why.TRIAL:
                following = now + dt.timedelta(minutes=connection.every_minutes)
                Connection.objects.filter(pk=connection.pk).update(next_run_at=following)
    except IntegrityError as error:
        raise ValidationError(
            _(
                "“%(name)s” is being read already. Wait for that run to end, or cancel it. Nothing was started."
            )
            % {"name": connection.name}
        ) from error
    return run


@transaction.atomic
def cancel_run(run: ConnectionRun, *, by: User | None, now: dt.datetime) -> None:
    """End a run: what it loaded stays, the rest is read by the next one."""
    found = ConnectionRun.objects.filter(pk=run.pk, state__in=ConnectionRun.OPEN)
    if found.update(state=ConnectionRun.State.CANCELLED, ended_at=now, wake_at=None):
        if run.job is not None:
            jobs.cancel(run.job, by=by, now=now)
        audit(
            "connection.run_cancelled",
            "connection",
            [run.connection_id],
            by=by,
            now=now,
            after={"run": run.pk},
        )
        running.discard(run)
    run.refresh_from_db()


def start_due(*, now: dt.datetime) -> int:
    """What the clock starts: runs that have waited long enough, connections whose time has come. How many."""
    settle_lost(now=now)
    for old in ConnectionRun.objects.filter(ended_at__lt=now - dt.timedelta(days=KEPT_DAYS))[:200]:
        running.forget(old)
    started = 0
    for run in ConnectionRun.objects.filter(state=ConnectionRun.State.PAUSED, wake_at__lte=now):
        with transaction.atomic():
            mine = ConnectionRun.objects.filter(pk=run.pk, state=ConnectionRun.State.PAUSED)
            if mine.update(state=ConnectionRun.State.WAITING, wake_at=None):
                _queue(run, now=now)
                started += 1
    due = Connection.objects.filter(is_paused=False, every_minutes__gt=0, next_run_at__lte=now)
    for connection in due.exclude(runs__state__in=ConnectionRun.OPEN):
        try:
            start_run(connection, why=ConnectionRun.Why.SCHEDULE, by=None, now=now)
            started += 1
        except ValidationError:
            continue  # another worker was first
    return started


def settle_lost(*, now: dt.datetime) -> None:
    """Runs whose job ended without them (cancelled, or given up after its worker fell silent too often)."""
    over = Q(job__state__in=[Job.State.FAILED, Job.State.CANCELLED, Job.State.DONE]) | Q(job=None)
    working = [ConnectionRun.State.WAITING, ConnectionRun.State.RUNNING]
    for run in ConnectionRun.objects.filter(over, state__in=working).select_related("job"):
        is_failed = run.job is None or run.job.state != Job.State.CANCELLED
        ConnectionRun.objects.filter(pk=run.pk, state=run.state).update(
            state=ConnectionRun.State.FAILED if is_failed else ConnectionRun.State.CANCELLED,
            error=(run.job.error if run.job else "") or run.error,
            ended_at=now,
        )
        running.discard(run)


def _queue(run: ConnectionRun, *, now: dt.datetime) -> None:
    title = _("%(name)s: dry run") if run.is_trial else _("%(name)s: read")
    job = jobs.start_job(
        JOB, {"run": run.pk}, title=title % {"name": run.connection.name}, by=run.by, now=now
    )
    ConnectionRun.objects.filter(pk=run.pk).update(job=job)
    run.job = job


def _checked(kind: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is stored in clear and what is stored sealed. Raises ValidationError with every mistake."""
    try:
        found = registry.adapter_class(kind)
        registry.adapter(kind, given)
    except SourceError as error:
        raise ValidationError(str(error).splitlines()) from error
    hidden = secrets_of(found.Config)
    names = {one.name for one in registry.fields(kind)}
    clean = {key: value for key, value in given.items() if key in names and value not in ("", None)}
    return (
        {key: value for key, value in clean.items() if key not in hidden},
        {key: value for key, value in clean.items() if key in hidden},
    )


def _stored_secrets(connection: Connection) -> dict[str, Any]:
    try:
        return vault.unseal(connection.credentials)
    except vault.SealError:
        return {}  # they are lost; whoever changes the connection enters them again


def _minutes(given: int) -> int:
    if given == 0 or 5 <= given <= MOST_MINUTES:
        return given
    raise ValidationError(
        _("Every %(given)s minutes is not possible: 0 (only when told to) or 5 to %(most)s.")
        % {"given": given, "most": MOST_MINUTES}
    )


def _audit_change(
    connection: Connection, applied: changes.Applied, secrets: list[str], *, by: User | None, now: dt.datetime
) -> None:
    before = {key: value for key, value in applied.before.items() if key != "credentials"}
    after = {key: value for key, value in applied.after.items() if key != "credentials"}
    if "credentials" in applied.after:
        after["credentials"] = {"replaced": secrets}
    audit("connection.updated", "connection", [connection.pk], by=by, now=now, before=before, after=after)
