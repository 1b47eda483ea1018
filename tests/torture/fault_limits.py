"""ING-12: each limit one byte below, at and above it, in every packing; heads, lengths and bodies that are wrong."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import zstandard

from evergreen.events.ingest.shapes import BATCH_BYTES, EVENT_BYTES
from tests.launch.sending import basic
from tests.torture import load_watching
from tests.torture.kill_processes import begun
from tests.torture.resuming import Part

MOST_GROWTH_MB = 20.0
_MEGABYTE = 1 << 20
_PACKINGS = ("plain", "gzip", "deflate", "zstd", "chunked")
_SLOW_SECONDS = 36.0
_EVENT = {"type": "track", "event": "At the limit", "userId": "u"}


@dataclass(frozen=True, slots=True)
class Case:
    """A request as bytes and the answers that the contract allows (0: the link is closed without one)."""

    name: str
    sent: bytes
    allowed: frozenset[int]


def cases(key: str) -> Iterator[Case]:
    """All of them but the slow one."""
    yield from _sizes(key)
    yield from _fields(key)
    yield from _packings(key)
    yield from _heads(key)


def _request(key: str, path: str, body: bytes, *headers: str, length: str | None = "") -> bytes:
    """``length``: what Content-Length says; empty for the truth, None for no such header."""
    lines = [f"POST {path} HTTP/1.1", "Host: limits", f"Authorization: {basic(key)}", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length or len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _packed(key: str, path: str, body: bytes, packing: str) -> bytes:
    if packing == "chunked":
        pieces = [body[at : at + 10_000] for at in range(0, len(body), 10_000)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        return _request(key, path, chunks + b"0\r\n\r\n", "Transfer-Encoding: chunked", length=None)
    if packing == "plain":
        return _request(key, path, body)
    squeeze: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "zstd": zstandard.compress,
    }
    return _request(key, path, squeeze[packing](body), f"Content-Encoding: {packing}")


def _padded(size: int, **fields: object) -> bytes:
    """A call of exactly so many bytes."""
    empty = json.dumps({**_EVENT, **fields, "properties": {"pad": ""}}).encode()
    return json.dumps({**_EVENT, **fields, "properties": {"pad": "x" * (size - len(empty))}}).encode()


def _case(name: str, sent: bytes, *allowed: int) -> Case:
    return Case(name, sent, frozenset(allowed))


def _sizes(key: str) -> Iterator[Case]:
    """32 KB an event, 500 KB a batch, 10 MB a request of PostHog's."""
    filling = b",".join([_padded(30_000)] * 17)
    for extra in (-1, 0, 1):
        batch = b'{"batch":[' + filling + b"]}"
        batch += b" " * (BATCH_BYTES + extra - len(batch))
        for packing in _PACKINGS:
            for strict in ("", "?strict=1"):
                over = 413 if strict else 400
                wanted = over if extra > 0 else 200
                single = _packed(key, f"/v1/track{strict}", _padded(EVENT_BYTES + extra), packing)
                yield _case(f"event {extra:+} {packing} {strict}", single, wanted)
                many = _packed(key, f"/v1/batch{strict}", batch, packing)
                yield _case(f"batch {extra:+} {packing} {strict}", many, wanted)
        for call in ("identify", "group", "page", "screen", "alias"):
            body = _padded(EVENT_BYTES + extra, groupId="G", previousId="p")
            yield _case(f"{call} {extra:+}", _request(key, f"/v1/{call}", body), 400 if extra > 0 else 200)
        posthog = b'{"api_key":"%b","batch":[]}' % key.encode()
        posthog += b" " * (10 * _MEGABYTE + extra - len(posthog))
        yield _case(
            f"PostHog's 10 MB {extra:+}", _request(key, "/batch/", posthog), 413 if extra > 0 else 200
        )
        # An event over its limit is put aside: its client reads 1, an importer that asks reads 400.
        told = {
            "event": "e",
            "properties": {"token": key, "distinct_id": "u", "time": 1_795_000_000, "pad": ""},
        }
        room = _MEGABYTE + extra - len(json.dumps(told))
        told["properties"]["pad"] = "x" * room  # type: ignore[index]
        large = json.dumps(told).encode()
        kind = "Content-Type: application/json"
        yield _case(f"Mixpanel's 1 MB {extra:+}", _request(key, "/track", large, kind), 200)
        wanted = 400 if extra > 0 else 200
        yield _case(
            f"imported 1 MB {extra:+}", _request(key, "/import?strict=1", b"[" + large + b"]", kind), wanted
        )
        many = (
            b"["
            + b",".join([b'{"event":"e","properties":{"time":1,"distinct_id":"u"}}'] * (2_000 + extra))
            + b"]"
        )
        yield _case(f"2,000 imported {extra:+}", _request(key, "/import", many, kind), wanted)


