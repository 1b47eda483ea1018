"""Mixpanel's requests and answers."""

from __future__ import annotations

from collections.abc import Sequence

from evergreen.events.ingest import answers, mixpanel
from evergreen.events.ingest.answers import Answer, Refusal
from evergreen.events.ingest.shapes import Event, Rejection, Request
from evergreen.events.ingest.wires.asked import (
    Asked,
    Opening,
    counted,
    fields,
    is_form,
    told_of,
    unwrapped,
)

_ONE = Answer(200, b"1")
_VERBOSE = Answer(200, b'{"status":1,"error":null}')
_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
}
_STRICT_ERROR = "some data points in the request failed validation"


class MixpanelWire:
    """Forms and JSON, the token in each event; clients read 1 or ``{"status": 1}``, importers a count."""

    dialect = mixpanel
    is_header_binding = False

    def takes(self, asked: Asked) -> bool:
        """Its client for Node sends single events by GET."""
        return asked.method == "POST" or (asked.method == "GET" and "data" in asked.query)

    def encoding(self, asked: Asked) -> bytes:
        return asked.headers.get(b"content-encoding", b"")

    def keys(self, asked: Asked) -> Sequence[str]:
        """A secret stands in the user's name, a service account's in its secret."""
        given = (*asked.authorization(), asked.query.get("api_key"), asked.query.get("token"))
        return [key for key in given if key]

    def open(self, asked: Asked, body: bytes) -> Opening:
        if asked.method == "GET":
            return Opening(asked.call, unwrapped(asked.query["data"]))
        if is_form(asked, body):
            asked.form = fields(body)
            return Opening(asked.call, unwrapped(asked.form.get("data", "")))
        if asked.call == "import" and _is_lines(asked, body):
            return Opening(mixpanel.LINES, body)
        return Opening(asked.call, body)

    def parts(self, request: Request, body: bytes) -> Sequence[tuple[str, bytes]]:
        """One client may hold events of several projects in one buffer."""
        keys = [mixpanel.token_of(item) or request.write_key for item in request.items]
        if len(set(keys)) < 2:
            return [(request.write_key, body)]
        by_key: dict[str, list[bytes]] = {}
        for key, item in zip(keys, request.items, strict=True):
            by_key.setdefault(key, []).append(bytes(item))
        return [(key, b"[" + b",".join(items) + b"]") for key, items in by_key.items()]

    def needs_events(self, asked: Asked, call: str) -> bool:
        return _is_importer(asked)

    def taken(self, asked: Asked, read: Sequence[Event | Rejection]) -> Answer:
        if not _is_importer(asked):
            return _VERBOSE if asked.is_told("verbose") else _ONE
        stored, bad = counted(read)
        content = {"code": 200, "num_records_imported": stored, "status": "OK"}
        if not bad or not asked.is_told("strict"):
            return answers.json(200, content)
        failed = [told_of(rejection, "insert_id") for rejection in bad]
        content |= {"code": 400, "status": _REASONS[400], "error": _STRICT_ERROR, "failed_records": failed}
        return answers.json(400, content, "invalid_events")

    def refused(self, asked: Asked, refusal: Refusal) -> Answer:
        """``error`` in words; whatever is not 1 is a failure to its clients, so verbose or not is the same."""
        if _is_importer(asked):
            status = _REASONS.get(refusal.status, refusal.code)
            return refusal.answer({"code": refusal.status, "error": refusal.message, "status": status})
        return refusal.answer({"status": 0, "error": refusal.message, "code": refusal.code})


def _is_importer(asked: Asked) -> bool:
    """Whether /import is spoken to in JSON; its older clients send forms and read the short answers."""
    return asked.call == "import" and asked.method == "POST" and not asked.form


def _is_lines(asked: Asked, body: bytes) -> bool:
    kind = asked.headers.get(b"content-type", b"")
    return b"ndjson" in kind or (body.lstrip()[:1] == b"{" and b"\n" in body.strip())
