"""A source on this machine that behaves like a real one: it pages, throttles, lets tokens expire, fails and hangs up.

It serves what it is given over real HTTP. Time in it is its own: what waits for it moves its clock, so nothing sleeps.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

# What a script does to the request at its place (counted from 1).
FAIL, CUT, HALF, THROTTLE, THROTTLE_DATELESS, EXPIRE, LONG = (
    "500", "cut", "half", "429", "429 without a word", "expire", "429 for an hour",
)  # fmt: skip


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

    def new_token(self) -> str:
        self.tokens_given += 1
        self.token = f"token-{self.tokens_given}"
        return self.token

    def answer(self, asked: Asked) -> Answer | str:
        """The answer, or CUT or HALF for one that breaks off."""
        route = self.routes.get(asked.path)
        if route is None:
            route = next((one for path, one in self.routes.items() if path.endswith("*") and asked.path.startswith(path[:-1])), None)  # fmt: skip
        if route is None:
            return Answer({"error": "not found"}, 404)
        if asked.path in self.free:
            return route(asked)
        self.count += 1
        self.before_each(self.count)
        if self.now < self.quiet_until:
            self.too_early += 1
            return Answer({}, 429, {"Retry-After": "1"})
        fault = self.script.get(self.count, "")
        if fault == EXPIRE:
            self.token = "none holds"
        if self.unsigned(asked):
            return self.refused
        if fault == FAIL:
            return Answer({"error": "boom"}, 500)
        if fault in {THROTTLE, THROTTLE_DATELESS, LONG}:
            seconds = 3600 if fault == LONG else 7
            self.quiet_until = self.now + (seconds if fault != THROTTLE_DATELESS else 0)
            headers = {} if fault == THROTTLE_DATELESS else {"Retry-After": str(seconds)}
            return Answer({"error": "slow down"}, 429, headers)
        return fault if fault == CUT else (HALF if fault == HALF else route(asked))

    def _handler(fake: Fake) -> type[BaseHTTPRequestHandler]:  # noqa: N805  it closes over the fake
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

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
                    answer = fake.answer(asked)
                if isinstance(answer, str) and answer == CUT:
                    self.close_connection = True
                    self.connection.close()
                    return
                if isinstance(answer, str):
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", "10000")
                    self.end_headers()
                    self.wfile.write(b'{"half": ')
                    self.close_connection = True
                    return
                body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = handle_any  # noqa: N815  the names that the server asks for

            def log_message(self, *_arguments: Any) -> None:
                """Quiet."""

        return Handler
