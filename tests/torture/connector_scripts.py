"""One script of faults after another for one kind of connector: a process of the group ``connectors``.

``python -m tests.torture.connector_scripts FOLDER EMPTY KIND SEED`` reads numbers of scripts from its input, a line each, and answers
each with a line of JSON: the script in words, what went wrong, how often the worker was killed. FOLDER is its own; EMPTY is
the installation that each script begins with.
"""

from __future__ import annotations

import datetime as dt
import http.client
import importlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

# The requests of a first run, of the kind that needs most.
_PLACES = 15
_NOW = dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC)


def _script(
    kind: str, number: int, chance: random.Random, patch: Callable[[Any, str, Any], None]
) -> tuple[str, list[str], int]:
    """(the script in words, what went wrong, how often the worker was killed)."""
    from evergreen.base.actions import add_staff
    from evergreen.customers.actions import create_account
    from evergreen.events.connections import actions
    from evergreen.events.sources import wire
    from evergreen.events.sources.mixpanel import adapter as mixpanel
    from evergreen.events.sources.posthog import adapter as posthog
    from tests.connectors.fake import Fake
    from tests.connectors.faults import Stage
    from tests.connectors.systems import ALL, System

    patch(mixpanel, "_DAYS", 6)
    patch(posthog, "_PAGE", 5)
    system = next(one for one in ALL if one.kind == kind)
    with system() as source, Fake() as elsewhere:
        assert isinstance(source, System)
        os.environ["EVERGREEN_OUTBOUND_ALLOW"] = source.netloc
        source.elsewhere = elsewhere.url
        patch(wire, "pause", partial(_paused, source.netloc))
        if "accounts" not in source.truth():
            create_account(external_id="s1", name="一号店", by=None, now=_NOW)
        add_staff("lu.heng@example.com")
        connection = actions.add_connection(kind, f"{kind} {number}", source.config(), by=None, now=_NOW)
        connection.feeds = {}
        connection.save(update_fields=["feeds"])
        worker = _Worker(chance)
        stage = Stage(source, connection, _NOW, patch, do=worker)
        told = _drawn(stage, chance)
        stage.at_end.append(worker.rest)
        try:
            said = stage.live()
        except Exception as error:
            said = [f"{type(error).__name__}: {error}"]
        if elsewhere.asked:
            said.append("something went to an address that only an answer named")
    return f"{told}; killed {worker.killed}", said, worker.killed


def _drawn(stage: Any, chance: random.Random) -> str:
    """Bend the stage at random; in words."""
    from tests.connectors import fake, faults

    requests = (
        fake.FAIL, fake.CUT, fake.HALF, fake.THROTTLE, fake.THROTTLE_DATED, fake.THROTTLE_DATELESS, fake.EXPIRE, fake.NO_JSON,
        fake.SHORT, fake.REFUSE, fake.FORBID, fake.LEAD_ON, fake.EMPTY, fake.STALE, fake.LONG,
    )  # fmt: skip
    places = chance.sample(range(1, _PLACES + 1), chance.randint(1, 5))
    script = {place: chance.choice(requests) for place in sorted(places)}
    stage.source.script = script
    happening = {
        "touched": lambda: stage.source.touch(),
        "deleted": lambda: stage.source.remove(),
        "cursors lost": lambda: stage.source.lose_cursors(),
    }
    moments = {
        chance.randint(1, _PLACES): name for name in chance.sample(sorted(happening), chance.randint(0, 3))
    }

    def at(count: int) -> None:
        if (name := moments.get(count)) is not None:
            happening[name]()

    stage.source.before_each = at
    said = [f"{place}: {fault}" for place, fault in script.items()]
    said += [f"{place}: {name}" for place, name in moments.items()]
    for name, odds, bend in (
        ("a tight limit", 0.25, faults.limited),
        ("our clock is wrong", 0.25, faults.skewed(chance.choice((-2, 2)))),
        ("10 MB", 0.05, faults.big),
        ("renamed and retyped", 0.15, faults.both(faults.retyped, faults.renamed)),
    ):
        if chance.random() < odds:
            bend(stage)
            said.append(name)
    if "deleted" not in moments.values() and chance.random() < 0.4:
        stage.between.append(stage.source.remove)
        said.append("deleted between two runs")
    return ", ".join(said)


class _Worker:
    """Does jobs in a process of its own, which may get SIGKILL at any moment."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._kills = chance.choice((0, 1, 1, 2, 3))
        self.killed = 0

    def rest(self) -> None:
        """It is not killed any more."""
        self._kills = 0

    def __call__(self, job: Any, now: dt.datetime) -> None:
        from evergreen.base import jobs
        from tests.connectors.faults import Killed

        _closed()
        child = os.fork()
        if not child:
            try:
                jobs.run_job(job, now=now)
                _closed()
            finally:
                os._exit(0)
        if self._kills and self._chance.random() < 0.5:
            self._kills -= 1
            ends = time.monotonic() + self._chance.random() * 0.6
            while time.monotonic() < ends and not os.waitid(
                os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT
            ):
                time.sleep(0.002)
            os.kill(child, signal.SIGKILL)
        _child, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            self.killed += 1
            raise Killed


def _paused(netloc: str, seconds: float) -> None:
    """In the place of waiting: the fake, which is in another process, moves its clock."""
    with closing(http.client.HTTPConnection(netloc, timeout=60)) as link:
        link.request("GET", f"/@pause?seconds={seconds}")
        link.getresponse().read()


@contextmanager
def _patched() -> Iterator[Callable[[Any, str, Any], None]]:
    before: list[tuple[Any, str, Any]] = []

    def patch(where: Any, name: str, value: Any) -> None:
        before.append((where, name, getattr(where, name)))
        setattr(where, name, value)

    try:
        yield patch
    finally:
        for where, name, value in reversed(before):
            setattr(where, name, value)


def _prepared(home: Path, empty: Path) -> None:
    """Django, started on a home of this process's own."""
    _restore(home, empty)
    os.environ["EVERGREEN_HOME"] = str(home)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evergreen.launch.settings")
    import django

    django.setup()
    from evergreen.base.env import Home
    from evergreen.events.connections.feeding import prepare_dlt

    # Loaded once here: each worker is a fork of this process.
    prepare_dlt(Home(home))
    for name in ("dlt.sources.rest_api", "evergreen.events.jobs", "evergreen.events.imports.run"):
        importlib.import_module(name)


def _restore(home: Path, copy: Path) -> None:
    """The home as it was made."""
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(copy, home, symlinks=True)


def _closed() -> None:
    """Nothing of this process holds the home open, nor will a child have it by inheritance."""
    from django.db import connections

    from evergreen.events import store

    connections.close_all()
    store.close()


def main() -> None:
    home, empty = Path(sys.argv[1]) / "home", Path(sys.argv[2])
    kind, drawn_from = sys.argv[3:5]
    # What libraries print must not stand between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    _prepared(home, empty)
    for line in sys.stdin:
        number = int(line)
        _closed()
        _restore(home, empty)
        with _patched() as patch:
            told, said, killed = _script(kind, number, random.Random(f"{drawn_from}-{kind}-{number}"), patch)
        answers.write(json.dumps({"told": told, "said": said, "killed": killed}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
