"""The tracking API as a bare ASGI application: a 200 means that the events are on stable storage."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from typing import Any

from evergreen.base import env
from evergreen.events.ingest import answers, bodies
from evergreen.events.ingest.answers import Answer, Refusal, Send
from evergreen.events.ingest.bodies import Receive
from evergreen.events.ingest.keys import Keys
from evergreen.events.ingest.pressure import Pressure
from evergreen.events.ingest.rates import Rates
from evergreen.events.ingest.shapes import BadRequestError, Request
from evergreen.events.ingest.wires import PATHS, WIRES, Asked, Wire
from evergreen.events.journal import REFUSED, Journal, JournalError, OverloadedError, Record, process_journal

log = logging.getLogger(__name__)

Scope = dict[str, Any]

HEALTH = "/healthz"
READY = "/readyz"
_KEPT_BAD_BODY = 64 << 10
_ROOM = 64 << 20
_BUSY = Refusal(
    503, "overloaded", "More comes than can be taken now. Nothing was stored; send again later.", 1.0
)
_BROKEN_OFF = Refusal(400, "gone", "The body broke off or its chunks cannot be read. Nothing was stored.")
_UNKNOWN = Refusal(401, "unauthorized", "The write key is not known.")


class Refused(Exception):  # noqa: N818 - an answer on its way out, not a fault
    """Stops a request."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class Ingest:
    """One process's face of the journal; ``counts`` holds its answers by refusal code (200: taken)."""

    def __init__(self, home: env.Home, journal: Journal | None = None) -> None:
        self._journal = journal or process_journal(home)
        self._keys = Keys(home.keys)
        self._rates = Rates(env.number("EVERGREEN_INGEST_RATE", 0))
        self._room = bodies.Room(_ROOM)
        self._pressure = Pressure()
        self._under_way = 0
        self.counts: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        path, method = scope["path"], scope["method"]
        if path in {HEALTH, READY}:
            await self._health(path).send(send, body=method != "HEAD")
            return
        headers = dict(scope["headers"])
        self._under_way += 1
        try:
            answer = await self._answer(scope, headers, receive)
        except bodies.GoneError:
            # Most have gone; whose chunks cannot be read is still there and would read a 500 of the server's.
            answer = _BROKEN_OFF.answer(
                {"success": False, "code": _BROKEN_OFF.code, "message": _BROKEN_OFF.message}
            )
        finally:
            self._under_way -= 1
        self.counts[answer.code or str(answer.status)] += 1
        await answer.send(send, origin=headers.get(b"origin", b""))

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Answer:
        path = scope["path"].rstrip("/")
        wire, call = PATHS.get(path, (WIRES[0], ""))
        asked = Asked(call, scope["method"], scope["query_string"], headers)
        if not call:
            await bodies.drain(receive)
            message = f"There is no {scope['path'][:100]}: see docs/tracking-api.md."
            return wire.refused(asked, Refusal(404, "not_found", message))
        if asked.method == "OPTIONS":
            return answers.PREFLIGHT
        try:
            if not wire.takes(asked):
                refused = wire.refused(asked, Refusal(405, "method_not_allowed", "Events are sent by POST."))
                return Answer(405, refused.body, [(b"allow", b"POST, OPTIONS")], refused.code)
            with self._room.share() as share:
                return await self._take(wire, asked, receive, share)
        except Refused as stop:
            return wire.refused(asked, stop.refusal)
        except (JournalError, bodies.FullError) as error:
            is_much = isinstance(error, (OverloadedError, bodies.FullError))
            code = "overloaded" if is_much else "unavailable"
            refusal = Refusal(503, code, f"Nothing was stored. {error}", error.retry_after)
            return wire.refused(asked, refusal)

    async def _take(self, wire: Wire, asked: Asked, receive: Receive, share: bodies.Share) -> Answer:
        """Read, check and store one request."""
        received = time.time_ns() // 1000
        dialect, call, body = wire.dialect, asked.call, b""
        stated = asked.headers.get(b"content-length", b"")
        try:
            named = self._named(wire, asked)
        except Refused:
            await bodies.drain(receive, stated)
            raise
        try:
            most = dialect.most_bytes(call)
            body = await bodies.read_body(receive, wire.encoding(asked), most, share, stated)
            call, body = wire.open(asked, body)
            request = dialect.open_request(call, body)
        except bodies.TooSlowError as error:
            raise Refused(Refusal(408, "too_slow", f"{error} Nothing was stored.")) from None
        except (bodies.TooLargeError, bodies.BadEncodingError, BadRequestError) as error:
            raise Refused(await self._keep(error, body, f"{dialect.NAME}/{call}", received, named)) from None
        parts = [(*named, body)] if named else self._parts(wire, request, body)
        if request.items:
            kind = f"{dialect.NAME}/{call}"
            records = [
                Record(source, kind, received, _without_keys(part, key, request))
                for key, source, part in parts
            ]
            await self._write(records)
        if not wire.needs_events(asked, call):
            return wire.taken(asked, ())
        properties = self._keys.account_properties
        read = dialect.events(
            call, request, source=parts[0][1], received=received, account_properties=properties
        )
        return wire.taken(asked, list(read))

    async def _write(self, records: list[Record]) -> None:
        """Store the records, all in one group where they are several."""
        if len(records) == 1:
            await self._journal.write(records[0])
        else:
            await asyncio.gather(*map(self._journal.write, records))

    def _named(self, wire: Wire, asked: Asked) -> tuple[str, str] | None:
        """The key that a request names outside its events, and its source; None when they have to tell."""
        given = wire.keys(asked)
        for key in given:
            if (source := self._keys.source_of(key)) is not None:
                self._admit(source)
                return key, source
        if given and wire.is_header_binding:
            raise Refused(_UNKNOWN)
        return None

    def _parts(self, wire: Wire, request: Request, body: bytes) -> list[tuple[str, str, bytes]]:
        """(key, source, body) for each key that the events name; one unknown key refuses the request."""
        found = []
        for key, part in wire.parts(request, body):
            source = self._keys.source_of(key)
            if source is None:
                raise Refused(_UNKNOWN)
            found.append((key, source, part))
        for _, source, _ in found:
            self._admit(source)
        return found

    def _admit(self, source: str) -> None:
        """Refuse a request of a source that sends more than it may, or most while more comes than can be done."""
        is_too_much = self._pressure.is_too_much(source, self._under_way)
        if wait := self._rates.wait_for(source):
            message = "This source sends more requests than it may. Nothing was stored; send again later."
            raise Refused(Refusal(429, "rate_limited", message, wait))
        if is_too_much:
            raise Refused(_BUSY)

    async def _keep(
        self, error: ValueError, body: bytes, kind: str, received: int, named: tuple[str, str] | None
    ) -> Refusal:
        """Refuse a whole request; what was sent is kept with the reason when we know whose it is."""
        status, code, kept = 400, "bad_request", body[:_KEPT_BAD_BODY]
        if isinstance(error, bodies.TooLargeError):
            status, code, kept = 413, "too_large", error.kept
        elif isinstance(error, bodies.BadEncodingError):
            code, kept = "bad_encoding", error.kept
        if named is None:
            return Refusal(status, code, f"{error} Nothing was stored.")
        key, source = named
        kept = _starred(kept, key)
        await self._journal.write(Record(source, f"{REFUSED}:{kind}", received, kept, str(error)))
        told = "Nothing was stored; the beginning is kept among the rejected events."
        return Refusal(status, code, f"{error} {told}")

    def _health(self, path: str) -> Answer:
        """Live is 200 whenever the process answers; ready is 503 while requests would not be stored."""
        state = self._journal.state()
        ready = state.writable and state.disk_ok
        detail = {
            "status": "ok",
            "ready": ready,
            "journal": "writable" if state.writable else "not writable",
            "disk": "ok" if state.disk_ok else "below reserve",
        }
        return answers.json(503 if path == READY and not ready else 200, detail)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


def _without_keys(body: bytes, key: str, request: Request) -> bytes:
    """A body whose envelope or events name the write key, as it is kept: without it."""
    if not request.write_key:
        return body
    body = _starred(body, request.write_key)
    return _starred(body, key) if key != request.write_key else body


def _starred(body: bytes, secret: str) -> bytes:
    """A body as long as it was, its write key nowhere in the clear: what is kept names its source anyway."""
    return body.replace(secret.encode(), b"*" * len(secret.encode()))
