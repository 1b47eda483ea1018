from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from evergreen.events.connections.models import Connection, ConnectionRun
from tests.connectors.fake import Fake

Go = Callable[..., ConnectionRun]


@pytest.fixture
def serving(home: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Fake], Fake]]:
    """Start a fake; the gate is opened for it alone, and waiting moves its clock."""
    from evergreen.events.sources import wire

    with ExitStack() as stack:

        def start(fake: Fake) -> Fake:
            stack.enter_context(fake)
            monkeypatch.setenv("EVERGREEN_OUTBOUND_ALLOW", fake.netloc)
            monkeypatch.setattr(wire, "pause", fake.pause)
            return fake

        yield start


@pytest.fixture
def run_it(now: Any) -> Go:
    """Start a run and do its job as the worker does; the run as it stands afterwards."""
    from evergreen.base import jobs
    from evergreen.events import jobs as _registered  # noqa: F401
    from evergreen.events.connections import actions

    def go(connection: Connection, **named: Any) -> ConnectionRun:
        at = named.pop("now", now)
        connection.refresh_from_db()
        run = actions.start_run(connection, by=None, now=at, **named)
        job = jobs.claim_job("test", now=at)
        assert job is not None
        jobs.run_job(job, now=at)
        run.refresh_from_db()
        return run

    return go
