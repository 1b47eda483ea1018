"""Large request bodies of pages: taken from people who are signed in only.

Django puts a whole body on disk before any page can refuse it, so that a stranger could fill the disk.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any

from asgiref.sync import sync_to_async

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SMALL_BYTES = 1 << 20
_ANSWER = (
    "请先登录，再上传文件。没有保存任何内容。\nSign in before you send a file. Nothing was kept.\n".encode()
)
# The API's own 413 (web.api.bodies), for bodies that must not reach Django.
_API_ANSWER = json.dumps(
    {
        "error": {
            "code": "too_large",
            "asked": "to take it in one request",
            "found": "a body above the limit or of unstated length",
            "allowed": f"{SMALL_BYTES:,} bytes a request, stated by Content-Length",
            "saved": "Nothing was saved.",
            "next": "Split it into several requests.",
        }
    }
).encode()


class SignedInForLarge:
    """Answers 401 (the API: 413) to a large body, or one of unknown length, that comes without a session of somebody signed in."""

    def __init__(self, pages: App) -> None:
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_large(scope) and not await _is_signed_in(scope):
            await _refuse(send, scope.get("path", ""))
        else:
            await self._pages(scope, receive, send)


def _is_large(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return True
    length = headers.get(b"content-length", b"0")
    return not length.isdigit() or int(length) > SMALL_BYTES


async def _is_signed_in(scope: Scope) -> bool:
    cookies: SimpleCookie = SimpleCookie()
    for name, value in scope["headers"]:
        if name == b"cookie":
            try:
                cookies.load(value.decode("latin-1"))
            except CookieError:
                return False
    return await sync_to_async(_has_user)({name: morsel.value for name, morsel in cookies.items()})


def _has_user(cookies: dict[str, str]) -> bool:
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import SESSION_KEY
    from django.db import close_old_connections

    close_old_connections()
    store = import_module(settings.SESSION_ENGINE).SessionStore
    session = store(cookies.get(settings.SESSION_COOKIE_NAME))
    return SESSION_KEY in session


async def _refuse(send: Send, path: str) -> None:
    is_api = path.startswith("/api/")
    body = _API_ANSWER if is_api else _ANSWER
    headers = [
        (b"content-type", b"application/json" if is_api else b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413 if is_api else 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})
