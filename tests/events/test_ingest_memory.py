"""However many large bodies come at once, from whomever: memory holds, and the excess is told to come again."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from evergreen.base.env import Home
from evergreen.events import journal
from evergreen.events.ingest import Ingest, bodies
from tests.events.asking import KEY, ask, basic

SCOPE = {"type": "http", "path": "/v1/track", "method": "POST", "query_string": b"", "headers": [basic(KEY)]}


def sized(size: int) -> bytes:
    """A track call of about so many bytes."""
    return json.dumps({"event": "Used", "userId": "u", "properties": {"pad": "x" * size}}).encode()


def test_bodies_under_way_hold_only_so_much_memory_together(
    place: Home, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_room", bodies.Room(50_000))
    go_on = asyncio.Event()

    async def post(size: int) -> int:
        parts = [sized(size), b""]

        async def receive() -> dict[str, Any]:
            if len(parts) == 1:
                await go_on.wait()
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        told: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            told.append(message)

        await ingest(SCOPE, receive, send)
        return int(told[0]["status"])

    async def both() -> list[int]:
        first, second = asyncio.create_task(post(30_000)), asyncio.create_task(post(30_000))
        await asyncio.sleep(0.05)
        go_on.set()
        return [await first, await second, await post(30_000)]

    assert asyncio.run(both()) == [200, 503, 200]
    assert sum(len(journal.read(path, 0).entries) for path in journal.segments(place)) == 2


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("path", ["/v1/batch", "/track", "/batch/"])
def test_what_a_request_held_is_free_again_whatever_became_of_it(
    ingest: Ingest, path: str, packed: bool
) -> None:
    for body in (sized(20_000), b"{", b"x" * 600_000, json.dumps({"batch": [], "api_key": KEY}).encode()):
        ask(ingest, path, body, packed=packed)
        ask(ingest, path, gzip.compress(body)[:-4], headers=[(b"content-encoding", b"gzip")])
    assert ingest._room._held == 0
