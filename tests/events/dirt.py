"""Forty kinds of dirt that real senders send, as the bytes of one event inside a batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

Make = Callable[[str], bytes]
_BASE = {"type": "track", "event": "Dirty", "userId": "u"}


def _with(**fields: Any) -> Make:
    return lambda mark: json.dumps({**_BASE, "messageId": mark, **fields}).encode()


def _raw(properties: bytes) -> Make:
    return lambda mark: (
        b'{"type":"track","event":"Dirty","userId":"u","messageId":"'
        + mark.encode()
        + b'","properties":'
        + properties
        + b"}"
    )


# What becomes of each: True stored, False put aside with a reason.
DIRT: dict[str, tuple[Make, bool]] = {
    "bad UTF-8": (_raw(b'{"a":"\xff\xfe"}'), False),
    "UTF-8 of a surrogate": (_raw(b'{"a":"\xed\xa0\x80"}'), False),
    "raw NUL": (_raw(b'{"a":"\x00"}'), False),
    "escaped NUL in a property": (_raw(b'{"a":"\\u0000"}'), True),
    "NUL in the user": (_with(userId="a\0b"), False),
    "NUL in the name": (_with(event="a\0b"), False),
    "lone surrogate": (_raw(b'{"a":"\\ud800"}'), False),
    "swapped surrogates": (_raw(b'{"a":"\\udc00\\ud800"}'), False),
    "emoji": (_with(event="Clicked 🚀👩‍👩‍👧", properties={"a": "🧨"}), True),
    "right-to-left marks": (_with(event="‮Clicked‬ مرحبا"), True),
    "10,000 levels deep": (_raw(b"[" * 10_000 + b"]" * 10_000), False),
    "10,000 objects deep": (_raw(b'{"a":' * 3_000 + b"1" + b"}" * 3_000), False),
    "500 levels deep": (_raw(b'{"a":' + b"[" * 500 + b"]" * 500 + b"}"), True),
    "1e400": (_raw(b'{"a":1e400}'), False),
    "NaN": (_raw(b'{"a":NaN}'), False),
    "Infinity": (_raw(b'{"a":-Infinity}'), False),
    "minus zero": (_raw(b'{"a":-0.0}'), True),
    "2^63": (_raw(b'{"a":9223372036854775808}'), True),
    "a number of 300 digits": (_raw(b'{"a":' + b"9" * 300 + b"}"), True),
    "a number of 5,000 digits": (_raw(b'{"a":' + b"9" * 5_000 + b"}"), False),
    "leading zero": (_raw(b'{"a":01}'), False),
    "duplicate keys": (_raw(b'{"a":1,"a":2}'), True),
    "single quotes": (_raw(b"{'a':1}"), False),
    "a comment": (_raw(b'{"a":1 /* no */}'), False),
    "a trailing comma": (_raw(b'{"a":1,}'), False),
    "null": (lambda _: b"null", False),
    "a number": (lambda _: b"17", False),
    "a string": (lambda _: b'"text"', False),
    "a list": (lambda _: b"[1,2]", False),
    "an empty object": (lambda _: b"{}", False),
    "no type": (_with(type=None), False),
    "an unknown type": (_with(type="purchase"), False),
    "type is a number": (_with(type=5), False),
    "no name": (_with(event=None), False),
    "name is a list": (_with(event=["a"]), False),
    "name is blank": (_with(event="   "), False),
    "name of 501 characters": (_with(event="x" * 501), False),
    "user is an object": (_with(userId={"id": 1}), False),
    "user is a boolean": (_with(userId=True), False),
    "user is null and none beside": (_with(userId=None), False),
    "user of 200 characters": (_with(userId="x" * 200), True),
    "user of 10,000 characters": (_with(userId="x" * 10_000), False),
    "user is a fraction": (_with(userId=1.5), True),
    "message id of 101 characters": (lambda mark: _with(messageId=mark.ljust(101, "x"))(mark), False),
    "message id is a list": (_with(messageId=[1]), False),
    "properties are a list": (_with(properties=[1]), False),
    "properties are text": (_with(properties="a"), False),
    "traits are a number": (_with(traits=3), False),
    "context is text": (_with(context="web"), False),
    "group is an object": (_with(context={"groupId": {"id": 1}}), False),
    "timestamp is an object": (_with(timestamp={"a": 1}), True),
    "timestamp is no date": (_with(timestamp="31.02.2026 25:61"), True),
    "a day that never was": (_with(timestamp="2026-02-30T10:00:00Z"), True),
    "year 9999": (_with(timestamp="9999-12-31T23:59:59Z"), True),
    "before the epoch": (_with(timestamp="1900-01-01T00:00:00Z"), True),
    "sentAt is rubbish": (_with(sentAt=[]), True),
    "33 KB": (_with(properties={"a": "x" * 33_000}), False),
}


def good(count: int, mark: str) -> Iterator[bytes]:
    """Events with nothing wrong, all of the name ``Good``."""
    for number in range(count):
        told = {**_BASE, "event": "Good", "messageId": f"{mark}-{number}", "properties": {"n": number}}
        yield json.dumps(told).encode()


def batch(*events: bytes) -> bytes:
    return b'{"batch":[' + b",".join(events) + b'],"sentAt":"2026-11-20T10:00:00Z"}'
