"""The tracking API as a bare ASGI application: a 200 means that the events are on stable storage."""

from __future__ import annotations

import base64
import binascii
import logging
import time
from collections import Counter
from typing import Any

from evergreen.base import env
from evergreen.events.ingest import answers, bodies, segment
from evergreen.events.ingest.answers import Answer, Send, refusal
from evergreen.events.ingest.bodies import Receive
from evergreen.events.ingest.keys import Keys
from evergreen.events.ingest.rates import Rates
from evergreen.events.ingest.shapes import BadRequestError, Rejection
from evergreen.events.journal import REFUSED, Journal, JournalError, OverloadedError, Record, process_journal

log = logging.getLogger(__name__)

Scope = dict[str, Any]

HEALTH = "/healthz"
READY = "/readyz"
PATHS = {path: (segment, call) for path, call in segment.PATHS.items()}
_KEPT_BAD_BODY = 64 << 10
_TOLD_ERRORS = 100


class Refused(Exception):  # noqa: N818 - an answer on its way out, not a fault
    """Stops a request with the answer to give."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


class Ingest:
    """One process's face of the journal; ``counts`` holds its answers by refusal code (200: taken)."""

    def __init__(self, home: env.Home, journal: Journal | None = None) -> None:
        self._journal = journal or process_journal(home)
        self._keys = Keys(home.keys)
        self._rates = Rates(env.number("EVERGREEN_INGEST_RATE", 0))
        self.counts: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        path, method = scope["path"], scope["method"]
        if path in {HEALTH, READY}:
            await self._health(path).send(send, body=method != "HEAD")
            return
        try:
            answer = await self._answer(scope, receive)
        except bodies.GoneError:
            self.counts["gone"] += 1
            return
        self.counts[answer.code or str(answer.status)] += 1
        await answer.send(send)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        found = PATHS.get(scope["path"].rstrip("/"))
        if found is None:
            await bodies.drain(receive)
            return refusal(404, "not_found", f"There is no {scope['path'][:100]}: see docs/tracking-api.md.")
        if scope["method"] == "OPTIONS":
            return answers.PREFLIGHT
        if scope["method"] != "POST":
            refused = refusal(405, "method_not_allowed", "Events are sent by POST.")
            return Answer(405, refused.body, [(b"allow", b"POST, OPTIONS")], refused.code)
        dialect, call = found
        try:
            return await self._take(dialect.NAME, call, scope, receive)
        except Refused as stop:
            return stop.answer
        except JournalError as error:
            code = "overloaded" if isinstance(error, OverloadedError) else "unavailable"
            return refusal(503, code, f"Nothing was stored. {error}", retry_after=error.retry_after)

    async def _take(self, dialect: str, call: str, scope: Scope, receive: Receive) -> Answer:
        """Read, check and store one request."""
        received = time.time_ns() // 1000
        headers = dict(scope["headers"])
        strict = b"strict=1" in scope["query_string"].split(b"&")
        key = _basic_key(headers.get(b"authorization", b""))
        try:
            source = self._source(key) if key else None
        except Refused:
            await bodies.drain(receive)
            raise
        kind = f"{dialect}/{call}"
        try:
            encoding = headers.get(b"content-encoding", b"")
            body = await bodies.read_body(receive, encoding, segment.most_bytes(call))
            request = segment.open_request(call, body)
        except bodies.TooLargeError as error:
            status = 413 if strict else 400
            return await self._refuse(status, "too_large", str(error), source, kind, received, error.kept)
        except bodies.BadEncodingError as error:
            return await self._refuse(400, "bad_encoding", str(error), source, kind, received, error.kept)
        except bodies.TooSlowError as error:
            return refusal(408, "too_slow", f"{error} Nothing was stored.")
        except BadRequestError as error:
            return await self._refuse(
                400, "bad_request", str(error), source, kind, received, body[:_KEPT_BAD_BODY]
            )
        source = source or self._source(request.write_key)
        if request.items:
            await self._journal.write(Record(source, kind, received, body))
        if not strict:
            return answers.SUCCESS
        properties = self._keys.account_properties
        read = segment.events(call, request, source=source, received=received, account_properties=properties)
        return _strict_answer(len(request.items), [event for event in read if isinstance(event, Rejection)])

    def _source(self, key: str) -> str:
        """The source of a key, within its rate; stops the request otherwise."""
        source = self._keys.source_of(key)
        if source is None:
            raise Refused(refusal(401, "unauthorized", "The write key is not known."))
        wait = self._rates.wait_for(source)
        if wait:
            message = "This source sends more requests than it may. Nothing was stored; send again later."
            raise Refused(refusal(429, "rate_limited", message, retry_after=wait))
        return source

    async def _refuse(
        self, status: int, code: str, reason: str, source: str | None, kind: str, received: int, kept: bytes
    ) -> Answer:
        """Refuse a whole request; what was sent is kept with the reason when we know whose it is."""
        if source is None:
            return refusal(status, code, f"{reason} Nothing was stored.")
        await self._journal.write(Record(source, f"{REFUSED}:{kind}", received, kept, reason))
        return refusal(
            status, code, f"{reason} Nothing was stored; the beginning is kept among the rejected events."
        )

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


def _strict_answer(sent: int, bad: list[Rejection]) -> Answer:
    """With strict=1 the sender learns at once which events were put aside; the good ones are stored."""
    if not bad:
        return answers.SUCCESS
    stored = sent - len(bad)
    return refusal(
        400,
        "invalid_events",
        f"{len(bad)} of {sent} events cannot be stored; the other {stored} are stored.",
        stored=stored,
        rejected=len(bad),
        errors=[_told(rejection) for rejection in bad[:_TOLD_ERRORS]],
    )


def _told(rejection: Rejection) -> dict[str, Any]:
    return {
        "index": rejection.item,
        "id": rejection.message_id,
        "field": rejection.field,
        "message": rejection.reason,
    }


def _basic_key(header: bytes) -> str:
    """The user name of a Basic authorization, '' when there is none."""
    scheme, _, value = header.partition(b" ")
    if scheme.lower() != b"basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""
