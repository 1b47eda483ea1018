"""Calls of providers over HTTPS, through the gate, with their faults as the three errors of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
import urllib3
from django.utils.translation import gettext as _

from evergreen.base.outbound import GatedSession, Limits, OutboundError, check_url
from evergreen.touches.channels.contract import LaterError, RefusedError, UncertainError

_LIMITS = Limits(most_bytes=262_144, most_seconds=15.0)


def call(
    method: str,
    url: str,
    *,
    json: Any = None,
    data: Any = None,
    headers: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    tells_itself: bool = False,
) -> requests.Response:
    """The provider's answer, whatever its own codes say; with ``tells_itself`` also one of status 4xx, whose body says why.

    Raises LaterError where the call certainly did nothing, UncertainError where nobody knows, RefusedError for 4xx other than 408
    and 429.
    """
    answer = asked(method, url, json=json, data=data, headers=dict(headers or {}), auth=auth)
    if tells_itself and 400 <= answer.status_code < 500 and answer.status_code not in {408, 429}:
        return answer
    return judged(answer)


def asked(method: str, url: str, **told: Any) -> requests.Response:
    """The provider's answer, whatever its status; ``told`` as requests takes it. Raises LaterError where the call certainly did nothing,
    UncertainError where nobody knows."""
    try:
        check_url(url)
    except OutboundError as error:
        raise LaterError(str(error), is_whole=True) from error
    with GatedSession(_LIMITS) as session:
        try:
            return session.request(method, url, **told, allow_redirects=False)
        except requests.exceptions.ConnectTimeout as error:
            raise LaterError(_("No connection within 5 s."), is_whole=True) from error
        except requests.exceptions.ConnectionError as error:
            if _never_connected(error):
                raise LaterError(
                    _("No connection: %(error)s") % {"error": _short(error)}, is_whole=True
                ) from error
            raise UncertainError(_("The connection broke: %(error)s") % {"error": _short(error)}) from error
        except (requests.exceptions.RequestException, OutboundError) as error:
            raise UncertainError(_short(error)) from error


def judged(answer: requests.Response) -> requests.Response:
    """An answer of status 2xx. Raises as ``call`` says."""
    status = answer.status_code
    if status in {429, 503}:
        wait = answer.headers.get("Retry-After", "")
        seconds = float(wait) if wait.isdigit() else 60.0
        raise LaterError(
            _("The provider asks to wait (HTTP %(n)s).") % {"n": status}, seconds=seconds, is_whole=True
        )
    if status in {401, 403}:
        raise LaterError(
            _("The provider does not accept the credentials (HTTP %(n)s): %(text)s")
            % {"n": status, "text": answer.text[:120]},
            is_whole=True,
        )
    if status >= 500 or status == 408:
        raise UncertainError(
            _("The provider failed (HTTP %(n)s): %(text)s") % {"n": status, "text": answer.text[:120]}
        )
    if status >= 400:
        raise RefusedError(_("HTTP %(n)s: %(text)s") % {"n": status, "text": answer.text[:200]})
    if status >= 300:
        raise LaterError(
            _("The address leads elsewhere (HTTP %(n)s). Enter the final one.") % {"n": status}, is_whole=True
        )
    return answer


def body_of(answer: requests.Response) -> dict[str, Any]:
    """The JSON object of an answer. An answer that is none leaves open what happened."""
    try:
        found = answer.json()
    except ValueError as error:
        raise UncertainError(_("The answer is no JSON: %(text)s") % {"text": answer.text[:120]}) from error
    return found if isinstance(found, dict) else {}


def cut(text: str, most: int) -> str:
    """A text of at most ``most`` bytes, with … where something was left out."""
    raw = text.encode()
    return text if len(raw) <= most else raw[: most - 3].decode("utf-8", "ignore") + "…"


def _never_connected(error: requests.exceptions.ConnectionError) -> bool:
    cause: Any = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
