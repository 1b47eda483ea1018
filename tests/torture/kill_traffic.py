"""Events known by their numbers, and senders that keep the ledger while servers die under them."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import random
import threading
import time
from dataclasses import dataclass
from typing import Final

from tests.launch.sending import basic
from tests.torture.ledger import Ledger

NAME: Final = "Survived"
_PEOPLE = 997
_MILLIS = 86_400_000
_DAY = "2026-11-12"


@dataclass(frozen=True, slots=True)
class Stream:
    """The events of one run: number → message id, person, time and properties, all derived from the seed.

    ``kill_checking`` says the same in SQL, so that what is stored is compared in columns.
    """

    seed: int

    def message_id(self, number: int) -> str:
        return f"{self.seed}-{number}"

    def call(self, number: int) -> str:
        """One call as JSON; ``check`` makes every body different."""
        seconds, millis = divmod(number % _MILLIS, 1000)
        moment = f"{_DAY}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{millis:03}Z"
        check = hashlib.md5(f"{self.seed}:{number}".encode(), usedforsecurity=False).hexdigest()
        return (
            f'{{"type":"track","event":"{NAME}","userId":"u{number % _PEOPLE}","timestamp":"{moment}",'
            f'"messageId":"{self.message_id(number)}","properties":{{"number":{number},"check":"{check}"}}}}'
        )

    def request(self, first: int, count: int) -> tuple[str, bytes]:
        """(path, body) of one event alone or of several."""
        if count == 1:
            return "/v1/track", self.call(first).encode()
        calls = ",".join(self.call(number) for number in range(first, first + count))
        return "/v1/batch", f'{{"batch":[{calls}]}}'.encode()


class Numbers:
    """Hands out ranges of numbers that were never sent, also after a stop."""

    def __init__(self, next_: int, size: int) -> None:
        self._next, self._size = next_, size
        self._lock = threading.Lock()

    def take(self, count: int) -> tuple[int, int] | None:
        """(first, count) of a fresh range, shorter at the end; None when there are no more."""
        with self._lock:
            first = self._next
            count = min(count, self._size - first)
            self._next += count
            return (first, count) if count else None


class Sender(threading.Thread):
    """Sends ranges until told to stop: single events and batches, plain and gzip; some again that were acknowledged,
    some again that got no answer."""

    def __init__(
        self, port: int, key: str, stream: Stream, numbers: Numbers, ledger: Ledger, seed: int, *, pace: float
    ) -> None:
        """``pace``: events a second that this sender aims at (0: as fast as it can)."""
        super().__init__(daemon=True)
        self._port, self._headers = port, {"Authorization": basic(key)}
        self._stream, self._numbers, self._ledger = stream, numbers, ledger
        self._random = random.Random(seed)
        self._connection: http.client.HTTPConnection | None = None
        self._acknowledged: list[tuple[int, int]] = []
        self.pace = pace
        self.stopping = threading.Event()
        self.acked = 0
        self.gone_wrong = ""

    def run(self) -> None:
        try:
            self._send_all()
        except Exception as error:
            self.gone_wrong = f"{type(error).__name__}: {error}"

    def _send_all(self) -> None:
        due = time.monotonic()
        while not self.stopping.is_set():
            # One request in three is an event alone.
            count = 1 if self._random.random() < 0.33 else self._random.randrange(2, 500)
            fresh = self._numbers.take(count)
            if fresh is None:
                return
            if not self._send(*fresh) and self._random.random() < 0.5:
                self._send(*fresh)
            if self._acknowledged and self._random.random() < 0.2:
                self._send(*self._random.choice(self._acknowledged))
            if self.pace:
                due = max(due + fresh[1] / self.pace, time.monotonic() - 1)
                self.stopping.wait(max(0.0, due - time.monotonic()))

    def _send(self, first: int, count: int) -> bool:
        """One request, again while the answer is that nothing was stored; False when there was none."""
        path, body = self._stream.request(first, count)
        headers = dict(self._headers)
        if self._random.random() < 0.3:
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        while not self.stopping.is_set():
            try:
                connection = self._connected()
            except OSError:  # refused: nothing was sent
                time.sleep(0.05)
                continue
            self._ledger.sending(first, count)
            try:
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                self._connection = None
                return False
            if answer.status == 200:
                self._ledger.acked(first, count)
                self.acked += count
                self._acknowledged.append((first, count))
                return True
            if answer.status not in {429, 503}:
                raise AssertionError(f"a request of {count} events was answered {answer.status}")
            self._ledger.refused(first, count)
            time.sleep(0.2)
        return False

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=40)
            connection.connect()
            self._connection = connection
        return self._connection


class Crowd:
    """Senders on one server, each with its own share of the load."""

    def __init__(
        self, count: int, port: int, key: str, ledger: Ledger, seed: int, *, begin: int, pace: float
    ) -> None:
        """``begin``: the first number never sent; ``pace``: events a second of all together (0: all they can)."""
        numbers = Numbers(begin, ledger.size)
        self.senders = [
            Sender(port, key, Stream(seed), numbers, ledger, seed + begin + n, pace=pace / count)
            for n in range(count)
        ]
        for sender in self.senders:
            sender.start()

    @property
    def acked(self) -> int:
        """Events acknowledged to these senders, repeats counted."""
        return sum(sender.acked for sender in self.senders)

    def hurry(self) -> None:
        for sender in self.senders:
            sender.pace = 0.0

    def end(self, seconds: float = 60.0) -> None:
        """Stop sending; a request under way gets its answer. Raises AssertionError when a sender went wrong."""
        for sender in self.senders:
            sender.stopping.set()
        for sender in self.senders:
            sender.join(seconds)
            if sender.is_alive():
                raise AssertionError(f"A sender did not end within {seconds:.0f} s.")
        if wrong := [sender.gone_wrong for sender in self.senders if sender.gone_wrong]:
            raise AssertionError(f"A sender gave up: {wrong[0]}")
