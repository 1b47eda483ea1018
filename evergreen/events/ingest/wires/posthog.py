"""PostHog's requests and answers."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from evergreen.events.ingest import answers, posthog
from evergreen.events.ingest.answers import Answer, Refusal
from evergreen.events.ingest.shapes import BadRequestError, Event, Rejection, Request
from evergreen.events.ingest.wires.asked import Asked, Opening, fields, is_form, unwrapped

_OK = Answer(200, b'{"status":"Ok"}')
# No flags: those of old answers and those of new ones, both empty.
_NO_FLAGS = answers.json(
    200,
    {
        "flags": {},
        "featureFlags": {},
        "featureFlagPayloads": {},
        "errorsWhileComputingFlags": False,
        "sessionRecording": False,
        "supportedCompression": ["gzip", "gzip-js", "base64"],
    },
)
_NO_DEFINITIONS = answers.json(200, {"flags": [], "group_type_mapping": {}, "cohorts": {}})
_KINDS = {401: "authentication_error", 429: "throttled_error", 503: "server_error"}


class PostHogWire:
    """JSON with ``api_key``, or a Bearer key; its clients need exactly 200, the newer ones word of each event."""

    dialect = posthog
    is_header_binding = False

    def takes(self, asked: Asked) -> bool:
        if asked.method == "GET":
            return asked.call in {posthog.FLAGS, posthog.DEFINITIONS} or "data" in asked.query
        return asked.method == "POST" and asked.call != posthog.DEFINITIONS

    def encoding(self, asked: Asked) -> bytes:
        """Browsers cannot name the packing in a header and say it in the query."""
        named = asked.headers.get(b"content-encoding", b"")
        return named or (b"gzip" if asked.query.get("compression", "").startswith("gzip") else b"")

    def keys(self, asked: Asked) -> Sequence[str]:
        given = (*asked.authorization(), asked.query.get("api_key"), asked.query.get("token"))
        return [key for key in given if key]

    def open(self, asked: Asked, body: bytes) -> Opening:
        if asked.method == "GET":
            body = unwrapped(asked.query.get("data", ""))
        elif is_form(asked, body):
            asked.form = fields(body)
            body = unwrapped(asked.form.get("data", ""))
        elif asked.query.get("compression") == "base64" and body[:1] not in {b"{", b"["}:
            body = unwrapped(body.decode("latin-1"))
        body = body.removeprefix(b"\xef\xbb\xbf").strip()
        if body.startswith(b"["):
            body = b'{"batch":' + body + b"}"
        return Opening(asked.call, _with_sent(asked, body))

    def parts(self, request: Request, body: bytes) -> Sequence[tuple[str, bytes]]:
        return [(request.write_key, body)]

    def needs_events(self, asked: Asked, call: str) -> bool:
        return call == posthog.RESULTS

    def taken(self, asked: Asked, read: Sequence[Event | Rejection]) -> Answer:
        if asked.call == posthog.FLAGS:
            return _NO_FLAGS
        if asked.call == posthog.DEFINITIONS:
            return _NO_DEFINITIONS
        if asked.call != posthog.RESULTS:
            return _OK
        return answers.json(
            200,
            {
                "results": {
                    item.message_id: {"result": "drop", "details": item.reason}
                    if isinstance(item, Rejection)
                    else {"result": "ok"}
                    for item in read
                    if item.message_id
                }
            },
        )

    def refused(self, asked: Asked, refusal: Refusal) -> Answer:
        """``detail`` for the older clients, ``error_description`` for the newer ones."""
        return refusal.answer(
            {
                "type": _KINDS.get(refusal.status, "validation_error"),
                "code": refusal.code,
                "detail": refusal.message,
                "error": refusal.code,
                "error_description": refusal.message,
            }
        )


def _with_sent(asked: Asked, body: bytes) -> bytes:
    """The body with the time at which it was sent, where this stands in a header or the query."""
    header = asked.headers.get(b"posthog-request-timestamp", b"")
    told = header.decode("latin-1") or asked.query.get("_", "")
    if not told or not body.startswith(b"{"):
        return body
    if len(told) > 100:
        raise BadRequestError("The time at which the request was sent has more than 100 characters.")
    rest = body[1:].lstrip()
    return b'{"sent_at":' + msgspec.json.encode(told) + (b"" if rest.startswith(b"}") else b",") + rest
