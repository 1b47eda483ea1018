"""A sender that keeps its own synced ledger: what it knows to be acknowledged, and what was left open."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import os
import random
import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Event = dict[str, Any]


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def make_event(name: str, number: int) -> Event:
    return {
        "type": "track",
        "event": name,
        "userId": f"u{number % 997}",
        "messageId": str(uuid.uuid4()),
        "timestamp": "2026-11-20T08:00:00.000Z",
        "properties": {"number": number},
    }


@dataclass
class Ledger:
    """Ids by what the sender knows. An id is acked once its 2xx was read and the line here is synced."""

    path: Path
    acked: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    refused: int = 0
    replayed: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._file = self.path.open("a")

    def acknowledge(self, events: Iterable[Event]) -> None:
        ids = [event["messageId"] for event in events]
        with self._lock:
            self._file.write("".join(f"{one}\n" for one in ids))
            self._file.flush()
            os.fsync(self._file.fileno())
            self.replayed += sum(one in self.acked for one in ids)
            self.acked.update(ids)

    def leave_open(self, events: Iterable[Event]) -> None:
        with self._lock:
            self.open.update(event["messageId"] for event in events)

    def refuse(self) -> None:
        with self._lock:
            self.refused += 1


class Sender(threading.Thread):
    """Sends its requests one after another, each once; one in five sends again what was acknowledged before."""

    def __init__(self, port: int, key: str, requests: list[list[Event]], ledger: Ledger, seed: int) -> None:
        super().__init__(daemon=True)
        self._port, self._headers = port, {"Authorization": basic(key)}
        self._requests, self._ledger = requests, ledger
        self._random = random.Random(seed)
        self._sent: list[list[Event]] = []
        self._connection: http.client.HTTPConnection | None = None
        self.pace = 0.0

    def run(self) -> None:
        for events in self._requests:
            self._send(events)
            time.sleep(self.pace)
            if self._sent and self._random.random() < 0.25:  # one request in five is a replay
                self._send(self._random.choice(self._sent))

    def _send(self, events: list[Event]) -> None:
        """One request. A connection refused means that nothing was sent, so it is tried again."""
        single = len(events) == 1
        body = json.dumps(events[0] if single else {"batch": events}).encode()
        headers = dict(self._headers)
        if self._random.random() < 0.3:
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        path = "/v1/track" if single else "/v1/batch"
        while True:
            try:
                connection = self._connected()
            except OSError:
                time.sleep(0.05)
                continue
            try:
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                self._connection = None
                self._ledger.leave_open(events)
                return
            if answer.status == 200:
                self._ledger.acknowledge(events)
                self._sent.append(events)
                return
            assert answer.status in {429, 503}, answer.status
            self._ledger.refuse()
            time.sleep(0.2)

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            connection.connect()
            self._connection = connection
        return self._connection
