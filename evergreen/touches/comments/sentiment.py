"""How a comment feels, in Chinese, English or both, without a network: a linear model of n-grams and a lexicon together.

    value = tanh(logit / 2)
    logit = intercept + (sum of the weights of its n-grams) / sqrt(N) + k * (sum of its phrases' weights) / sqrt(N + 20)

N counts the different n-grams of the comment (up to 3 tokens in Chinese, up to 2 words in English), the weights of n-grams are
learned from rated reviews (``learn``), the phrases' come from ``lexicon.txt`` with what negates or strengthens them. The part of the
phrases weighs more in a short comment, which is how people write about software. Of a comment in both languages the n-grams' parts
are averaged by how much of it is in each; the phrases are one sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from evergreen.touches.comments.reading import Hit, hits
from evergreen.touches.comments.tokens import HAN, LATIN, MARK, Token, tokens

ZH, EN, MIXED = "zh", "en", "mixed"
LANGUAGES = (ZH, EN, MIXED)
POSITIVE, NEGATIVE, UNCLEAR = "positive", "negative", "unclear"
# Up to how many tokens an n-gram has, and the weight k of the phrases beside the n-grams.
LONGEST = {ZH: 3, EN: 2}
OF_PHRASES = {ZH: 4.0, EN: 7.0}
PHRASES_AT = 20
# From here on a value is called positive or negative. Tuned on tests/touches/comments_tried.tsv.
CERTAIN = 0.4
# Where no phrase of the lexicon pulls that way, only n-grams of reviews of books and hotels do: those must be surer.
CERTAIN_WITHOUT_PHRASE = 0.9
# How many words are told to have decided, and what share of the strongest one's part each must have.
_DECIDING = 3
_LEAST_SHARE = 0.2
# A Latin word is about as much text as so many Han characters.
_HAN_OF_A_WORD = 2
# Below this share of the text the other language is a borrowed word (系统经常 crash), not a second language.
_SECOND_LANGUAGE = 0.25


@dataclass(frozen=True, slots=True)
class Word:
    """Words of a comment that decided: as written, where (from, up to before), and what they added to the logit."""

    text: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class Sentiment:
    """``value`` from -1 (bad) to 1 (good); whether that is far enough from 0 to be told; the words that decided, strongest first."""

    value: float
    is_certain: bool
    words: tuple[Word, ...]
    language: str

    @property
    def mark(self) -> str:
        """positive, negative or unclear (neutral, or nothing that tells)."""
        if not self.is_certain:
            return UNCLEAR
        return POSITIVE if self.value > 0 else NEGATIVE


@dataclass(frozen=True, slots=True)
class Model:
    """What was learned of one language: the intercept, and each n-gram's weight."""

    intercept: float
    weights: Mapping[str, float]


def language_of(text: str) -> str:
    """zh, en, or mixed where neither language is a borrowed word; en where there is no letter at all."""
    return _language(tokens(text))


def sentiment(text: str, language: str | None = None) -> Sentiment:
    """How a comment feels; ``language`` is found by its script where None.

    Raises ValueError for a language other than zh, en and mixed.
    """
    if language is not None and language not in LANGUAGES:
        raise ValueError(
            f"There is no sentiment for language {language!r}: zh, en or mixed, or None to find it."
        )
    stream = tokens(text)
    spoken = language or _language(stream)
    if not any(token.kind in {HAN, LATIN} for token in stream):
        return Sentiment(0.0, False, (), spoken)
    found = hits(stream)
    said = (
        [_Part(spoken, stream, found)]
        if spoken != MIXED
        else [_Part(one, stream, found, is_alone=False) for one in (ZH, EN)]
    )
    whole = sum(part.size for part in said) or 1
    shares = [part.size / whole for part in said]
    count = sum(len(part.grams) for part in said)
    of_phrases = OF_PHRASES[EN if spoken == EN else ZH] / math.sqrt(count + PHRASES_AT)
    phrases = sum(hit.weight for hit in found)
    logit = of_phrases * phrases
    added = [(hit.first, hit.end, of_phrases * hit.weight) for hit in found if hit.weight]
    for part, share in zip(said, shares, strict=True):
        logit += share * part.logit
        added += [(first, end, share * weight) for first, end, weight in part.added]
    value = math.tanh(logit / 2)
    least = CERTAIN if phrases * value > 0 else CERTAIN_WITHOUT_PHRASE
    return Sentiment(value, abs(value) >= least, _deciding(text, stream, added, value), spoken)


