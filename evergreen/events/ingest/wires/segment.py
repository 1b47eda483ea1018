"""Segment's requests and answers."""

from __future__ import annotations

from collections.abc import Sequence

from evergreen.events.ingest import answers, segment
from evergreen.events.ingest.answers import Answer, Refusal
from evergreen.events.ingest.shapes import Event, Rejection, Request
from evergreen.events.ingest.wires.asked import Asked, Opening, counted, told_of

SUCCESS = Answer(200, b'{"success":true}')
_TOLD_ERRORS = 100


class SegmentWire:
    """JSON, the key as the user name of Basic authorization or in the body; any 2xx pleases its clients."""

    dialect = segment
    is_header_binding = True

    def takes(self, asked: Asked) -> bool:
        return asked.method == "POST"

    def encoding(self, asked: Asked) -> bytes:
        return asked.headers.get(b"content-encoding", b"")

    def keys(self, asked: Asked) -> Sequence[str]:
        name = asked.authorization()[0]
        return [name] if name else []

    def open(self, asked: Asked, body: bytes) -> Opening:
        return Opening(asked.call, body)

    def parts(self, request: Request, body: bytes) -> Sequence[tuple[str, bytes]]:
        return [(request.write_key, body)]

    def needs_events(self, asked: Asked, call: str) -> bool:
        return _is_strict(asked)

    def taken(self, asked: Asked, read: Sequence[Event | Rejection]) -> Answer:
        """With strict=1 the sender learns at once which events were put aside; the good ones are stored."""
        stored, bad = counted(read)
        if not bad:
            return SUCCESS
        content = {
            "success": False,
            "code": "invalid_events",
            "message": f"{len(bad)} of {len(read)} events cannot be stored; the other {stored} are stored.",
            "stored": stored,
            "rejected": len(bad),
            "errors": [told_of(rejection, "id") for rejection in bad[:_TOLD_ERRORS]],
        }
        return answers.json(400, content, "invalid_events")

    def refused(self, asked: Asked, refusal: Refusal) -> Answer:
        """``code`` and ``message``; too large is 400 for Segment's clients."""
        content = {"success": False, "code": refusal.code, "message": refusal.message}
        is_plain = refusal.code == "too_large" and not _is_strict(asked)
        return refusal.answer(content, status=400 if is_plain else None)


def _is_strict(asked: Asked) -> bool:
    return b"strict=1" in asked.query_string.split(b"&")
