"""What goes wrong in a browser without being seen: words in its console, failed loads, strangers asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


class Watch:
    """Listens to every page of a context; ``wrong`` holds a line for each thing that should not have happened.

    What the content policy refuses, Chromium says in the console.
    """

    def __init__(self, context: BrowserContext, home: str) -> None:
        self.context, self.home = context, home
        self.wrong: list[str] = []
        context.on("console", self._console)
        context.on("weberror", lambda error: self.wrong.append(f"error: {error.error}"))
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)

    def end(self) -> None:
        self.context.close()

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.wrong.append(f"a stranger was asked: {request.url}")

    def _failed(self, request: Any) -> None:
        # What was under way when the person went on to another page is given up, and may be.
        if "ERR_ABORTED" not in (request.failure or ""):
            self.wrong.append(f"failed: {request.method} {request.url} {request.failure}")

    def _response(self, response: Any) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.status}: {response.request.method} {response.url}")