@lru_cache(maxsize=2)
def model(language: str) -> Model:
    """The weights that come with the package. Lines: ``weight in thousandths, tab, n-gram``; the intercept's n-gram is empty."""
    weights = {}
    path = Path(__file__).with_name(f"weights_{language}.tsv")
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# "):
            weight, _, gram = line.partition("\t")
            weights[gram] = int(weight) / 1000
    return Model(weights.pop(""), weights)


def grams(
    stream: Sequence[Token], found: Sequence[Hit], language: str, *, is_alone: bool = True
) -> dict[str, tuple[int, int]]:
    """Each different n-gram with the tokens of its first place (from, up to before).

    Those that touch a phrase that is turned round (没有崩溃) are left out: the lexicon alone speaks of it. So are those inside a phrase
    of weight 0: 系统 is a complaint in a review of a laptop and the subject of every sentence here. English ones hold no
    punctuation. Where a comment is in both languages (``is_alone`` false) those that hold the other one are left out.
    """
    turned = {place for hit in found if hit.is_turned for place in range(hit.first, hit.end)}
    # For each token inside a phrase of weight 0 where that phrase ends.
    silent_to = [0] * len(stream)
    for hit in found:
        if not hit.weight:
            silent_to[hit.first : hit.end] = [hit.end] * (hit.end - hit.first)
    kinds = {HAN: language == ZH or is_alone, LATIN: language == EN or is_alone, MARK: language == ZH}
    separator = "" if language == ZH else " "
    places: dict[str, tuple[int, int]] = {}
    for first in range(len(stream)):
        for end in range(first + 1, min(first + LONGEST[language], len(stream)) + 1):
            if end - 1 in turned or not kinds.get(stream[end - 1].kind, True):
                break
            if end <= silent_to[first]:
                continue
            places.setdefault(separator.join([token.text for token in stream[first:end]]), (first, end))
    return places


class _Part:
    """What the n-grams of one language say in a comment."""

    def __init__(
        self, language: str, stream: Sequence[Token], found: Sequence[Hit], *, is_alone: bool = True
    ) -> None:
        learned = model(language)
        self.grams = grams(stream, found, language, is_alone=is_alone)
        self.size = _sizes(stream)[language]
        norm = math.sqrt(len(self.grams) or 1)
        weights = learned.weights
        self.added = [
            (first, end, weights[gram] / norm) for gram, (first, end) in self.grams.items() if gram in weights
        ]
        self.logit = learned.intercept + sum(weight for _first, _end, weight in self.added)


def _sizes(stream: Sequence[Token]) -> dict[str, int]:
    return {
        ZH: sum(token.kind == HAN for token in stream),
        EN: _HAN_OF_A_WORD * sum(token.kind == LATIN for token in stream),
    }


def _language(stream: Sequence[Token]) -> str:
    sizes = _sizes(stream)
    less, more = sorted(sizes, key=lambda one: sizes[one])
    if not sizes[ZH]:
        return EN
    if sizes[less] >= _SECOND_LANGUAGE * (sizes[less] + sizes[more]):
        return MIXED
    return more


def _deciding(
    text: str, stream: Sequence[Token], added: Iterable[tuple[int, int, float]], value: float
) -> tuple[Word, ...]:
    """The strongest words that pull to where the value is, none over another and none with punctuation inside."""
    pulling = sorted(
        (one for one in added if one[2] * value > 0), key=lambda one: (-abs(one[2]), one[0], one[1])
    )
    found: list[Word] = []
    taken: set[int] = set()
    for first, end, weight in pulling:
        places = range(first, end)
        if len(found) == _DECIDING or (found and abs(weight) < _LEAST_SHARE * abs(found[0].weight)):
            break
        if taken.isdisjoint(places) and all(stream[place].kind != MARK for place in places):
            taken.update(places)
            start, stop = stream[first].start, stream[end - 1].end
            found.append(Word(text[start:stop], start, stop, weight))
    return tuple(found)
