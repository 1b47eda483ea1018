"""Connections with their state, freshness and runs, in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from django.db.models import Max
from django.utils.translation import gettext as _

from evergreen.base import env
from evergreen.events.connections import running
from evergreen.events.connections.models import Connection, ConnectionRun
from evergreen.events.imports.contradictions import sentence
from evergreen.events.imports.records import RECORDS
from evergreen.events.sources import registry
from evergreen.events.sources.adapter import SourceError, Stream
from evergreen.web import formats

State = ConnectionRun.State
TONES = {
    State.WAITING: "info", State.RUNNING: "info", State.PAUSED: "warn", State.DONE: "good", State.FAILED: "bad",
    State.CANCELLED: "none",
}  # fmt: skip
RUNS = 30


@dataclass(frozen=True, slots=True)
class Choice:
    kind: str
    label: str


def choices() -> list[Choice]:
    """The kinds of connectors there are."""
    return [Choice(kind, label_of(kind)) for kind in registry.kinds()]


def label_of(kind: str) -> str:
    try:
        found = registry.adapter_class(kind)
    except SourceError:
        return kind
    return found.zh if formats.is_zh() else found.en


class Line:
    """A connection in the list."""

    def __init__(self, connection: Connection, run: ConnectionRun | None, now: dt.datetime) -> None:
        self.connection, self.run, self.now = connection, run, now

    @property
    def kind(self) -> str:
        return label_of(self.connection.kind)

    @property
    def state(self) -> str:
        if self.run is not None and self.run.is_open:
            return str(self.run.get_state_display())
        if self.connection.is_paused:
            return _("switched off")
        if self.run is None:
            return _("never read")
        if self.run.state != State.DONE:
            return str(self.run.get_state_display())
        if _rejects_all(self.run):
            return _("every row rejected")
        return _("works, some rows rejected") if self.run.total("rejected") else _("works")

    @property
    def tone(self) -> str:
        return "none" if self.connection.is_paused or self.run is None else _tone(self.run)

    @property
    def rows(self) -> int:
        return self.run.total("rows") if self.run is not None else 0

    @property
    def is_late(self) -> bool:
        """Whether what is here is older than the schedule lets one expect."""
        fresh, every = self.connection.fresh_at, self.connection.every_minutes
        return bool(every and fresh and self.now - fresh > dt.timedelta(minutes=3 * every))

    @property
    def schedule(self) -> str:
        minutes = self.connection.every_minutes
        if not minutes:
            return _("only when told to")
        if minutes % 1440 == 0:
            return _("every %(n)s days") % {"n": minutes // 1440} if minutes > 1440 else _("every day")
        if minutes % 60 == 0:
            return _("every %(n)s hours") % {"n": minutes // 60} if minutes > 60 else _("every hour")
        return _("every %(n)s minutes") % {"n": minutes}


def _label(stream: Stream) -> str:
    return stream.label("zh" if formats.is_zh() else "en")


def _tone(run: ConnectionRun) -> str:
    if run.state == State.DONE and run.total("rejected"):
        return "bad" if _rejects_all(run) else "warn"
    return TONES[State(run.state)]


def _rejects_all(run: ConnectionRun) -> bool:
    return run.state == State.DONE and 0 < run.total("rows") == run.total("rejected")


def lines(now: dt.datetime) -> list[Line]:
    """Every connection with its newest run, in two queries."""
    connections = list(Connection.objects.annotate(newest_run=Max("runs__pk")))
    newest = [one.newest_run for one in connections if one.newest_run]
    runs = {run.connection_id: run for run in ConnectionRun.objects.filter(pk__in=newest)}
    return [Line(one, runs.get(one.pk), now) for one in connections]


@dataclass(frozen=True, slots=True)
class FeedLine:
    """A list of the source: whether it is read, what it becomes, what its last run brought."""

    stream: Stream
    is_on: bool
    is_own: bool
    last: Mapping[str, Any]

    @property
    def name(self) -> str:
        return _label(self.stream)

    @property
    def record(self) -> str:
        found = RECORDS[self.stream.record]
        return found.zh if formats.is_zh() else found.en


class Detail:
    """The page of one connection."""

    def __init__(self, connection: Connection, now: dt.datetime) -> None:
        self.connection = connection
        self.runs = [RunPage(run) for run in connection.runs.select_related("by", "job", "connection")[:RUNS]]
        self.line = Line(connection, self.runs[0].run if self.runs else None, now)

    @property
    def open_run(self) -> RunPage | None:
        return self.runs[0] if self.runs and self.runs[0].run.is_open else None

    @cached_property
    def _streams(self) -> tuple[tuple[Stream, ...], str]:
        try:
            return running.adapter_of(self.connection).streams, ""
        except SourceError as error:
            return (), str(error)

    @property
    def problem(self) -> str:
        """Why the connection cannot be read at all as it stands."""
        return self._streams[1]

    @property
    def makers_off(self) -> list[FeedLine]:
        """Lists that would make accounts and are not read."""
        return [feed for feed in self.feeds if feed.stream.makes_accounts and not feed.is_on]

    @cached_property
    def feeds(self) -> list[FeedLine]:
        last: Mapping[str, Any] = next(
            (one.run.streams for one in self.runs if one.run.state == State.DONE and not one.run.is_trial), {}
        )
        found = []
        for stream in self._streams[0]:
            feed = self.connection.feeds.get(stream.name) or {}
            found.append(
                FeedLine(stream, feed.get("on", True), bool(feed.get("mapping")), last.get(stream.name) or {})
            )
        return found


def mapping_of(connection: Connection, stream: Stream) -> Mapping[str, Any]:
    """The mapping in force: the connection's own, else the connector's."""
    own: Mapping[str, Any] | None = (connection.feeds.get(stream.name) or {}).get("mapping")
    return own or stream.mapping


def is_on(connection: Connection, stream: Stream) -> bool:
    return bool((connection.feeds.get(stream.name) or {}).get("on", True))


def feed_words(connection: Connection, stream: Stream) -> dict[str, Any]:
    """What both faces of a list's mapping say of it."""
    return {
        "label": _label(stream),
        "stream": stream.name,
        "is_on": is_on(connection, stream),
        "is_own": bool((connection.feeds.get(stream.name) or {}).get("mapping")),
    }


