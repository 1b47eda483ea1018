"""One stream of one run: read from the source into a spool, then imported by the path that files take."""

from __future__ import annotations

import copy
import datetime as dt
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import requests
from django.db import transaction
from django.utils.translation import gettext as _

from evergreen.base import env
from evergreen.base.jobs import JobCancelled
from evergreen.base.models import User
from evergreen.events.connections import presence
from evergreen.events.connections.models import Connection
from evergreen.events.connections.spool import Spool
from evergreen.events.imports.mapping import FileMapping, MappingError, read_mapping
from evergreen.events.imports.run import import_file
from evergreen.events.sources.adapter import Adapter, Asked, Row, SourceError, Stream, ThrottledError
from evergreen.events.sources.files import LoadError
from evergreen.events.sources.wire import Wire

TRIAL_ROWS = 1_000
_PAGE = 500
_TELLING_ROWS = 100
_OUTCOMES = ("rows", "created", "updated", "unchanged", "duplicates", "rejected")

Tell = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Feed:
    """A stream, what its rows become, and where they go: the names by which people find them again."""

    stream: Stream
    mapping: FileMapping
    source: str

    @property
    def columns(self) -> list[str]:
        return self.mapping.columns


def feed_of(adapter: Adapter, stream: Stream, given: Mapping[str, Any] | None, source: str) -> Feed:
    """The stream with the mapping given for it, else its own. Raises MappingError."""
    definition = dict(given or stream.mapping)
    definition.setdefault("source", source)
    return Feed(stream, read_mapping(definition, stream.record), source)


def pull(
    adapter: Adapter, feed: Feed, wire: Wire, spool: Spool, state: Mapping[str, Any], asked: Asked, *, tell: Tell,
    most: int | None = None, held: Sequence[Row] = (),
) -> None:  # fmt: skip
    """Read the stream into the spool, behind what an earlier try left there. Raises SourceError, ThrottledError.

    ``state`` is how far earlier runs came. The spool's state is always that of rows which are all in it. ``held`` are
    older rows that are tried again; whatever the source tells of them now is newer.
    """
    stream = feed.stream
    if spool.held.is_whole:
        return
    if stream.order != "ascending" or not spool.held.rows:
        spool.restart()
        if stream.order != "descending":
            spool.add(held)
    living = thawed(spool.held.state or state)
    # ``safe`` goes with rows that are all here; ``current`` is what the page under way has moved the state to.
    safe, current = spool.held.state or dict(state), copy.deepcopy(living)
    waiting: list[Row] = []
    try:
        with _state_kept(living):
            rows = iter(adapter.read(stream, wire, asked))
            for row in rows if most is None else islice(rows, most):
                if is_next := living != current:
                    safe, current = frozen(current), copy.deepcopy(living)
                if is_next or len(waiting) >= _PAGE:
                    spool.add(waiting)
                    spool.keep(safe)
                    waiting.clear()
                    tell(stream.name, spool.held.rows)
                waiting.append(row)
    except Exception as error:
        raise in_words(error, adapter, stream.name) or error from error
    finally:
        adapter.close()
        spool.add(waiting)
        spool.keep(safe)
        spool.sync()
    if stream.order == "descending":
        spool.add(held)
    spool.keep(frozen(living), is_whole=True)


def in_words(error: BaseException, adapter: Adapter, name: str) -> Exception | None:
    """What dlt wrapped: the fault as it was told first, or a fault of reading in words; None for any other."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, SourceError | ThrottledError | JobCancelled):
            return inner
        if isinstance(inner, requests.JSONDecodeError):
            return SourceError(_("“%(name)s” is not answered in JSON.") % {"name": name})
        if translated := adapter.told(inner):
            return translated
        if type(inner).__name__.startswith("IncrementalCursor"):
            said = _("“%(name)s” cannot be read from a moment on: %(error)s")
            return SourceError(said % {"name": name, "error": str(inner).splitlines()[0][:300]})
        inner = inner.__cause__ or inner.__context__
    return None


def frozen(state: Any) -> dict[str, Any]:
    """dlt's state as plain JSON, its dates and amounts marked as such."""
    from dlt.common import json as dlt_json

    plain: dict[str, Any] = json.loads(dlt_json.typed_dumps(state))
    return plain


