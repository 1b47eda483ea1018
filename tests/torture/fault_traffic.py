"""Senders for servers that live but cannot store: every answer is looked at, every refused range is sent again."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.launch.sending import basic
from tests.torture.kill_traffic import Numbers, Stream
from tests.torture.ledger import Ledger

_PAUSE = 0.1


@dataclass(slots=True)
class Seen:
    """What the senders of one run saw: answers by status, wrong answers in words, when the last 2xx was read."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    last_taken: float = 0.0
    first_refused: float = 0.0


class Asker(threading.Thread):
    """Sends fresh ranges; one that was refused again until it is taken, one without an answer never."""

    def __init__(self, port: int, key: str, seed: int, numbers: Numbers, ledger: Ledger, seen: Seen) -> None:
        super().__init__(daemon=True)
        self._port, self._headers = port, {"Authorization": basic(key)}
        self._stream, self._numbers, self._ledger, self._seen = Stream(seed), numbers, ledger, seen
        self._random = random.Random(seed + id(self))
        self._link: http.client.HTTPConnection | None = None
        self.stopping = threading.Event()
        self.pause = 0.02

    def run(self) -> None:
        try:
            while not self.stopping.wait(self.pause):
                fresh = self._numbers.take(
                    1 if self._random.random() < 0.5 else self._random.randrange(2, 60)
                )
                if fresh is None:
                    return
                while self._send(*fresh) in {429, 503} and not self.stopping.wait(_PAUSE):
                    continue
        except Exception as error:
            self._seen.wrong.append(f"a sender gave up: {type(error).__name__}: {error}")

    def _send(self, first: int, count: int) -> int:
        """The status of a request; 0 when there was no answer."""
        path, body = self._stream.request(first, count)
        try:
            if self._link is None:
                self._link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=40)
                self._link.connect()
        except OSError:
            self._link = None
            time.sleep(0.05)
            return 503  # nothing was sent
        self._ledger.sending(first, count)
        try:
            self._link.request("POST", path, body, self._headers)
            answer = self._link.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException):
            self._link = None
            return 0
        self._seen.statuses[answer.status] += 1
        if answer.status == 200:
            self._ledger.acked(first, count)
            self._seen.last_taken = time.monotonic()
        elif answer.status in {429, 503}:
            self._ledger.refused(first, count)
            self._seen.first_refused = self._seen.first_refused or time.monotonic()
            if int(answer.getheader("Retry-After") or 0) < 1 or "Nothing was stored" not in str(
                json.loads(said)
            ):
                self._seen.wrong.append(f"{answer.status} without Retry-After or without saying so: {said!r}")
        else:
            self._seen.wrong.append(f"a request was answered {answer.status}: {said!r}")
        return answer.status


class Askers:
    """Some of them on one server."""

    def __init__(self, count: int, port: int, key: str, seed: int, ledger: Ledger, *, begin: int) -> None:
        numbers = Numbers(begin, ledger.size)
        self.seen = Seen()
        self._askers = [Asker(port, key, seed, numbers, ledger, self.seen) for _ in range(count)]
        for asker in self._askers:
            asker.start()

    def pace(self, pause: float) -> None:
        for asker in self._askers:
            asker.pause = pause

    def taken_within(self, seconds: float) -> float | None:
        """Wait for the next 2xx; after how many seconds it was read, None when it was not."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if self.seen.last_taken > began:
                return self.seen.last_taken - began
            time.sleep(0.02)
        return None

    def end(self) -> None:
        for asker in self._askers:
            asker.stopping.set()
        for asker in self._askers:
            asker.join(60)
