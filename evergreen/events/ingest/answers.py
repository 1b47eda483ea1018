"""The answers of the tracking API: status, headers and a small JSON body."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

Send = Callable[[dict[str, Any]], Awaitable[None]]

# Browsers send events from the customer's pages; the write key is public there and nothing can be read with
# it.
_OPEN = [(b"access-control-allow-origin", b"*")]
_PREFLIGHT = [
    (b"access-control-allow-methods", b"POST, OPTIONS"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, Content-Encoding"),
    (b"access-control-max-age", b"86400"),
]


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. ``code`` names the refusal in the process's counters."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    code: str = ""

    async def send(self, send: Send, *, body: bool = True) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self.body)).encode()),
            *_OPEN,
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body if body else b""})


SUCCESS = Answer(200, b'{"success":true}')
PREFLIGHT = Answer(204, b"", _PREFLIGHT)


def refusal(status: int, code: str, message: str, *, retry_after: float | None = None, **more: Any) -> Answer:
    """An error as Segment's clients read it: ``code`` and ``message``."""
    headers = []
    if retry_after is not None:
        seconds = max(1, math.ceil(retry_after))
        headers.append((b"retry-after", str(seconds).encode()))
        if status == 429:
            headers.append((b"x-ratelimit-reset", str(int(time.time()) + seconds).encode()))
    content = {"success": False, "code": code, "message": message, **more}
    return Answer(status, msgspec.json.encode(content), headers, code)


def json(status: int, content: dict[str, Any]) -> Answer:
    return Answer(status, msgspec.json.encode(content))
