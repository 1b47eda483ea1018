"""Cutting a JSON object into values without reading them, to tell one unreadable event apart. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import msgspec

# Possessive, and an open string runs to the end: hostile text costs one pass, never a second look.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{}\[\],:]', re.DOTALL)
_OPEN, _CLOSE = b"{[", b"}]"


@dataclass(slots=True)
class Parts:
    """The values of the outer object by name, and the items of the array that was asked for."""

    values: dict[str, bytes] = field(default_factory=dict)
    items: list[bytes] = field(default_factory=list)

    def value(self, name: str) -> Any:
        """A value read as JSON; None when it is absent or unreadable."""
        try:
            return msgspec.json.decode(self.values[name])
        except (KeyError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


def split(body: bytes, array: str | None = None) -> Parts | None:
    """Cut ``{"array": [item, item], …}`` at its brackets and commas.

    None when these do not balance or the array that was asked for is not there.

    Only brackets and strings are looked at, so an item may hold anything else; depth costs nothing.
    """
    parts = Parts()
    nesting = bytearray()
    key, begun, item_begun = "", 0, 0
    ended = False
    if body.lstrip()[:1] != b"{":
        return None
    for token in _TOKEN.finditer(body):
        sign = token[0][:1]
        if ended or (sign == b'"' and not (len(token[0]) > 1 and token[0].endswith(b'"'))):
            return None
        if sign in b"{[":
            nesting += sign
            if len(nesting) == 2 and key == array and sign == b"[":
                item_begun = token.end()
        elif sign in b"}]":
            if not nesting or _OPEN.index(nesting[-1]) != _CLOSE.index(sign):
                return None
            if len(nesting) == 2 and key == array and sign == b"]":
                _add(parts, body[item_begun : token.start()], last=True)
            nesting.pop()
            if not nesting:
                ended = True
                parts.values[key] = body[begun : token.start()].strip()
        elif len(nesting) == 1:
            if sign == b'"' and not begun:
                key = token[0][1:-1].decode("utf-8", "replace")
            elif sign == b":" and not begun:
                begun = token.end()
            elif sign == b",":
                parts.values[key] = body[begun : token.start()].strip()
                key, begun = "", 0
        elif sign == b"," and len(nesting) == 2 and key == array and nesting[1:] == b"[":
            _add(parts, body[item_begun : token.start()])
            item_begun = token.end()
    if not ended or (array is not None and not parts.values.get(array, b"").startswith(b"[")):
        return None
    return parts


def _add(parts: Parts, item: bytes, *, last: bool = False) -> None:
    item = item.strip()
    if item or not last or parts.items:
        parts.items.append(item)
