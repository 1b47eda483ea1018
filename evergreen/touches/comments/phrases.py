"""Phrases with something known of each, found in a stream of tokens: the longest that begins at a place wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from evergreen.touches.comments.tokens import tokens

T = TypeVar("T")


class Phrases(Generic[T]):
    """Phrases by their first token, the longest first."""

    def __init__(self) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], T]]] = {}

    def add(self, phrase: str, known: T) -> bool:
        """Whether it was new; an empty phrase, or one that is there already, is left as it is."""
        key = tuple(token.text for token in tokens(phrase))
        if not key:
            return False
        listed = self._by_first.setdefault(key[0], [])
        if any(other == key for other, _known in listed):
            return False
        listed.append((key, known))
        listed.sort(key=lambda one: -len(one[0]))
        return True

    def longest(self, words: Sequence[str], place: int) -> tuple[int, T] | None:
        """(the place after it, what is known of it) of the longest phrase that begins at a place; None where none does."""
        for key, known in self._by_first.get(words[place], ()):
            if tuple(words[place : place + len(key)]) == key:
                return place + len(key), known
        return None
