"""How a connector calls its source: through the gate, signed in, at the source's own pace.

A source that says "too many" is given the time it asks for (waiting longer than a minute is left to the caller), a
token that ran out is fetched again, what breaks off is asked for again a few times. Credentials go to the source's own
addresses and nowhere else, whatever a next page's link says.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import logging
import random
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from django.utils.translation import gettext as _

from evergreen.base import clock, outbound
from evergreen.events.sources.adapter import SourceError, ThrottledError

log = logging.getLogger(__name__)

# Below the time after which a silent worker's job is taken up by another one.
LIMITS = outbound.Limits(most_bytes=128 * 1_048_576, most_seconds=60.0, connect_seconds=10.0)
# While a person waits for the test button.
BRIEF = outbound.Limits(most_bytes=32 * 1_048_576, most_seconds=20.0, connect_seconds=5.0)
MOST_WAIT = 60.0
TRIES = 6
_SLICE = 20.0
_CODE = re.compile(r"[A-Za-z][\w.-]{2,60}")

Beat = Callable[[], None]


def pause(seconds: float) -> None:
    """Do nothing for so long. Tests move their fake's clock instead."""
    time.sleep(seconds)


class SignIn:
    """Puts credentials on a request. ``renew`` fetches a new token; False where there is nothing to fetch."""

    def sign(self, request: requests.PreparedRequest) -> None:
        """Without credentials nothing is put on."""

    def renew(self, wire: Wire) -> bool:
        return False


class Header(SignIn):
    """Fixed headers: a token, a key."""

    def __init__(self, **headers: str) -> None:
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def sign(self, request: requests.PreparedRequest) -> None:
        request.headers.update(self._headers)


class Basic(SignIn):
    def __init__(self, name: str, password: str) -> None:
        self._auth = requests.auth.HTTPBasicAuth(name.encode(), password.encode())

    def sign(self, request: requests.PreparedRequest) -> None:
        self._auth(request)


class Query(SignIn):
    """A key in the address."""

    def __init__(self, name: str, value: str) -> None:
        self._name, self._value = name, value

    def sign(self, request: requests.PreparedRequest) -> None:
        if f"{self._name}=" not in (request.url or ""):
            request.prepare_url(request.url, {self._name: self._value})


class Token(SignIn):
    """A bearer token fetched from the source, again when it ran out. ``fetch`` returns the token."""

    def __init__(
        self, fetch: Callable[[Wire], str], header: str = "Authorization", prefix: str = "Bearer "
    ) -> None:
        self._fetch, self._header, self._prefix = fetch, header, prefix
        self._token = ""

    def sign(self, request: requests.PreparedRequest) -> None:
        if self._token:
            request.headers[self._header] = f"{self._prefix}{self._token}"

    def renew(self, wire: Wire) -> bool:
        self._token = self._fetch(wire)
        return True

    @property
    def is_empty(self) -> bool:
        return not self._token


