"""One port for everything: the tracking API goes to the bare ingest, the rest to Django."""

from __future__ import annotations

import asyncio
import os
from typing import Any, cast

from evergreen.base import env
from evergreen.events.ingest import HEALTH, PATHS, READY, Ingest
from evergreen.launch.large_bodies import App, Receive, Scope, Send, SignedInForLarge

# What stands first in the paths of the tracking API; no page may use it (a house test holds it).
INGEST = frozenset(path.split("/")[1] for path in (*PATHS, HEALTH, READY))


class Dispatcher:
    """Sends each request to ingest or to the pages by its path.

    Django reads its URLs, and with them every page, when the first is asked for. This takes a second of processor time,
    so it happens in a thread: events are answered meanwhile, the first pages wait.
    """

    def __init__(self, ingest: Ingest, pages: App) -> None:
        self.ingest = ingest
        self._pages = pages
        self._reading: asyncio.Future[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or takes(scope.get("path", "")):
            await self.ingest(scope, receive, send)
        else:
            if self._reading is None:
                self._reading = asyncio.ensure_future(asyncio.to_thread(_read_urls))
            if not self._reading.done():
                await asyncio.shield(self._reading)
            await self._pages(scope, receive, send)


def _read_urls() -> None:
    from django.urls import get_resolver

    get_resolver()._populate()


def takes(path: str) -> bool:
    """Whether a path belongs to the ingest."""
    return path[1:].partition("/")[0] in INGEST


def make(home: env.Home | None = None) -> Dispatcher:
    """The whole application of this process."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evergreen.launch.settings")
    from django.core.asgi import get_asgi_application

    return Dispatcher(Ingest(home or env.home()), SignedInForLarge(cast(App, get_asgi_application())))


def __getattr__(name: str) -> Any:
    """``evergreen.launch.asgi:application`` for other ASGI servers, made when it is first asked for."""
    if name == "application":
        globals()[name] = made = make()
        return made
    raise AttributeError(name)
