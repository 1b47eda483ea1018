"""Cutting a JSON object into values without reading them, to tell one unreadable event apart. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import msgspec

# Possessive, so hostile text costs one pass, never a second look.
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_SPACE = rb"[ \t\r\n]*+"


def _nested(levels: int) -> bytes:
    """Brackets with at most so many more of them inside; of which kind they are makes no difference to a cut."""
    inside = rb'[^{}\[\]"]++|' + _STRING
    for _ in range(levels):
        inside = rb'[^{}\[\]"]++|' + _STRING + rb"|[{\[](?:" + inside + rb")*+[}\]]"
    return rb"[{\[](?:" + inside + rb")*+[}\]]"


# A value, or as much of it as is not nested deeper than events are: one call of the engine an event.
_SHALLOW = re.compile(rb'(?:[^{}\[\]",]++|' + _STRING + rb"|" + _nested(5) + rb")*+", re.DOTALL)
_KEY = re.compile(_SPACE + rb"(" + _STRING + rb")" + _SPACE + rb":", re.DOTALL)
_BLANK = re.compile(_SPACE)
# An open string runs to the end.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{}\[\]]', re.DOTALL)
# So many items, deep brackets and strings in them are looked at one by one, half a second's worth: more than the largest
# batch of Segment's can hold.
_MOST_TOKENS = 512_000


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


class _UnbalancedError(ValueError):
    """The text is no object whose brackets balance, or takes too long to look through."""


def split(body: bytes, array: str | None = None) -> Parts | None:
    """Cut ``{"array": [item, item], …}`` at its brackets and commas.

    None when these do not balance or the array that was asked for is not there.

    Only brackets and strings are looked at, so an item may hold anything else; depth costs little.
    """
    try:
        parts = _Cutting(body).object(array)
    except _UnbalancedError:
        return None
    if array is not None and not parts.values.get(array, b"").startswith(b"["):
        return None
    return parts


class _Cutting:
    """One pass through a body."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._tokens = 0

    def object(self, array: str | None) -> Parts:
        body, parts = self._body, Parts()
        at = self._blank(0)
        self._expect(at, b"{")
        at += 1
        while True:
            found = _KEY.match(body, at)
            if found is None:  # the object is empty, or a comma stands before its end
                break
            key, begun = found[1][1:-1].decode("utf-8", "replace"), found.end()
            if key == array and body[(first := self._blank(begun)) : first + 1] == b"[":
                at = self._blank(self._items(parts, first + 1))
            else:
                at = self._end_of_value(begun)
            parts.values[key] = body[begun:at].strip()
            if body[at : at + 1] != b",":
                break
            at += 1
        at = self._blank(at)
        self._expect(at, b"}")
        if self._blank(at + 1) != len(body):
            raise _UnbalancedError
        return parts

    def _items(self, parts: Parts, at: int) -> int:
        """Take the items of the array whose inside begins at ``at``; where it has ended."""
        while True:
            end = self._end_of_value(at)
            sign = self._body[end : end + 1]
            item = self._body[at:end].strip()
            self._tokens += 1
            if self._tokens > _MOST_TOKENS:
                raise _UnbalancedError
            if item or sign == b"," or parts.items:
                parts.items.append(item)
            if sign == b",":
                at = end + 1
                continue
            self._expect(end, b"]")
            return end + 1

    def _end_of_value(self, at: int) -> int:
        """Where the value that begins at ``at`` ends: at a comma or a closing bracket."""
        body = self._body
        while True:
            found = _SHALLOW.match(body, at)
            at = found.end() if found else at
            sign = body[at : at + 1]
            if not sign:
                raise _UnbalancedError
            if sign in b",}]":
                return at
            at = self._end_of_deep(at)

    def _end_of_deep(self, at: int) -> int:
        """Behind the bracket that closes the one at ``at``, however deep its inside is."""
        depth = 0
        for token in _TOKEN.finditer(self._body, at):
            self._tokens += 1
            sign = token[0]
            if sign in (b"{", b"["):
                depth += 1
            elif sign in (b"}", b"]"):
                depth -= 1
                if not depth:
                    return token.end()
            elif len(sign) < 2 or not sign.endswith(b'"'):  # a string that never ends
                break
            if self._tokens > _MOST_TOKENS:
                break
        raise _UnbalancedError

    def _blank(self, at: int) -> int:
        found = _BLANK.match(self._body, at)
        return found.end() if found else at

    def _expect(self, at: int, sign: bytes) -> None:
        if self._body[at : at + 1] != sign:
            raise _UnbalancedError
