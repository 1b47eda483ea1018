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
# it. Cookies are never looked at, so that a client that asks for them (Mixpanel's) may have its way.
_ANYWHERE = [(b"access-control-allow-origin", b"*")]
_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, Content-Encoding, X-Retry-Count, X-Requested-With, "
        b"PostHog-Sdk-Info, PostHog-Attempt, PostHog-Request-Id, PostHog-Request-Timestamp",
    ),
    (b"access-control-max-age", b"86400"),
]


def _open_to(origin: bytes) -> list[tuple[bytes, bytes]]:
    if not origin:
        return _ANYWHERE
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", b"Retry-After, X-RateLimit-Reset"),
        (b"vary", b"Origin"),
    ]


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. ``code`` names the refusal in the process's counters."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    code: str = ""

    async def send(self, send: Send, *, origin: bytes = b"", body: bool = True) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self.body)).encode()),
            *_open_to(origin),
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body if body else b""})


PREFLIGHT = Answer(204, b"", _PREFLIGHT)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not taken; ``retry_after`` in seconds when it may be sent again."""

    status: int
    code: str
    message: str
    retry_after: float | None = None

    def answer(self, content: dict[str, Any], *, status: int | None = None) -> Answer:
        """The refusal as an answer with the content that its client reads."""
        headers = []
        if self.retry_after is not None:
            seconds = max(1, math.ceil(self.retry_after))
            headers.append((b"retry-after", str(seconds).encode()))
            if self.status == 429:
                headers.append((b"x-ratelimit-reset", str(int(time.time()) + seconds).encode()))
        return Answer(status or self.status, msgspec.json.encode(content), headers, self.code)


def json(status: int, content: Any, code: str = "") -> Answer:
    return Answer(status, msgspec.json.encode(content), [], code)
