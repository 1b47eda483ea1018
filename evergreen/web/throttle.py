"""How often a sign-in may be tried: by e-mail and by address.

Tries are rows of the records, not entries of the cache: each process has a cache of its own, and a restart
would empty it. A try is written before the password is looked at: a hundred at once count as a hundred.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import Any

from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from evergreen.web.models import SignInTry


def address_of(request: HttpRequest) -> str:
    """Who asks: the peer, or whom a proxy on this machine named last. IPv6 counts by its /64 network."""
    peer = str(request.META.get("REMOTE_ADDR", ""))
    named = request.headers.get("X-Forwarded-For", "").rsplit(",", 1)[-1].strip()
    try:
        found = ipaddress.ip_address(peer)
        if named and found.is_loopback:
            found = ipaddress.ip_address(named)
    except ValueError:
        return peer
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def begin(email: str, address: str, vendor: dict[str, Any], *, now: dt.datetime) -> int:
    """Count a try; returns the minutes to wait when there were too many, else 0.

    ``vendor`` holds the limits (``sign_in_tries``, ``sign_in_tries_address``, ``sign_in_minutes``).
    """
    span = dt.timedelta(minutes=vendor["sign_in_minutes"])
    SignInTry.objects.filter(at__lt=now - span).delete()
    keys = {
        _key("email", email): vendor["sign_in_tries"],
        _key("address", address): vendor["sign_in_tries_address"],
    }
    SignInTry.objects.bulk_create([SignInTry(key=key, at=now) for key in keys])
    waits = [_wait(key, most, span, now) for key, most in keys.items()]
    return max(waits)


def forget(email: str, address: str) -> None:
    """A right password clears what was counted for its e-mail, and one try of its address."""
    SignInTry.objects.filter(key=_key("email", email)).delete()
    newest = SignInTry.objects.filter(key=_key("address", address)).order_by("-at", "-pk").first()
    if newest is not None:
        newest.delete()


def _wait(key: str, most: int, span: dt.timedelta, now: dt.datetime) -> int:
    """Minutes until one more than ``most`` tries lie within the span no longer."""
    at = list(SignInTry.objects.filter(key=key).order_by("-at").values_list("at", flat=True)[: most + 1])
    if len(at) <= most:
        return 0
    return max(1, -(-int((at[-1] + span - now).total_seconds()) // 60))


def _key(kind: str, value: str) -> str:
    # Hashed: what was typed as an e-mail may be a password in the wrong field.
    return salted_hmac("evergreen.sign-in", f"{kind}:{value.strip().lower()}", algorithm="sha256").hexdigest()
