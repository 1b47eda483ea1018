"""A comment as tokens: each Han character one, each Latin word one in small letters, each number one.

One stream for both languages lets 没有 bug, 不 crash and "no 卡顿" read as they should. Marks of punctuation are tokens too: what
negates a word does not reach over them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<han>[\u3400-\u4dbf\u4e00-\u9fff])|(?P<latin>[a-z]+(?:'[a-z]+)*)|(?P<number>\d+(?:[.,:]\d+)*)|(?P<mark>[^\s\w]|_)"
)
HAN, LATIN, NUMBER, MARK = "han", "latin", "number", "mark"


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is compared, where it stands in the text, and its kind."""

    text: str
    start: int
    end: int
    kind: str


def tokens(text: str) -> list[Token]:
    plain = text.replace("’", "'").lower()
    if len(plain) != len(text):
        # A few capital letters (İ) grow when made small; places must stay those of the text.
        plain = "".join(one.lower() if len(one.lower()) == 1 else one for one in text.replace("’", "'"))
    return [
        Token(match.group(), match.start(), match.end(), str(match.lastgroup))
        for match in _TOKEN.finditer(plain)
    ]
