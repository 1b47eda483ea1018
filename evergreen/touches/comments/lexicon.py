"""The lexicon's phrases by their first token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from evergreen.touches.comments.tokens import tokens

FILE = Path(__file__).with_name("lexicon.txt")
NEGATES, STRENGTHENS, WEAKENS = "!", "+", "-"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Its tokens, and either a weight (-3 to 3; 0 only keeps shorter phrases inside from counting) or a mark."""

    words: tuple[str, ...]
    weight: float
    mark: str


@lru_cache(maxsize=1)
def phrases() -> dict[str, tuple[Phrase, ...]]:
    """The phrases by their first token, the longest first.

    Raises ValueError for a line without a weight or mark before its phrases, or a phrase that is empty or there twice.
    """
    found: dict[tuple[str, ...], Phrase] = {}
    for number, line in enumerate(FILE.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        head, colon, listed = line.partition(": ")
        mark = head if head in {NEGATES, STRENGTHENS, WEAKENS} else ""
        try:
            weight = 0.0 if mark else float(head)
        except ValueError:
            colon = ""
        if not colon:
            raise ValueError(
                f"{FILE.name}, line {number} must begin with a weight or one of ! + -, and a colon."
            )
        for phrase in listed.split(","):
            key = tuple(token.text for token in tokens(phrase))
            if not key or key in found:
                raise ValueError(f"{FILE.name}, line {number}: “{phrase.strip()}” is empty or there twice.")
            found[key] = Phrase(key, weight, mark)
    by_first: dict[str, list[Phrase]] = {}
    for one in found.values():
        by_first.setdefault(one.words[0], []).append(one)
    return {first: tuple(sorted(many, key=lambda one: -len(one.words))) for first, many in by_first.items()}


def longest(words: Sequence[str], place: int) -> Phrase | None:
    """The longest phrase that begins at a token; None where none does."""
    for phrase in phrases().get(words[place], ()):
        if tuple(words[place : place + len(phrase.words)]) == phrase.words:
            return phrase
    return None
