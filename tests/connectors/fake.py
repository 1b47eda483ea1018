"""A source on this machine that behaves like a real one: it pages, throttles, lets tokens expire, fails and hangs up.

It serves what it is given over real HTTP. Time in it is its own: what waits for it moves its clock, so nothing sleeps.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

# What a script does to the request at its place (counted from 1).
FAIL, CUT, HALF, THROTTLE, THROTTLE_DATELESS, THROTTLE_DATED, EXPIRE, LONG = (
    "500", "cut", "half", "429", "429 without a word", "429 until a time", "expire", "429 for an hour",
)  # fmt: skip
NO_JSON, SHORT, REFUSE, FORBID, LEAD_ON, SLOW, EMPTY, STALE = (
    "no JSON", "a wrong length", "401 once", "403 once", "redirect", "slow", "an empty page", "the page before again",
)  # fmt: skip
SLOW_SECONDS = 0.4
# Moves the clock of a fake that another process waits for.
PAUSE = "/@pause"
_RAW = {CUT, HALF, SHORT, SLOW}


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        """Every value of a parameter that is given several times."""
        return [value for key, value in self.pairs if key == name]

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Answer:
    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Fake:
    """Routes by path; ``script`` {request number: what goes wrong}. Requests for tokens are not counted."""

    def __init__(self, script: Mapping[int, str] | None = None) -> None:
        self.script = dict(script or {})
        self.routes: dict[str, Callable[[Asked], Answer]] = {}
        self.free: set[str] = set()  # paths that no script touches
        self.asked: list[Asked] = []
        self.count = 0
        self.now = 0.0
        self.quiet_until = 0.0
        self.too_early = 0
        self.tokens_given = 0
        self.token = ""
        self.unsigned: Callable[[Asked], bool] = lambda asked: False
        self.before_each: Callable[[int], None] = lambda number: None
        self.limit: tuple[int, float] | None = None  # so many requests in so many seconds
        self.worst = 0  # requests beyond it within one window
        self._window, self._in_window = 0.0, 0
        self.generation = 0  # of the cursors that are good
        self.changes = 0
        self.elsewhere = ""  # where a redirect leads
        self._last: tuple[str, Answer] | None = None
        self.refused = Answer({"error": "invalid_token"}, 401)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Fake:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.netloc}"

    def pause(self, seconds: float) -> None:
        """In the place of waiting."""
        self.now += seconds

    def begin(self) -> None:
        """Somebody reads from the beginning: no page stands before the first."""
        self._last = None

    def place(self, cursor: Any) -> str | None:
        """Where a cursor leads, '' without one; None when it is good no longer."""
        where, _dot, generation = str(cursor or "").partition(".")
        return None if where and generation != str(self.generation) else where

    def cursor(self, where: Any) -> str:
        return f"{where}.{self.generation}"

    def throttled(self, seconds: float | None) -> Answer:
        """How this system says "too many"; None: it does not say for how long."""
        headers = {} if seconds is None else {"Retry-After": f"{seconds:g}"}
        return Answer({"error": "slow down"}, 429, headers)

    def emptied(self, asked: Asked, answer: Answer) -> Answer | None:
        return None

    def new_token(self) -> str:
        self.tokens_given += 1
        self.token = f"token-{self.tokens_given}"
        return self.token

    def answer(self, asked: Asked) -> tuple[Answer, str]:
        """The answer, and how it breaks off on its way ('' when it does not)."""
        if asked.path == PAUSE:
            self.pause(float(asked.query["seconds"]))
            return Answer({}), ""
        route = self.routes.get(asked.path)
        if route is None:
            route = next((one for path, one in self.routes.items() if path.endswith("*") and asked.path.startswith(path[:-1])), None)  # fmt: skip
        if route is None:
            return Answer({"error": "not found"}, 404), ""
        if asked.path in self.free:
            return route(asked), ""
        self.count += 1
        self.now += 0.01
        self.before_each(self.count)
        if self.now < self.quiet_until:
            self.too_early += 1
            return self.throttled(self.quiet_until - self.now), ""
        if (rest := self._over()) is not None:
            return self.throttled(rest), ""
        fault = self.script.get(self.count, "")
        if fault in {THROTTLE, THROTTLE_DATELESS, THROTTLE_DATED, LONG}:
            return self._quiet(fault), ""
        if fault == EXPIRE:
            self.token = "none holds"
        if fault == REFUSE or self.unsigned(asked):
            return self.refused, ""
        if plain := _plain(fault, self.elsewhere):
            return plain, ""
        answer = route(asked)
        if fault == EMPTY:
            answer = self.emptied(asked, answer) or answer
        if fault == STALE and self._last and self._last[0] == asked.path:
            answer = self._last[1]
        self._last = (asked.path, answer)
        return answer, fault if fault in _RAW else ""

    def _over(self) -> float | None:
        """Seconds until the next window, where this one is used up."""
        if self.limit is None:
            return None
        most, seconds = self.limit
        if self.now - self._window >= seconds:
            self._window, self._in_window = self.now, 0
        self._in_window += 1
        self.worst = max(self.worst, self._in_window - most)
        return self._window + seconds - self.now if self._in_window > most else None

    def _quiet(self, fault: str) -> Answer:
        seconds = 3600.0 if fault == LONG else 7.0
        if fault == THROTTLE_DATELESS:
            return self.throttled(None)
        self.quiet_until = self.now + seconds
        if fault == THROTTLE_DATED:
            until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds + 2)
            return Answer({}, 429, {"Retry-After": email.utils.format_datetime(until, usegmt=True)})
        return self.throttled(seconds)

    def _handler(fake: Fake) -> type[BaseHTTPRequestHandler]:  # noqa: N805  it closes over the fake
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body go out together: else each answer waits 40 ms for the other side.
            wbufsize = -1
            disable_nagle_algorithm = True

            def handle_any(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(
                    self.command, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()}, self.rfile.read(length),
                    parse_qsl(parts.query),
                )  # fmt: skip
                with fake._lock:
                    fake.asked.append(asked)
                    answer, fault = fake.answer(asked)
                self.close_connection = bool(fault)
                if fault == CUT:
                    self.connection.close()
                    return
                if fault == SLOW:
                    time.sleep(SLOW_SECONDS)
                body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                length = len(body) - (3 if fault == SHORT else 0)
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(max(0, length)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if fault == HALF else body)

            do_GET = do_POST = handle_any  # noqa: N815  the names that the server asks for

            def log_message(self, *_arguments: Any) -> None:
                """Quiet."""

        return Handler


def _plain(fault: str, elsewhere: str) -> Answer | None:
    """The answer of a fault that has nothing to do with what was asked."""
    if fault == FAIL:
        return Answer({"error": "boom"}, 500)
    if fault == FORBID:
        return Answer({"error": "forbidden"}, 403)
    if fault == NO_JSON:
        return Answer(b"<html><title>maintenance</title></html>")
    if fault == LEAD_ON:
        return Answer({}, 302, {"Location": f"{elsewhere}/taken"})
    return None
