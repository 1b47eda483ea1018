"""Words that several comments share and that tell them from the rest: names for what fits no known theme."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence, Set
from functools import lru_cache
from pathlib import Path

import rjieba

# So many comments make a group of their own; with many comments, one in fifty.
LEAST, LEAST_SHARE = 3, 0.02
# A word that so large a share of all comments holds tells nothing.
_TOO_COMMON = 0.4
_MOST_GROUPS = 12
# Words that a group is named by besides its first: those that at least half of its comments hold.
_NAMES, _NAMED_BY = 3, 0.5
_WORD = re.compile(r"[a-z][a-z'-]+|[\u3400-\u9fff]{2,}")


@lru_cache(maxsize=2)
def stop_words_of(name: str) -> frozenset[str]:
    """The words of a file beside this one."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def words_of(text: str) -> list[str]:
    """The different telling words of a text in their order: Chinese ones of two characters and more, English in small letters."""
    stop = stop_words_of("stop_words.txt")
    found = (word.strip().lower() for word in rjieba.cut(text))
    return [*dict.fromkeys(word for word in found if _WORD.fullmatch(word) and word not in stop)]


def distinct(name: str) -> Set[str]:
    """The words of a name."""
    return set(words_of(name))


def shared_groups(words: Sequence[Sequence[str]], places: Sequence[int]) -> list[tuple[list[str], list[int]]]:
    """(words that name it, places) of each group among ``places``; ``words`` are the telling words of every comment.

    The word with the greatest sum of tf-idf over the comments not yet grouped makes the next group:
    n × ln(N / df), n of them hold it, df of all N comments do. Ties go to the word that comes first. A group has at least
    ``LEAST`` comments, and at least ``LEAST_SHARE`` of all. Each comment is in one of these groups at most.
    """
    least = max(LEAST, math.ceil(LEAST_SHARE * len(words)))
    everywhere = Counter(word for own in words for word in own)
    left = dict.fromkeys(places)
    found: list[tuple[list[str], list[int]]] = []
    while len(left) >= least and len(found) < _MOST_GROUPS:
        here = Counter(word for place in left for word in words[place])
        worth = {
            word: count * math.log(len(words) / everywhere[word])
            for word, count in here.items()
            if count >= least and everywhere[word] <= max(least, _TOO_COMMON * len(words))
        }
        if not worth:
            break
        best = min(worth, key=lambda word: (-worth[word], word))
        own = [place for place in left if best in words[place]]
        beside = Counter(word for place in own for word in words[place] if word != best)
        also = sorted(
            (word for word, count in beside.items() if count >= _NAMED_BY * len(own)),
            key=lambda word: (-beside[word], word),
        )
        found.append(([best, *also[: _NAMES - 1]], own))
        for place in own:
            del left[place]
    return found
