"""What is sent: batches and single calls as Segment's client for Python shapes them, made before the clock runs."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

KEY = "4Jq0vQxT7mZs2LrB9nYd8HcKfUeWgA1p"
BATCH = 100


def batch(events: int = BATCH) -> bytes:
    """A batch as a product's server sends it, about 45 kB."""
    told = {"batch": [event(number) for number in range(events)], "sentAt": "2026-11-20T10:00:00.120+00:00"}
    return json.dumps({**told, "writeKey": KEY}).encode()


def single(number: int) -> bytes:
    return json.dumps(event(number)).encode()


def event(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "integrations": {},
        "anonymousId": None,
        "properties": {"feature": "reports", "rows": number, "title": "月度对账报表"},
        "timestamp": "2026-11-20T10:00:00.000+00:00",
        "context": {
            "groupId": f"A-{number % 50}",
            "library": {"name": "analytics-python", "version": "2.4.0"},
        },
        "userId": f"user {number % 997}",
        "type": "track",
        "event": f"Report {number % 7} viewed",
        "messageId": str(uuid.uuid4()),
    } | fields


def request(path: str, body: bytes) -> bytes:
    """A whole HTTP request, head and body."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Authorization: {authorization()['Authorization']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def authorization(key: str = KEY) -> dict[str, str]:
    """The header with a write key."""
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}
