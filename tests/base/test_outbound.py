"""The gate: what is not public is not called, and what was checked is what is connected."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from evergreen.base import outbound

INSIDE = (
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0", "0.0.0.0",  # noqa: S104  nothing is bound
    "localhost", "localhost.", "LOCALHOST", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]",
    "[2002:a00:1::]", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "169.254.1.1",
    "100.64.0.1", "100.100.100.200", "100.127.255.254", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1",
    "198.51.100.7", "203.0.113.9", "192.88.99.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "[fe80::1]", "[fc00::1]", "[fd12:3456::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[2001::1]", "[100::1]",
)  # fmt: skip
STRANGE = (
    "file:///etc/passwd", "gopher://8.8.8.8/", "ftp://8.8.8.8/", "unix:///run/x.sock", "//8.8.8.8/", "8.8.8.8", "",
    "https://user:pass@8.8.8.8/", "https://user@8.8.8.8/", "https://", "https://8.8.8.8:0/", "https://8.8.8.8:99999/",
    "http://8.8.8.8/",
)  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVERGREEN_OUTBOUND_ALLOW", raising=False)


@pytest.mark.parametrize("host", INSIDE)
def test_no_way_of_writing_an_inner_address_is_let_through(host: str) -> None:
    for url in (f"https://{host}/", f"https://{host}:8443/x"):
        with pytest.raises(outbound.OutboundError):
            outbound.check_url(url)


@pytest.mark.parametrize("url", STRANGE)
def test_only_plain_encrypted_web_addresses_are_called(url: str) -> None:
    with pytest.raises(outbound.OutboundError):
        outbound.check_url(url)


def test_public_addresses_are_let_through() -> None:
    assert outbound.check_url("https://8.8.8.8/api/") == "https://8.8.8.8/api"
    assert outbound.check_url("https://[2606:4700:4700::1111]/")


def test_the_operator_opens_hosts_ports_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGREEN_OUTBOUND_ALLOW", "10.20.0.0/16, localhost:8123")
    assert outbound.check_url("http://10.20.3.4/")
    assert outbound.check_url("http://localhost:8123")
    for url in ("https://10.21.0.1/", "https://localhost:8124/"):
        with pytest.raises(outbound.OutboundError):
            outbound.check_url(url)


class Listener:
    """Answers whatever comes and counts who came."""

    def __init__(self, answer: bytes) -> None:
        self.hits = 0
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                there, _address = self._socket.accept()
            except OSError:
                return
            self.hits += 1
            with there:
                there.recv(65_536)
                there.sendall(self._answer)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Any]:
    made: list[Listener] = []

    def start(answer: bytes) -> Listener:
        made.append(Listener(answer))
        return made[-1]

    yield start
    for one in made:
        one.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def _resolving(monkeypatch: pytest.MonkeyPatch, answers: list[list[str]]) -> None:
    """A name server that says something else each time it is asked."""
    turn = iter(answers)
    last = answers[-1]

    def getaddrinfo(host: str, port: int, *_rest: Any, **_named: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(turn, last)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_name_that_turns_inwards_after_the_check_is_not_connected(
    monkeypatch: pytest.MonkeyPatch, listener: Any
) -> None:
    inside = listener(OK)
    _resolving(monkeypatch, [["8.8.8.8"], ["127.0.0.1"]])
    outbound.check_url(f"https://rebinding.example:{inside.port}/")
    with pytest.raises(outbound.OutboundError):
        outbound.GatedSession().get(f"http://rebinding.example:{inside.port}/")
    assert inside.hits == 0


def test_a_name_with_one_inner_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolving(monkeypatch, [["8.8.8.8", "10.0.0.1"]])
    with pytest.raises(outbound.OutboundError):
        outbound.addresses("mixed.example", 443)


def test_a_redirect_inwards_is_not_followed(monkeypatch: pytest.MonkeyPatch, listener: Any) -> None:
    inside = listener(OK)
    for status in (301, 302, 303, 307, 308):
        way = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:{inside.port}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        open_one = listener(way.encode())
        monkeypatch.setenv("EVERGREEN_OUTBOUND_ALLOW", f"127.0.0.1:{open_one.port}")
        with pytest.raises(outbound.OutboundError):
            outbound.GatedSession().get(f"http://127.0.0.1:{open_one.port}/")
    assert inside.hits == 0


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch, listener: Any) -> None:
    much = listener(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 3_000_000)
    monkeypatch.setenv("EVERGREEN_OUTBOUND_ALLOW", "127.0.0.0/8")
    with pytest.raises(outbound.OutboundError, match="1 MB"):
        outbound.GatedSession().get(f"http://127.0.0.1:{much.port}/")


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch, listener: Any) -> None:
    proxy, source = listener(OK), listener(OK)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("EVERGREEN_OUTBOUND_ALLOW", "127.0.0.1")
    assert outbound.GatedSession().get(f"http://127.0.0.1:{source.port}/").text == "ok"
    assert (proxy.hits, source.hits) == (0, 1)


def test_line_breaks_in_headers_are_refused(monkeypatch: pytest.MonkeyPatch, listener: Any) -> None:
    source = listener(OK)
    monkeypatch.setenv("EVERGREEN_OUTBOUND_ALLOW", "127.0.0.1")
    with pytest.raises(ValueError):
        outbound.GatedSession().get(f"http://127.0.0.1:{source.port}/", headers={"X-A": "a\r\nHost: b"})
    assert source.hits == 0
