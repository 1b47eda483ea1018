"""Requests to the tracking API without a server, and a home with keys for them."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evergreen.base.env import Home
from evergreen.events.ingest import Ingest
from evergreen.events.ingest.keys import Published, key_hash, write_keys

KEY, OTHER_KEY = "write-key-of-web", "write-key-of-app"
SOURCE, OTHER_SOURCE = "web", "app"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    unread: int
    """Parts of the body that were sent and not taken."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def publish(home: Home, *, keys: dict[str, str] | None = None) -> None:
    """Make the two keys known to the ingest of this home."""
    known = {KEY: SOURCE, OTHER_KEY: OTHER_SOURCE} if keys is None else keys
    write_keys(home.keys, Published({key_hash(k): s for k, s in known.items()}, ("account_id", "accountId")))


def basic(key: str) -> tuple[bytes, bytes]:
    return b"authorization", b"Basic " + base64.b64encode(f"{key}:".encode())


def ask(
    app: Ingest,
    path: str,
    body: Any = b"",
    *,
    key: str | None = KEY,
    method: str = "POST",
    query: str = "",
    headers: Sequence[tuple[bytes, bytes]] = (),
    chunk: int = 1 << 16,
    packed: bool = False,
) -> Answer:
    """One request; a body that is no bytes is sent as JSON, ``chunk`` bytes at a time."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = [*headers, *([basic(key)] if key is not None else [])]
    if packed:
        raw = gzip.compress(raw)
        sent.append((b"content-encoding", b"gzip"))
    return asyncio.run(_ask(app, path, raw, method, query, sent, chunk))


async def _ask(
    app: Ingest,
    path: str,
    body: bytes,
    method: str,
    query: str,
    headers: list[tuple[bytes, bytes]],
    chunk: int,
) -> Answer:
    parts = [body[at : at + chunk] for at in range(0, len(body), chunk)] or [b""]
    waiting = [
        {"type": "http.request", "body": part, "more_body": at < len(parts) - 1}
        for at, part in enumerate(parts)
    ]
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    scope = {
        "type": "http",
        "path": path,
        "method": method,
        "query_string": query.encode(),
        "headers": headers,
    }
    await app(scope, receive, send)
    start = told[0]
    return Answer(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(message["body"] for message in told[1:]),
        len(waiting),
    )
