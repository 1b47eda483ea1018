"""The gate: the one way in which this installation calls other machines.

A name is resolved here, every address it has must be globally routable, and the connection goes to the address that was
checked. Redirects are not followed, proxies and netrc of the environment are not used, answers are cut off by size
and by time. The operator's EVERGREEN_OUTBOUND_ALLOW opens internal hosts and networks.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from django.utils.translation import gettext as _
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
# Globally routable by the letter, but answered by the cloud that the machine stands in, or by a relay.
_SPECIAL = (
    ipaddress.ip_network("168.63.129.16/32"),
    ipaddress.ip_network("192.0.0.0/24"),
    ipaddress.ip_network("192.88.99.0/24"),
    ipaddress.ip_network("fec0::/10"),
)
_BLOCK = 65_536


class OutboundError(RuntimeError):
    """The gate does not let a call through, or cuts it off; the message says why and what is allowed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may cost: bytes of its (unpacked) answer, seconds until it is there."""

    most_bytes: int = 1_048_576
    most_seconds: float = 10.0
    connect_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the operator opened: names with or without a port, networks."""

    names: frozenset[str]
    networks: tuple[Network, ...]

    def has_name(self, host: str, port: int) -> bool:
        return host in self.names or f"{host}:{port}" in self.names

    def has_address(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self.networks)


def allowed() -> Allowed:
    """EVERGREEN_OUTBOUND_ALLOW as it stands now: hosts, host:port, addresses, networks, split by commas."""
    names, networks = set(), []
    for entry in os.environ.get("EVERGREEN_OUTBOUND_ALLOW", "").split(","):
        word = entry.strip().casefold().rstrip(".")
        if not word:
            continue
        try:
            networks.append(ipaddress.ip_network(word, strict=False))
        except ValueError:
            names.add(word)
    return Allowed(frozenset(names), tuple(networks))


def is_public(address: Address) -> bool:
    """Whether an address is globally routable, also the one that hides inside (mapped, NAT64, 6to4, Teredo)."""
    if isinstance(address, ipaddress.IPv6Address):
        inner: list[Address | None] = [address.ipv4_mapped, address.sixtofour]
        if address.teredo:
            inner += address.teredo
        if any(address in network for network in _NAT64):
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if any(one is not None and not is_public(one) for one in inner):
            return False
        if address.ipv4_mapped is not None or address in _NAT64[0]:
            return True
    if any(address.version == network.version and address in network for network in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def addresses(host: str, port: int) -> list[str]:
    """The addresses of a host, each of them checked. Raises OutboundError, also when the name is not known."""
    name = host.strip("[]").rstrip(".").casefold()
    if not name or not 0 < port < 65_536:
        raise OutboundError(
            _("“%(host)s:%(port)s” is no address that can be called.") % {"host": host, "port": port}
        )
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutboundError(
            _("The host “%(host)s” is not known. Check its spelling and this machine's name server.")
            % {"host": name}
        ) from error
    resolved = list(dict.fromkeys(str(one[4][0]).partition("%")[0] for one in found))
    opened = allowed()
    if not opened.has_name(name, port):
        _refuse_internal(name, map(ipaddress.ip_address, resolved), opened)
    return resolved


def is_opened(host: str, port: int) -> bool:
    """Whether the operator opened this host by its name or address."""
    opened, name = allowed(), host.strip("[]").rstrip(".").casefold()
    if opened.has_name(name, port):
        return True
    try:
        return opened.has_address(ipaddress.ip_address(name))
    except ValueError:
        return False


def _refuse_internal(name: str, resolved: Iterable[Address], opened: Allowed) -> None:
    # One internal address among several is enough: a name that answers so is not to be trusted.
    for address in resolved:
        if not is_public(address) and not opened.has_address(address):
            raise OutboundError(
                _(
                    "“%(host)s” leads to %(address)s, an address inside a network. Only public addresses are called; "
                    "whoever runs this installation can open others with EVERGREEN_OUTBOUND_ALLOW. Nothing was sent."
                )
                % {"host": name, "address": address}
            )


def check_url(url: str) -> str:
    """A URL that may be called, without a trailing slash. Raises OutboundError."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port if parts.port is not None else (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise OutboundError(_("“%(url)s” is no web address.") % {"url": url[:200]}) from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
        raise OutboundError(
            _(
                "“%(url)s”: an address such as https://api.example.com is needed, without a name and password in it."
            )
            % {"url": url[:200]}
        )
    addresses(parts.hostname, port)
    if parts.scheme == "http" and not is_opened(parts.hostname, port):
        raise OutboundError(
            _("“%(url)s” is not encrypted: credentials go only over https://. Nothing was sent.")
            % {"url": url[:200]}
        )
    return url.strip().rstrip("/")


def connect(host: str, port: int, *, seconds: float = 5.0) -> socket.socket:
    """A connection to one of the checked addresses of a host. OutboundError, or OSError of the last try."""
    last: OSError | None = None
    for address in addresses(host, port):
        try:
            return socket.create_connection((address, port), timeout=seconds)
        except OSError as error:
            last = error
    raise last or OSError(f"{host} has no address")


class _Plain(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _opened(self)


class _Secured(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _opened(self)


def _opened(connection: HTTPConnection) -> socket.socket:
    seconds = connection.timeout if isinstance(connection.timeout, int | float) else 5.0
    try:
        made = connect(connection.host, int(connection.port or 80), seconds=seconds)
    except TimeoutError as error:
        raise urllib3.exceptions.ConnectTimeoutError(connection, str(error)) from error
    except OSError as error:
        raise urllib3.exceptions.NewConnectionError(connection, str(error)) from error
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecuredPool(HTTPSConnectionPool):
    ConnectionCls = _Secured


class _Gate(HTTPAdapter):
    """Sends through checked connections and reads the answer up to its limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecuredPool}

    def send(self, request: requests.PreparedRequest, *arguments: Any, **named: Any) -> requests.Response:
        limits = self._limits
        ends = time.monotonic() + limits.most_seconds
        parts = urlsplit(request.url or "")
        if parts.scheme not in {"http", "https"}:
            raise OutboundError(
                _("Only http and https are called, not %(scheme)s.") % {"scheme": parts.scheme}
            )
        named.update(stream=True, timeout=(limits.connect_seconds, limits.most_seconds), proxies={})
        response = super().send(request, **named)
        body = bytearray()
        try:
            for block in response.iter_content(_BLOCK):
                body += block
                if len(body) > limits.most_bytes:
                    raise OutboundError(
                        _("%(host)s answers with more than %(most)s MB at once. Ask for smaller pages.")
                        % {"host": parts.hostname, "most": limits.most_bytes // 1_048_576}
                    )
                if time.monotonic() > ends:
                    raise requests.exceptions.ReadTimeout(f"no whole answer in {limits.most_seconds:g} s")
        except OutboundError:
            response.close()
            raise
        response._content = bytes(body)
        response._content_consumed = True  # type: ignore[attr-defined]
        return response


class GatedSession(requests.Session):
    """A session of requests that leaves only through the gate."""

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__()
        self.trust_env = False  # no proxy and no netrc of the environment
        self.adapters.clear()
        gate = _Gate(limits or Limits())
        self.mount("https://", gate)
        self.mount("http://", gate)

    def resolve_redirects(self, resp: requests.Response, req: Any, *arguments: Any, **named: Any) -> Any:
        """No redirect is followed: where it leads was not checked by anybody."""
        if resp.is_redirect:
            raise OutboundError(
                _("%(url)s sends us on to another address; that is not followed. Enter the final address.")
                % {"url": (resp.url or "").partition("?")[0]}
            )
        return iter(())
