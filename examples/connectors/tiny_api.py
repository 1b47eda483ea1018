"""A REST API to try the connector `rest` with: ``python tiny_api.py [port]``. Needs nothing but Python."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

CUSTOMERS = [
    {
        "code": f"C{n:03}",
        "name": f"示例客户 {n}",
        "trade": "零售" if n % 2 else "制造",
        "signed_on": f"2026-{n:02}-01",
    }
    for n in range(1, 13)
]
TOKEN = "open-sesame"  # noqa: S105  an example's
PAGE = 5


class Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401, {"error": "invalid_token"})
        elif asked.path != "/customers":
            self._answer(404, {"error": "not_found"})
        else:
            page = int(parse_qs(asked.query).get("page", ["1"])[0])
            items = CUSTOMERS[PAGE * (page - 1) : PAGE * page]
            self._answer(200, {"items": items, "pages": -(-len(CUSTOMERS) // PAGE)})

    def _answer(self, status: int, told: dict[str, object]) -> None:
        body = json.dumps(told, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8099
    print(f"http://127.0.0.1:{port}/customers with the token {TOKEN} (stop: Ctrl-C)")
    ThreadingHTTPServer(("127.0.0.1", port), Api).serve_forever()
