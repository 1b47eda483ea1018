"""Who comes in: a key in force with the right that is asked for, not too often."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Case, F, Value, When
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.security import HttpBearer

from evergreen.base import clock, queries
from evergreen.base.roles import Role
from evergreen.events.ingest.keys import key_hash
from evergreen.web.api.errors import ApiError
from evergreen.web.api.models import ApiKey


class KeyedRequest(HttpRequest):
    """A request that ``Holder`` let in: with its key, where ninja puts what an authentication returns."""

    auth: ApiKey


class Holder(HttpBearer):
    """Lets a request in that brings a key in force with one of the rights, and counts it."""

    def __init__(self, *rights: str) -> None:
        super().__init__()
        self._rights = rights

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        key = (
            ApiKey.objects.select_related("staff").filter(hash=key_hash(token.strip()), revoked_at=None)
        ).first()
        if key is None or (key.staff is not None and not key.staff.is_active):
            return None
        now = clock.utc_now()
        _count(key, now, queries.setting("api_requests_minute"))
        writes = any(right.endswith(".write") for right in self._rights)
        if not set(self._rights) & set(key.rights) or (
            writes and key.staff is not None and key.staff.role == Role.PARTNER
        ):
            raise ApiError(
                403,
                "right_missing",
                asked=f"{request.method} {request.path}",
                found=_("a key with the rights %(rights)s") % {"rights": ", ".join(key.rights)},
                allowed=_("a key with the right %(rights)s, not one of a partner for writing")
                % {"rights": " / ".join(self._rights)},
                next=_("Ask for a key with this right under Settings → API keys."),
            )
        return key


def _count(key: ApiKey, now: dt.datetime, most: int) -> None:
    """Count the request of this minute, over all processes; refuse it when there were too many."""
    minute = now.replace(second=0, microsecond=0)
    again = Case(When(minute=minute, then=F("calls") + 1), default=Value(1))
    ApiKey.objects.filter(pk=key.pk).update(calls=again, minute=minute)
    calls = ApiKey.objects.values_list("calls", flat=True).get(pk=key.pk)
    if calls > most:
        wait = 60 - now.second
        raise ApiError(
            429,
            "too_many_requests",
            asked=_("request %(n)s of this minute") % {"n": f"{calls:,}"},
            found=f"{calls:,}",
            allowed=_("%(most)s requests a minute and key") % {"most": f"{most:,}"},
            next=_("Send it again in %(seconds)s seconds; more rows a request need fewer requests.")
            % {"seconds": wait},
            headers={"Retry-After": str(wait)},
        )