def mapping_text(stream: Stream, given: Mapping[str, Any] | None) -> str:
    """A mapping as YAML that people edit."""
    return yaml.safe_dump(dict(given or stream.mapping), allow_unicode=True, sort_keys=False, width=110)


def own_mapping(stream: Stream, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The mapping, or None where it says what the connector's own does."""
    default = yaml.load(mapping_text(stream, None), yaml.BaseLoader)  # noqa: S506  it makes texts only
    return None if given == default else given


class RunPage:
    """A run with what became of each list."""

    def __init__(self, run: ConnectionRun) -> None:
        self.run = run

    @property
    def tone(self) -> str:
        return _tone(self.run)

    @cached_property
    def makers_left_out(self) -> list[str]:
        """Lists that would make accounts and were not read, where rows of other lists were rejected."""
        if self.run.state != State.DONE or not self.run.total("rejected"):
            return []
        made = [one for one in self._streams if one.makes_accounts and one.name not in self.run.streams]
        return [_label(one) for one in made]

    @property
    def rows(self) -> int:
        return self.run.total("rows")

    @property
    def counts(self) -> list[tuple[str, int, str]]:
        return [
            (_("Rows"), self.run.total("rows"), ""),
            (_("New"), self.run.total("created"), "good-ink"),
            (_("Changed"), self.run.total("updated"), ""),
            (_("Unchanged"), self.run.total("unchanged"), ""),
            (_("Duplicates"), self.run.total("duplicates"), ""),
            (_("Rejected"), self.run.total("rejected"), "bad-ink" if self.run.total("rejected") else ""),
            (_("Gone at the source"), self.run.total("gone"), "warn-ink" if self.run.total("gone") else ""),
        ]

    @property
    def streams(self) -> list[dict[str, Any]]:
        return [
            {
                **told,
                "key": name,
                "name": self._labels.get(name, name),
                "rejects": bool(self.rejects(name)),
                "odd": _odd(told),
            }
            for name, told in self.run.streams.items()
        ]

    @cached_property
    def _streams(self) -> tuple[Stream, ...]:
        try:
            return running.adapter_of(self.run.connection).streams
        except SourceError:
            return ()

    @cached_property
    def _labels(self) -> dict[str, str]:
        return {one.name: _label(one) for one in self._streams}

    @property
    def summary(self) -> str:
        if self.run.error:
            return self.run.error.splitlines()[0][:200]
        words = {name: formats.number(self.run.total(name)) for name in ("created", "updated", "rejected")}
        return _("%(created)s new, %(updated)s changed, %(rejected)s rejected") % words

    @property
    def examples(self) -> list[str]:
        return [example for told in self.run.streams.values() for example in told.get("examples", ())][:10]

    @property
    def duration(self) -> str:
        seconds = self.run.seconds
        return "" if seconds is None else str(dt.timedelta(seconds=round(seconds)))

    def rejects(self, stream: str) -> Path | None:
        """The file of a list's rejected rows, while it is there."""
        name = self.run.rejects_of(stream)
        path = env.home().files / Path(name).name if name else None
        return path if path is not None and path.is_file() else None


def _odd(told: Mapping[str, Any]) -> list[str]:
    warned = [f"{sentence(kind)} ({formats.number(n)})" for kind, n in (told.get("warnings") or {}).items()]
    return [*warned, *(told.get("notices") or ())]