def thawed(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state that ``frozen`` made plain."""
    prepare_dlt(env.home())
    from dlt.common import json as dlt_json

    living: dict[str, Any] = dlt_json.typed_loads(json.dumps(dict(state)))
    return living


def load(
    feed: Feed, spool: Spool, *, name: str, by: User | None, now: dt.datetime, is_history: bool, is_trial: bool,
    tell: Tell,
) -> dict[str, Any]:  # fmt: skip
    """Import what the spool holds; what became of its rows. A trial within the caller's transaction writes nothing
    that stays. Raises SourceError where the mapping does not fit.
    """
    if not spool.held.rows:
        return dict.fromkeys(_OUTCOMES, 0)
    stream = feed.stream
    path = spool.settle(stream.key, stream.order, feed.columns)
    if not spool.lives:
        return {**dict.fromkeys(_OUTCOMES, 0), "read": spool.held.rows, "record": stream.record}
    # Events of a trial are tried against the lake: its transactions are not those of the records.
    dry = is_trial and stream.record == "events"
    guard: AbstractContextManager[Any] = transaction.atomic() if is_trial else nullcontext()
    try:
        with guard:
            result = import_file(
                path,
                stream.record,
                dict(feed.mapping.definition),
                dry_run=dry,
                progress=lambda _file, _done, _total: tell(stream.name, spool.held.rows),
                by=by,
                now=now,
                name=name,
                is_history=is_history,
                remembers=False,
            )
    except MappingError as error:
        raise SourceError(str(error)) from error
    except LoadError as error:
        raise SourceError(str(error)) from error
    told = result.as_dict()
    # A few rows of an hour may well lack what others have.
    is_telling = is_history or spool.held.rows >= _TELLING_ROWS
    missing = sorted(set(feed.columns) - spool.held.columns) if is_telling else []
    notices = [
        _("No row has “%(column)s”, which the mapping reads: was it renamed?") % {"column": column}
        for column in missing
    ]
    return {
        **{outcome: told[outcome] for outcome in _OUTCOMES},
        "read": spool.held.rows,
        "record": stream.record,
        "warnings": told["warnings"],
        "notices": notices,
        "examples": told["examples"],
        "again": spool.rows(result.rejected_rows, stream.key) if repeats(stream) and not is_trial else [],
        "rejects": Path(result.rejects_path).name if result.rejects_path else "",
    }


def repeats(stream: Stream) -> bool:
    """Whether what is rejected must be kept to be tried again: the list itself does not bring it twice."""
    return bool(stream.key) and stream.order != "none"


def compare(
    connection: Connection, feed: Feed, spool: Spool, keys: Iterable[str] | None, *, by: User | None,
    now: dt.datetime,
) -> dict[str, Any]:  # fmt: skip
    """Note what the source has and no longer has, behind ``load``; {"gone", "back", "missed", "notices"} for the run's figures.

    ``keys`` are all that the source had before it was read, where it was asked.
    """
    if not (feed.stream.key and presence.is_kept(feed.stream.record)):
        return {}
    live = spool.settled if spool.held.rows else None
    found = presence.note(
        connection, feed.stream.name, feed.stream.key, feed.mapping, live, spool.gone, keys, by=by, now=now
    )
    notices = []
    if found.missed:
        notices.append(
            _("%(n)s rows that the source has never came; the next run reads the list from its beginning.")
            % {"n": found.missed}
        )
    if found.is_doubtful:
        notices.append(
            _("The source told of no row at all, although it brought some before: none was marked as gone.")
        )
    return {"gone": found.gone, "back": found.back, "missed": found.missed, "notices": notices}


def spools(home: env.Home) -> Path:
    """Where spools lie while runs are under way."""
    return home.files / "spools"


def _state_kept(state: dict[str, Any]) -> AbstractContextManager[Any]:
    """dlt's incremental loading keeps its state in ``state`` instead of a pipeline's folder."""
    prepare_dlt(env.home())
    from dlt.common.configuration.container import Container
    from dlt.common.pipeline import StateInjectableContext

    return Container().injectable_context(StateInjectableContext(state=state))  # type: ignore[arg-type]


def prepare_dlt(home: env.Home) -> None:
    """Before dlt is first imported: no telemetry, and its folder inside the home."""
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    os.environ.setdefault("DLT_DATA_DIR", str(home.root / "dlt"))
