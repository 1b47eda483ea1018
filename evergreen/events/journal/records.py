"""What the journal keeps of a request, and how it stands in a file: mark, length, checksum, payload."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

MARK = b"\xe5EJ\x01"
HEAD = struct.Struct("<4sII")
LARGEST = 64 << 20

SYSTEM = "system"
REFUSED = "refused"


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One request as it came in, or internal events, or a request that was refused and is kept to look at.

    ``kind`` says how to read the body (``segment/batch``, ``system``), ``received_at`` is microseconds since
    1970 in UTC, ``reason`` is empty unless the whole request was refused.
    """

    source: str
    kind: str
    received_at: int
    body: bytes
    reason: str = ""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record with the position in its segment at which it begins and ends."""

    record: Record
    start: int
    end: int


def packed(record: Record) -> bytes:
    """The payload of a record. Raises ValueError when it is larger than 64 MB."""
    payload = _encoder.encode(record)
    if len(payload) > LARGEST:
        raise ValueError(f"A journal record holds at most {LARGEST} bytes, {len(payload)} given: split it.")
    return payload


def head(payload: bytes) -> bytes:
    """What stands in the segment before a payload."""
    return HEAD.pack(MARK, len(payload), zlib.crc32(payload))


def entries(data: bytes, start: int) -> Iterator[Entry]:
    """The whole records at the beginning of ``data``, which stands at ``start`` of its segment."""
    at = 0
    while (found := entry(data, at, start)) is not None:
        yield found
        at = found.end - start


def entry(data: bytes, at: int, start: int = 0) -> Entry | None:
    """The whole record that begins at ``data[at]``, or None when it is cut off, changed or no record."""
    if len(data) - at < HEAD.size:
        return None
    mark, length, checksum = HEAD.unpack_from(data, at)
    end = at + HEAD.size + length
    if mark != MARK or length > LARGEST or end > len(data):
        return None
    payload = memoryview(data)[at + HEAD.size : end]
    if zlib.crc32(payload) != checksum:
        return None
    try:
        record = _decoder.decode(payload)
    except msgspec.MsgspecError:
        return None
    return Entry(record, start + at, start + end)


def wanted(data: bytes, at: int) -> int:
    """How many bytes the record that begins at ``data[at]`` needs in all; 0 when no record begins there."""
    if len(data) - at < HEAD.size:
        return HEAD.size
    mark, length, _ = HEAD.unpack_from(data, at)
    return HEAD.size + length if mark == MARK and length <= LARGEST else 0
