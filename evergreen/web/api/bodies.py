"""Bodies of requests: size, packing, JSON; what is wrong with them as a whole."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import HttpRequest
from django.utils.translation import gettext as _

from evergreen.web.api.errors import ApiError

MOST_BYTES = 1 << 20


def read_object(request: HttpRequest, allowed: str) -> tuple[bytes, dict[str, Any]]:
    """The body and the JSON object in it. Raises ApiError 413 or 422; ``allowed`` says what it should look like."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MOST_BYTES:
        raise too_large(
            _("a body of %(n)s bytes") % {"n": length},
            _("%(most)s bytes a request") % {"most": f"{MOST_BYTES:,}"},
        )
    packing = request.headers.get("Content-Encoding", "identity").lower()
    body = request.body
    try:
        found = msgspec.json.decode(body) if packing == "identity" else packing
    except (msgspec.DecodeError, RecursionError) as error:
        raise unreadable(str(error) or type(error).__name__, allowed) from None
    if not isinstance(found, dict):
        raise unreadable(_shown(found), allowed)
    return body, found


def too_large(found: str, allowed: str) -> ApiError:
    return ApiError(
        413,
        "too_large",
        asked=_("to take it in one request"),
        found=found,
        allowed=allowed,
        next=_("Split it into several requests."),
    )


def unreadable(found: str, allowed: str) -> ApiError:
    return ApiError(
        422,
        "unreadable",
        asked=_("to read the body"),
        found=found,
        allowed=allowed,
        next=_("Correct the body and send it again."),
    )


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
