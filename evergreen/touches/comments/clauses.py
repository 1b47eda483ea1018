"""The clauses of a comment: what stands between marks of punctuation and words of contrast."""

from __future__ import annotations

from collections.abc import Sequence

from evergreen.touches.comments.tokens import MARK, Token

CONTRASTS = frozenset({"但", "却", "but", "however", "although", "though", "yet"})
# Inside a word or beside a figure these end nothing: add-on, 1/2, 50%.
_JOINING = frozenset("-/%'\"“”‘’()（）[]【】&+@#*·")


def ends_clause(token: Token) -> bool:
    """Whether a token stands between two clauses."""
    return token.text in CONTRASTS or (token.kind == MARK and token.text not in _JOINING)


def clauses(stream: Sequence[Token]) -> list[tuple[int, int]]:
    """(first token, token after it) of each clause; what ends one belongs to it, so that together they are all tokens."""
    found, first = [], 0
    for place, token in enumerate(stream, 1):
        if ends_clause(token):
            found.append((first, place))
            first = place
    if first < len(stream):
        found.append((first, len(stream)))
    return found
