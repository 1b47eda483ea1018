"""chdb behind ClickHouse's HTTP interface, so that the real client is tried: its requests, formats and settings.

Queries go to ClickHouse itself; of the server there is only what the client asks for: a body or ``query`` parameter, the
format named in it, an error as status 500 with its text.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Seen = list[dict[str, list[str]]]


@contextmanager
def served(client: Any) -> Iterator[tuple[str, Seen]]:
    """The address of a front to an ``InProcess`` client, and the parameters of each request that came."""
    seen: Seen = []

    class Front(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(200, b"Ok.\n")

        def do_POST(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            seen.append(asked)
            body = (
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Content-Length")
                else self._chunks()
            )
            try:
                found = _run(client, asked.get("query", [""])[0], body)
            except Exception as error:
                self._answer(500, str(error).encode())
            else:
                self._answer(200, found)

        def _chunks(self) -> bytes:
            parts = []
            while size := int(self.rfile.readline().strip() or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-ClickHouse-Summary", "{}")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"clickhouse://default@127.0.0.1:{server.server_address[1]}/default", seen
    finally:
        server.shutdown()
        server.server_close()


def _run(client: Any, query: str, body: bytes) -> bytes:
    statement, data = (query, body) if query else (body.decode(), b"")
    head, _, format_ = (
        statement.rstrip().rpartition(" FORMAT ")
        if " FORMAT " in statement
        else (statement, "", "TabSeparated")
    )
    with client._turn:
        if data:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "rows"
                path.write_bytes(data)
                client._session.query(f"{head} SELECT * FROM file('{path}', '{format_.strip()}')")
            return b""
        found = client._session.query(head, format_.strip())
    return bytes(found.bytes()) if found is not None else b""
