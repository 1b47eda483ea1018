"""A page of the vendor's own product, at another address and under a strict content policy, with our script built in."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

SECRET = "known to the product's server alone"


class Page(BaseHTTPRequestHandler):
    script = ""
    user = ""

    def do_GET(self) -> None:
        signature = hmac.new(SECRET.encode(), self.user.encode(), hashlib.sha256).hexdigest()
        home = self.script.partition("/in-app/")[0]
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        policy = (
            f"default-src 'none'; script-src {home}; connect-src {home}; require-trusted-types-for 'script'"
        )
        self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        told = f'data-user="{self.user}" data-signature="{signature}"'
        page = f'<!doctype html><html lang="zh"><title>云帆</title><h1>应收</h1><script src="{self.script}" {told} defer></script>'
        self.wfile.write(page.encode())

    def log_message(self, *_told: Any) -> None:
        """Nothing is printed among the tests' lines."""


@contextmanager
def running() -> Iterator[ThreadingHTTPServer]:
    """The product's server; ``server_port`` is its port. What it shows is set on ``Page``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
