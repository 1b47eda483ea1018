"""Reading a request's body: as it arrives, unpacked, never more than its limit."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import zstandard

from evergreen.events.ingest.shapes import KEPT_BYTES

Receive = Callable[[], Awaitable[dict[str, Any]]]

READ_SECONDS = 30.0
# What is still taken of a refused body, so that its sender reads the answer instead of a broken pipe.
_DRAIN_BYTES = 4 << 20
_DRAIN_SECONDS = 5.0
# 16 + MAX_WBITS reads gzip, 32 + MAX_WBITS would also take a bare zlib stream under the name gzip.
_ZSTD = b"zstd"
# A frame that does not tell its size is fed in crumbs, each of which can grow to some blocks of 128 KB only.
_CRUMB = 16
_ZSTD_WINDOW = 8 << 20
_WINDOWS = {b"gzip": 16 + zlib.MAX_WBITS, b"x-gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


class TooLargeError(ValueError):
    """The body is larger than its limit; ``kept`` is its beginning."""

    def __init__(self, limit: int, kept: bytes) -> None:
        super().__init__(f"The body has more than {limit} bytes unpacked; at most {limit} are allowed.")
        self.kept = kept


class BadEncodingError(ValueError):
    """The body cannot be unpacked, or its encoding is not known; ``kept`` is its beginning as it came."""

    def __init__(self, message: str, kept: bytes = b"") -> None:
        super().__init__(message)
        self.kept = kept


class TooSlowError(ValueError):
    """The body did not arrive in time."""


class GoneError(Exception):
    """The sender closed the connection before the body was whole."""


class FullError(Exception):
    """The bodies under way together hold as much memory as they may."""

    retry_after = 1.0


class Room:
    """The memory that the bodies of one process may hold together, whoever sends them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0

    def share(self) -> Share:
        return Share(self)

    def change(self, by: int) -> None:
        if by > 0 and self._held + by > self._most:
            raise FullError(f"Requests under way hold {self._held} bytes; at most {self._most} are allowed.")
        self._held += by


class Share:
    """What one request holds of the room; its ``with`` block gives it back."""

    __slots__ = ("_held", "_room")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._held = 0

    def __enter__(self) -> Share:
        return self

    def __exit__(self, *_: object) -> None:
        self.hold(0)

    def hold(self, size: int) -> None:
        """Hold so many bytes from now on. Raises FullError."""
        self._room.change(size - self._held)
        self._held = size


async def read_body(
    receive: Receive, encoding: bytes, limit: int, share: Share, stated: bytes = b""
) -> bytes:
    """The whole body unpacked, at most ``limit`` bytes of it; ``stated`` is its length as the header says it."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            chunks = _chunks(receive, int(stated) if stated.isdigit() else None)
            if not encoding:
                return await _whole(chunks, limit, share)
            return await _unpacked(chunks, encoding.strip().lower(), limit, share)
    except TimeoutError:
        raise TooSlowError(f"The body did not arrive within {READ_SECONDS:.0f} s.") from None
    except (TooLargeError, FullError):
        await drain(receive)
        raise


async def _chunks(receive: Receive, stated: int | None = None) -> AsyncIterator[bytes]:
    """The body as it arrives. Once as much is there as was stated nothing more is asked for: the server would
    only tell that this was the end, and each asking costs it a fifth of a small request.
    """
    taken = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise GoneError
        if chunk := message.get("body"):
            taken += len(chunk)
            yield bytes(chunk)
        if not message.get("more_body") or taken == stated:
            return


async def _unpacked(chunks: AsyncIterator[bytes], encoding: bytes, limit: int, share: Share) -> bytes:
    if encoding == b"identity":
        return await _whole(chunks, limit, share)
    if encoding == _ZSTD:
        body = _unzstd(await _whole(chunks, limit, share), limit)
        share.hold(len(body))
        return body
    if encoding not in _WINDOWS:
        shown = encoding.decode("latin-1")[:40]
        raise BadEncodingError(
            f"Content-Encoding is {shown!r}; allowed are gzip, deflate, zstd and identity."
        )
    unpacker = _Unpacker(encoding, limit)
    async for chunk in chunks:
        share.hold(unpacker.feed(chunk))
    return unpacker.finish()


async def _whole(chunks: AsyncIterator[bytes], limit: int, share: Share) -> bytes:
    """A body as it comes; usually it is one piece."""
    pieces: list[bytes] = []
    size = 0
    async for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size > limit:
            raise TooLargeError(limit, b"".join(pieces)[:KEPT_BYTES])
        share.hold(size)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _unzstd(packed: bytes, limit: int) -> bytes:
    """One zstd frame, never more of it than the limit: its head tells the size, or it is taken in crumbs."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    try:
        size = zstandard.frame_content_size(packed)
        if size > limit:
            raise TooLargeError(limit, b"")
        if size >= 0:
            return unpacker.decompress(packed, allow_extra_data=False)
        stream = unpacker.decompressobj()
        body = bytearray()
        for at in range(0, len(packed), _CRUMB):
            body += stream.decompress(packed[at : at + _CRUMB])
            if len(body) > limit:
                raise TooLargeError(limit, bytes(body[:KEPT_BYTES]))
    except zstandard.ZstdError as error:
        raise BadEncodingError(f"The body cannot be unpacked: {error}.", packed[:KEPT_BYTES]) from None
    if not stream.eof or stream.unused_data:
        raise BadEncodingError("The packed body is cut off or more than one frame.", packed[:KEPT_BYTES])
    return bytes(body)


