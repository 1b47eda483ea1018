"""The lexicon: phrases with a weight, and words that negate, strengthen or weaken what follows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from evergreen.touches.comments.phrases import Phrases

FILE = Path(__file__).with_name("lexicon.txt")
NEGATES, STRENGTHENS, WEAKENS = "!", "+", "-"
WHOLE = "="


@dataclass(frozen=True, slots=True)
class Entry:
    """Either a weight (-3 to 3; 0 only keeps shorter phrases inside from counting) or a mark. ``is_whole``: the n-grams inside do not count."""

    weight: float
    mark: str
    is_whole: bool = False


@lru_cache(maxsize=1)
def lexicon() -> Phrases[Entry]:
    """The phrases of the file.

    Raises ValueError for a line without a weight or mark before its phrases, or a phrase that is empty or there twice.
    """
    found: Phrases[Entry] = Phrases()
    for number, line in enumerate(FILE.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        head, colon, listed = line.partition(": ")
        mark = head if head in {NEGATES, STRENGTHENS, WEAKENS} else ""
        try:
            weight = 0.0 if mark else float(head.removeprefix(WHOLE))
        except ValueError:
            colon = ""
        if not colon:
            raise ValueError(
                f"{FILE.name}, line {number} must begin with a weight or one of ! + -, and a colon."
            )
        for phrase in listed.split(","):
            if not found.add(phrase, Entry(weight, mark, head.startswith(WHOLE))):
                raise ValueError(f"{FILE.name}, line {number}: “{phrase.strip()}” is empty or there twice.")
    return found
