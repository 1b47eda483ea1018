"""The first page of a process takes its time; events do not wait for it."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from evergreen.events.ingest import Ingest
from evergreen.launch import asgi


def test_events_are_answered_while_the_first_page_is_being_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read, told = threading.Event(), []
    monkeypatch.setattr(asgi, "_read_urls", lambda: read.wait(10))

    def named(name: str) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            told.append(name)

        return app

    async def both() -> None:
        dispatcher = asgi.Dispatcher(cast(Ingest, named("event")), named("page"))
        unused = SimpleNamespace()
        pages = [
            asyncio.create_task(
                dispatcher({"type": "http", "path": "/accounts/"}, cast(Any, unused), cast(Any, unused))
            )
            for _ in range(2)
        ]
        await asyncio.sleep(0.01)
        await dispatcher({"type": "http", "path": "/v1/track"}, cast(Any, unused), cast(Any, unused))
        read.set()
        await asyncio.gather(*pages)

    asyncio.run(both())
    assert told == ["event", "page", "page"]
