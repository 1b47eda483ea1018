"""A request sent again under the same Idempotency-Key is answered as the first time and does nothing more."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from evergreen.base import queries
from evergreen.web.api.errors import ApiError
from evergreen.web.api.models import ApiAnswer, ApiKey

HEADER = "Idempotency-Key"
_LONGEST = 200
Answer = tuple[int, dict[str, Any]]


def answered_once(
    request: HttpRequest, key: ApiKey, body: bytes, now: dt.datetime, act: Callable[[], Answer]
) -> tuple[Answer, bool]:
    """What ``act`` answers, or what it answered before under the same name; whether it is the answer of before.

    What ``act`` writes and its answer stand in one transaction: a request cut off in between is done anew.
    """
    name = request.headers.get(HEADER, "").strip()
    if not name:
        return act(), False
    if len(name) > _LONGEST or not name.isprintable():
        raise _refused(name[:_LONGEST], _("1 to %(most)s printable characters") % {"most": _LONGEST})
    digest = hashlib.sha256(request.path.encode() + b"\n" + body).hexdigest()
    before = _before(key, name, digest)
    if before is not None:
        return before, True
    try:
        with transaction.atomic():
            keep = now - dt.timedelta(days=queries.setting("api_repeat_days"))
            ApiAnswer.objects.filter(key=key, at__lt=keep).delete()
            kept = ApiAnswer.objects.create(key=key, name=name, digest=digest, at=now)
            status, said = act()
            kept.status, kept.body = status, said
            kept.save(update_fields=["status", "body"])
            return (status, said), False
    except IntegrityError:
        before = _before(key, name, digest)  # the same request was under way beside this one
        if before is None:
            raise
        return before, True


def _before(key: ApiKey, name: str, digest: str) -> Answer | None:
    found = ApiAnswer.objects.filter(key=key, name=name).first()
    if found is None:
        return None
    if found.digest != digest:
        raise _refused(
            name, _("a new key for another request; this one was used for a different body or path")
        )
    return found.status, found.body


def _refused(found: str, allowed: str) -> ApiError:
    return ApiError(
        422,
        "idempotency_key",
        asked=_("to do this once under the name of the header %(header)s") % {"header": HEADER},
        found=found,
        allowed=allowed,
        next=_("Send the request under a new name."),
    )
