"""Which phrases of the lexicon a comment holds, with what negates, strengthens or weakens them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evergreen.touches.comments.clauses import ends_clause
from evergreen.touches.comments.lexicon import NEGATES, STRENGTHENS, Entry, lexicon
from evergreen.touches.comments.tokens import HAN, Token

# How many tokens may stand between a negator (or a word that strengthens) and the word it belongs to.
REACH = 3
# A good word turned round is bad ("not easy"), a bad one less than good ("no crashes").
GOOD_TURNED, BAD_TURNED = -1.0, -0.75
STRONGER, WEAKER = 1.3, 0.6
# 导不出, 加载不了: what cannot be done. Phrases of the lexicon that look like it (少不了) are found first.
_CANNOT_ENDS = frozenset("了开上到出动通齐全")
_CANNOT = -1.8


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase found: the tokens it covers together with what changes it, and its weight with that change. ``is_turned``: turned round, or
    one that speaks as a whole: its n-grams do not count."""

    first: int
    end: int
    weight: float
    is_turned: bool


def hits(stream: Sequence[Token]) -> list[Hit]:
    """The phrases of a comment from left to right, those of weight 0 too; none lies over another."""
    words, known = [token.text for token in stream], lexicon()
    found: list[Hit] = []
    # What stands before a word and changes it: (first token, token after it, mark).
    before: list[tuple[int, int, str]] = []
    place = 0
    while place < len(words):
        match = known.longest(words, place)
        if match is None:
            if ends_clause(stream[place]):
                before = []
            elif _is_cannot(stream, place):
                found.append(Hit(place, place + 3, _CANNOT, False))
                before, place = [], place + 2
            place += 1
            continue
        end, entry = match
        if entry.mark:
            before.append((place, end, entry.mark))
        elif not entry.weight:
            found.append(Hit(place, end, 0.0, False))
        else:
            found.append(_hit(entry, place, end, [one for one in before if place - one[1] <= REACH]))
            before = []
        place = end
    return found


def _hit(entry: Entry, place: int, end: int, before: Sequence[tuple[int, int, str]]) -> Hit:
    weight, is_turned = entry.weight, False
    for _first, _end, mark in before:
        if mark == NEGATES:
            is_turned = not is_turned
        else:
            weight *= STRONGER if mark == STRENGTHENS else WEAKER
    first = min((one[0] for one in before), default=place)
    if is_turned:
        weight *= GOOD_TURNED if weight > 0 else BAD_TURNED
    return Hit(first, end, weight, is_turned or entry.is_whole)


def _is_cannot(stream: Sequence[Token], place: int) -> bool:
    """A verb, 不, and what it does not come to."""
    three = stream[place : place + 3]
    return (
        len(three) == 3
        and three[1].text == "不"
        and three[2].text in _CANNOT_ENDS
        and all(token.kind == HAN for token in three)
    )