def _fields(key: str) -> Iterator[Case]:
    """Ids and names; strict=1 tells at once."""
    for field, most in (("messageId", 100), ("userId", 200), ("anonymousId", 200), ("event", 500)):
        for extra in (-1, 0, 1):
            body = json.dumps({"batch": [{**_EVENT, field: "x" * (most + extra)}]}).encode()
            wanted = 400 if extra > 0 else 200
            yield _case(f"{field} {most + extra}", _request(key, "/v1/batch?strict=1", body), wanted)


def _packings(key: str) -> Iterator[Case]:
    """What unpacks wrongly, or to far more than it seems."""
    raw = json.dumps(_EVENT).encode()
    whole = gzip.compress(raw)
    bomb = bytes(50 * _MEGABYTE)
    packed = gzip.compress(bomb)
    for name, body, wanted in (
        ("br", raw, 400),
        ("gzip, gzip", gzip.compress(whole), 400),
        ("rubbish", raw, 400),
        ("gzip", raw, 400),
        ("gzip", whole[:-5], 400),
        ("gzip", whole + b"rubbish", 400),
        ("gzip", b"", 400),
        ("gzip", whole[: len(whole) // 2], 400),
        ("GZIP", whole, 200),
        ("x-gzip", whole, 200),
        ("identity", raw, 200),
        ("deflate", zlib.compress(raw)[:-4], 400),
        ("deflate", b"\x00\x01\x02", 400),
        ("zstd", zstandard.compress(raw)[:-3], 400),
        ("zstd", whole, 400),
        ("gzip", packed, 400),
        ("deflate", zlib.compress(bomb), 400),
        ("zstd", zstandard.compress(bomb), 400),
        ("gzip", gzip.compress(packed), 400),
    ):
        yield _case(
            f"{name} of {len(body)} bytes",
            _request(key, "/v1/track", body, f"Content-Encoding: {name}"),
            wanted,
        )
    yield _case("a bomb for a batch", _request(key, "/v1/batch", packed, "Content-Encoding: gzip"), 400)


def _heads(key: str) -> Iterator[Case]:
    """Heads that are large, lengths that lie."""
    raw = json.dumps(_EVENT).encode()
    for size in (1_000, 8_000, 60_000):
        yield _case(f"a header of {size}", _request(key, "/v1/track", raw, f"X-Much: {'x' * size}"), 200, 431)
    for size in (1_000_000, 5_000_000):
        yield _case(
            f"a header of {size}", _request(key, "/v1/track", raw, f"X-Much: {'x' * size}"), 0, 400, 431
        )
    yield _case(
        "a thousand headers",
        _request(key, "/v1/track", raw, *(f"X-{n}: 1" for n in range(1_000))),
        0,
        400,
        431,
    )
    yield _case("a key of 100,000", _request("k" * 100_000, "/v1/track", raw), 401, 431)
    for length in ("-1", "abc", "1e3", "99999999999999999999999", "0x10", "5, 6"):
        yield _case(f"Content-Length {length}", _request(key, "/v1/track", raw, length=length), 0, 400, 413)
    yield _case("a length too short", _request(key, "/v1/track", raw, length=str(len(raw) - 10)), 400)
    two = _request(key, "/v1/track", raw, f"Content-Length: {len(raw) + 3}")
    yield _case("two lengths", two, 0, 400)
    both = _request(key, "/v1/track", b"0\r\n\r\n", "Transfer-Encoding: chunked")
    yield _case("length and chunks", both, 0, 400)
    for name, chunks in (
        ("no size", b"zz\r\nabc\r\n"),
        ("too long", b"fffffffffffffffff\r\nabc\r\n"),
        ("negative", b"-5\r\nabc\r\n"),
    ):
        sent = _request(key, "/v1/track", chunks, "Transfer-Encoding: chunked", length=None)
        yield _case(f"chunks: {name}", sent, 0, 400)
    yield _case("no body at all", _request(key, "/v1/track", b""), 400)
    yield _case(
        "an unknown transfer encoding",
        _request(key, "/v1/track", raw, "Transfer-Encoding: gzip"),
        0,
        400,
        501,
    )


def answered(port: int, sent: bytes, *, seconds: float = 20.0) -> int:
    """The status of the first answer to these bytes; 0 when the link was closed without one. Raises TimeoutError."""
    with socket.create_connection(("127.0.0.1", port), seconds) as link:
        with contextlib.suppress(OSError):  # refused before its end: the answer may be there all the same
            link.sendall(sent)
        try:
            got = link.recv(1_000)
        except ConnectionError:
            return 0
        return int(got[9:12]) if got[:5] == b"HTTP/" else 0


def wrong(port: int, key: str) -> tuple[int, list[str]]:
    """(cases, those that were answered otherwise than the contract says)."""
    found, count = [], 0
    for case in cases(key):
        count += 1
        try:
            status = answered(port, case.sent)
        except TimeoutError:
            status = -1
        if status not in case.allowed:
            found.append(f"{case.name}: {status or 'closed'}, allowed are {sorted(case.allowed)}")
    return count, found


def limited(part: Part) -> None:
    """Every case as the contract says, memory as it was, and one byte a second holds up nobody."""
    installation, ledger = begun(part, 1)
    ledger.close()
    try:
        installation.serve()
        key, port = str(part.marks["key"]), installation.port
        server = installation.processes()[0]
        wrong(port, key)  # once to warm up: what is counted is what a second round adds
        before = load_watching.megabytes(server)
        watch = load_watching.Watch(installation, every=0.02)
        watch.start()
        count, found = wrong(port, key)
        growth = max(look.megabytes[0] for look in watch.stop()) - before
        for sentence in found:
            part.expect(False, sentence)
        part.expect(growth < MOST_GROWTH_MB, f"memory grew by {growth:.0f} MB")
        status, slowest = _slow(port, key)
        part.expect(status == 408, f"a byte a second was answered {status}")
        part.expect(slowest < 2.0, f"beside it a call took {slowest:.1f} s")
        part.report.cases += count + 1
        part.figures |= {
            "memory grew at most": f"{growth:.1f} MB",
            "beside a slow body (s)": f"{slowest:.2f}",
        }
    finally:
        installation.kill()


def _slow(port: int, key: str) -> tuple[int, float]:
    """The answer to a body of one byte a second, and the slowest of the calls beside it."""
    raw = json.dumps(_EVENT).encode()
    ordinary = _request(key, "/v1/track", raw)
    slowest = 0.0
    with socket.create_connection(("127.0.0.1", port), 20) as link:
        link.sendall(_request(key, "/v1/track", b"", length="1000"))
        link.settimeout(0.9)
        began = time.monotonic()
        while time.monotonic() - began < _SLOW_SECONDS:
            link.sendall(b"{")
            asked = time.monotonic()
            answered(port, ordinary)
            slowest = max(slowest, time.monotonic() - asked)
            try:
                return int(link.recv(1_000)[9:12]), slowest
            except TimeoutError:
                continue
    return -1, slowest