class _Unpacker:
    """Inflates chunk by chunk and stops one byte behind the limit, however much a small body promises."""

    def __init__(self, encoding: bytes, limit: int) -> None:
        self._window = _WINDOWS[encoding]
        self._limit = limit
        self._stream = zlib.decompressobj(self._window)
        self._begun = encoding != b"deflate"
        self._body = bytearray()
        self._raw = bytearray()
        self._packed = 0

    def feed(self, chunk: bytes) -> int:
        """Take a chunk; how many bytes are unpacked by now."""
        self._packed += len(chunk)
        if len(self._raw) < KEPT_BYTES:
            self._raw += chunk[: KEPT_BYTES - len(self._raw)]
        if self._packed > self._limit:
            raise TooLargeError(self._limit, bytes(self._body[:KEPT_BYTES]))
        if not self._begun:
            if len(self._raw) < 2:
                return 0
            chunk = self._begin_deflate(chunk)
        while chunk:
            if self._stream.eof:  # gzip allows several members one after another
                self._stream = zlib.decompressobj(self._window)
            chunk = self._inflate(chunk)
        return len(self._body)

    def _begin_deflate(self, chunk: bytes) -> bytes:
        """Some senders mean the bare stream by "deflate": two bytes tell whether zlib's head is there."""
        self._begun = True
        if self._raw[0] & 0x0F != zlib.DEFLATED or (self._raw[0] << 8 | self._raw[1]) % 31:
            self._window = -zlib.MAX_WBITS
            self._stream = zlib.decompressobj(self._window)
        return bytes(self._raw[: self._packed - len(chunk)]) + chunk

    def _inflate(self, chunk: bytes) -> bytes:
        try:
            self._body += self._stream.decompress(chunk, self._limit + 1 - len(self._body))
        except zlib.error as error:
            raise BadEncodingError(f"The body cannot be unpacked: {error}.", bytes(self._raw)) from None
        if len(self._body) > self._limit:
            raise TooLargeError(self._limit, bytes(self._body[:KEPT_BYTES]))
        return self._stream.unused_data if self._stream.eof else b""

    def finish(self) -> bytes:
        if not self._stream.eof:
            raise BadEncodingError("The packed body is cut off.", bytes(self._raw))
        return bytes(self._body)


async def drain(receive: Receive, stated: bytes = b"") -> None:
    """Take a little of a refused body, unseen, or what is left of one that is too large."""
    taken = 0
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for chunk in _chunks(receive, int(stated) if stated.isdigit() else None):
                taken += len(chunk)
                if taken > _DRAIN_BYTES:
                    return
    except (TimeoutError, GoneError):
        return