class Wire(outbound.GatedSession):
    """A session for one source, as dlt's REST client takes it. ``beat`` says that the work lives, and may stop it."""

    def __init__(self, beat: Beat | None = None, *, is_patient: bool = True) -> None:
        super().__init__(LIMITS if is_patient else BRIEF)
        self._tries = TRIES if is_patient else 1
        self._beat = beat or (lambda: None)
        self._origins: set[tuple[str, str, int]] = set()
        self.sign_in: SignIn = SignIn()
        self.headers["User-Agent"] = "Evergreen"
        # For sources with their own way of saying it: (ok, expired, busy, fault or refused; their code), or None.
        self.judge: Callable[[requests.Response], tuple[str, str] | None] = lambda _response: None
        # The source's own words for a refusal by its code, or ''.
        self.words: Callable[[requests.Response, str], str] = lambda _response, _code: ""
        # How long a source is left alone that asks to wait without saying how long; None: a little longer each time.
        self.busy_seconds: float | None = None
        self.calls = 0
        self._clients: dict[str, Any] = {}

    def goes_to(self, *urls: str) -> None:
        """The addresses that may be called with the credentials. Raises SourceError."""
        for url in urls:
            try:
                self._origins.add(_origin(outbound.check_url(url)))
            except outbound.OutboundError as error:
                raise SourceError(str(error)) from error

    def send(self, request: requests.PreparedRequest, **named: Any) -> requests.Response:
        """The answer, of status 200 to 299. Raises SourceError or ThrottledError."""
        named.pop("allow_redirects", None)
        request.hooks = {"response": []}  # what an answer means is decided here, not by dlt's hook
        url = request.url or ""
        if _origin(url) not in self._origins:
            raise SourceError(
                _("The source leads on to %(url)s, which is not its own address. Nothing was sent there.")
                % {"url": url.partition("?")[0]}
            )
        if isinstance(self.sign_in, Token) and self.sign_in.is_empty:
            self.sign_in.renew(self)
        return self._answer(request, **named)

    def client(self, address: str) -> Any:
        """dlt's REST client at an address, calling through this wire."""
        from dlt.sources.helpers.rest_client.client import RESTClient

        if address not in self._clients:
            self._clients[address] = RESTClient(address, session=self)
        return self._clients[address]

    def bare(self, request: requests.Request) -> requests.Response:
        """Send without the sign-in: to fetch a token."""
        held, self.sign_in = self.sign_in, SignIn()
        try:
            return self.send(self.prepare_request(request))
        finally:
            self.sign_in = held

    def _answer(self, request: requests.PreparedRequest, **named: Any) -> requests.Response:
        renewed = False
        for turn in range(1, self._tries + 1):
            self._beat()
            self.sign_in.sign(request)
            self.calls += 1
            try:
                response = super().send(request, **named, allow_redirects=True)
            except outbound.OutboundError as error:
                raise SourceError(str(error)) from error
            except requests.RequestException as error:
                # The connection broke or no whole answer came; the text of these errors holds the address.
                log.info("%s broke off: %s", _bare(request.url), type(error).__name__)
                if turn == self._tries:
                    raise SourceError(
                        _("%(host)s could not be reached or broke off %(n)s times (%(what)s).")
                        % {
                            "host": urlsplit(request.url or "").hostname,
                            "n": turn,
                            "what": type(error).__name__,
                        },
                        is_permanent=False,
                    ) from error
                self._wait(_backoff(turn))
                continue
            verdict, code = self._judged(response)
            if verdict == "ok":
                return response
            if verdict == "expired" and not renewed and self.sign_in.renew(self):
                renewed = True
                continue
            if verdict in {"busy", "fault"}:
                asked = retry_after(response)
                if asked is None and verdict == "busy":
                    asked = self.busy_seconds
                if asked is not None and asked > MOST_WAIT:
                    raise ThrottledError(asked)
                if turn == self._tries and verdict == "busy":
                    raise ThrottledError(max(asked or 0.0, 5 * MOST_WAIT))
                if turn < self._tries:
                    self._wait(asked if asked is not None else _backoff(turn))
                    continue
            words = self.words(response, code)
            raise SourceError(
                _said(response, code, words), is_permanent=verdict != "fault", status=response.status_code
            )
        raise AssertionError("the last turn ends above")

    def _judged(self, response: requests.Response) -> tuple[str, str]:
        """What an answer is: ok, expired, busy, fault (of the source) or refused; and the source's code for it."""
        if (judged := self.judge(response)) is not None:
            return judged
        status = response.status_code
        if status < 400:
            return "ok", ""
        verdict = {401: "expired", 429: "busy"}.get(status, "fault" if status >= 500 else "refused")
        return verdict, _code(response)

    def _wait(self, seconds: float) -> None:
        while seconds > 0:
            self._beat()
            pause(min(_SLICE, seconds))
            seconds -= _SLICE


def retry_after(response: requests.Response) -> float | None:
    """Seconds to wait by the answer's own word (seconds or a date), or None where it has none."""
    given = response.headers.get("Retry-After", "").strip()
    if not given:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", given):
        return float(given)
    try:
        until = email.utils.parsedate_to_datetime(given)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=dt.UTC)
    return max(0.0, (until - clock.utc_now()).total_seconds())


def _backoff(turn: int) -> float:
    return float(min(MOST_WAIT, 2.0 ** (turn - 1)) * (0.75 + random.random() / 2))


def _said(response: requests.Response, code: str, words: str = "") -> str:
    """What an error answer means. Of its body only the error's code is told, never its text."""
    status, where = response.status_code, _bare(response.url)
    told = f" ({code})" if code else ""
    if words:
        pass
    elif status == 401:
        words = _("The credentials are not accepted. Enter new ones and try the test button.")
    elif status == 403:
        words = _("The credentials are accepted but may not read this. Give them the right to read it.")
    elif status == 404:
        words = _("There is nothing at this address. Check the address and names of the configuration.")
    elif status >= 500:
        words = _("The source has a fault of its own; it is tried again later.")
    else:
        words = _("The source refuses the request. Check the configuration.")
    return _("%(where)s answered %(status)s%(told)s: %(words)s What was loaded before stays.") % {
        "where": where, "status": status, "told": told, "words": words,
    }  # fmt: skip


def _code(response: requests.Response) -> str:
    """The source's own word for an error, where it is one word."""
    try:
        body = response.json()
    except ValueError:
        return ""
    body = body[0] if isinstance(body, list) and body else body
    for name in ("errorCode", "code", "category", "error", "type"):
        value = body.get(name) if isinstance(body, dict) else None
        value = value.get("code") or value.get("type") if isinstance(value, dict) else value
        if isinstance(value, str | int) and _CODE.fullmatch(str(value)):
            return str(value)
    return ""


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return (
        parts.scheme,
        (parts.hostname or "").casefold(),
        parts.port or (443 if parts.scheme == "https" else 80),
    )


def _bare(url: str | None) -> str:
    """An address without its query, which may hold keys."""
    return (url or "").partition("?")[0]
