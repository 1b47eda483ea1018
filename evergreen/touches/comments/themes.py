"""What customers write about: themes of the trade, the vendor's features, and words that many share.

Pure and deterministic: the same comments in the same order give the same groups. A comment may be in several. What a theme's customers
feel is read from the clause that speaks of it ("功能齐全，但太贵": good of one theme, bad of the price), from the whole comment where that
clause says nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from evergreen.touches.comments.clauses import clauses
from evergreen.touches.comments.phrases import Phrases
from evergreen.touches.comments.sentiment import NEGATIVE, POSITIVE, Sentiment, sentiment
from evergreen.touches.comments.shared_words import distinct, shared_groups, stop_words_of, words_of
from evergreen.touches.comments.tokens import Token, tokens

FILE = Path(__file__).with_name("themes.txt")
BUILT_IN, FEATURE, SHARED = "theme", "feature", "words"
_NOTHING = "nothing"
# Words of a feature's name that do not tell which feature is meant.
_GENERIC = frozenset(stop_words_of("generic_words.txt"))


@dataclass(frozen=True, slots=True)
class Theme:
    """``kind``: theme (of the trade), feature (of the vendor; ``key`` is the feature's) or words (that comments share)."""

    kind: str
    key: str
    name: Mapping[str, str] = field(hash=False)

    @property
    def address(self) -> str:
        """What names it in an address: ``feature:reports``."""
        return f"{self.kind}:{self.key}"


@dataclass(frozen=True, slots=True)
class Mention:
    """A comment (its place among those given) about a theme: the theme's words in it, and how it feels about it."""

    place: int
    words: tuple[str, ...]
    sentiment: Sentiment


@dataclass(frozen=True, slots=True)
class Group:
    """A theme with the comments about it in the order in which they were given."""

    theme: Theme
    mentions: tuple[Mention, ...]

    @property
    def words(self) -> list[tuple[str, int]]:
        """The words by which it was found with the number of comments that hold each, the most frequent first."""
        counted = Counter(word for mention in self.mentions for word in set(mention.words))
        return sorted(counted.items(), key=lambda one: (-one[1], one[0]))

    @property
    def negative(self) -> int:
        return sum(mention.sentiment.mark == NEGATIVE for mention in self.mentions)

    @property
    def positive(self) -> int:
        return sum(mention.sentiment.mark == POSITIVE for mention in self.mentions)

    @property
    def negative_share(self) -> float:
        """Comments that feel bad about it ÷ all comments about it."""
        return self.negative / len(self.mentions)


@dataclass(frozen=True, slots=True)
class Themes:
    """Groups, the largest first; how each comment feels as a whole; the places of comments that are in no group."""

    groups: tuple[Group, ...]
    sentiments: tuple[Sentiment, ...]
    without: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A feature of the vendor: its key and its name in the languages that it has."""

    key: str
    name: Mapping[str, str] = field(hash=False)


def grouped(comments: Sequence[str], features: Sequence[Named] = ()) -> Themes:
    """The themes of some comments (in any mixture of languages) with the comments about each.

    A comment is about a theme of the trade where one of its words stands in it, about a feature where the feature's name does, or a
    word of its name that no other feature's name holds, no theme of the trade has, and that is not a general one (对账 for 自动对账). Comments about neither are
    grouped by the words that tell them from the rest (``shared_groups``). Empty comments are in no group.
    """
    phrases = _phrases(features)
    sentiments = tuple(sentiment(text) for text in comments)
    found: dict[Theme, list[Mention]] = {}
    without = []
    for place, text in enumerate(comments):
        about = _about(text, sentiments[place], phrases)
        for theme, (words, felt) in about.items():
            found.setdefault(theme, []).append(Mention(place, words, felt))
        if not about and text.strip():
            without.append(place)
    shared = shared_groups([words_of(text) for text in comments], without)
    for names, places in shared:
        theme = Theme(SHARED, names[0], {"zh": "、".join(names), "en": ", ".join(names)})
        own = [tuple(word for word in names if word in words_of(comments[place])) for place in places]
        found[theme] = [
            Mention(place, said, sentiments[place]) for place, said in zip(places, own, strict=True)
        ]
    grouped_places = {place for _words, places in shared for place in places}
    groups = sorted(
        (Group(theme, tuple(mentions)) for theme, mentions in found.items()),
        key=lambda group: (-len(group.mentions), group.theme.address),
    )
    return Themes(tuple(groups), sentiments, tuple(place for place in without if place not in grouped_places))


def _about(
    text: str, whole: Sentiment, phrases: Phrases[tuple[Theme, ...]]
) -> dict[Theme, tuple[tuple[str, ...], Sentiment]]:
    """The themes of a comment with their words in it and how it feels about each."""
    stream = tokens(text)
    parts = clauses(stream)
    said: dict[Theme, tuple[list[str], set[int]]] = {}
    for first, end, themes in _matches(stream, phrases):
        part = next(n for n, (_first, last) in enumerate(parts) if first < last)
        for theme in themes:
            words, spoken = said.setdefault(theme, ([], set()))
            word = text[stream[first].start : stream[end - 1].end].lower()
            if word not in words:
                words.append(word)
            spoken.add(part)
    return {
        theme: (tuple(words), _felt(text, stream, [parts[n] for n in sorted(spoken)], len(parts), whole))
        for theme, (words, spoken) in said.items()
    }


def _felt(
    text: str, stream: Sequence[Token], parts: Sequence[tuple[int, int]], count: int, whole: Sentiment
) -> Sentiment:
    """How the clauses feel, where they say it; else the whole comment."""
    if len(parts) == count:
        return whole
    own = sentiment("，".join(text[stream[first].start : stream[end - 1].end] for first, end in parts))
    return own if own.is_certain else whole


def _matches(
    stream: Sequence[Token], phrases: Phrases[tuple[Theme, ...]]
) -> Iterable[tuple[int, int, tuple[Theme, ...]]]:
    words, place = [token.text for token in stream], 0
    while place < len(words):
        match = phrases.longest(words, place)
        if match is None:
            place += 1
        else:
            yield place, match[0], match[1]
            place = match[0]


def _phrases(features: Sequence[Named]) -> Phrases[tuple[Theme, ...]]:
    """The words of the trade's themes and of the features; a word of several themes means all of them."""
    meant: dict[str, list[Theme]] = {}
    for theme, words in built_in():
        for word in words:
            meant.setdefault(word, []).append(theme)
    for theme, own in _feature_words(features):
        for word in own:
            meant.setdefault(word, []).append(theme)
    found: Phrases[tuple[Theme, ...]] = Phrases()
    for word, themes in meant.items():
        found.add(word, tuple(theme for theme in themes if theme.key != _NOTHING))
    return found


def _feature_words(features: Sequence[Named]) -> Iterable[tuple[Theme, list[str]]]:
    names = [[name for name in one.name.values() if name] or [one.key] for one in features]
    parts = [{word for name in listed for word in distinct(name)} for listed in names]
    shared = Counter(word for own in parts for word in own)
    # 价格 speaks of the price, and not of the feature 价格管理.
    general = _GENERIC | {word for _theme, words in built_in() for word in words}
    for one, listed, own in zip(features, names, parts, strict=True):
        telling = {word for word in own if shared[word] == 1 and word not in general}
        yield Theme(FEATURE, one.key, one.name), sorted({name.lower() for name in listed} | telling)


@lru_cache(maxsize=1)
def built_in() -> tuple[tuple[Theme, tuple[str, ...]], ...]:
    """The themes of the trade with their words in both languages, as ``themes.txt`` has them.

    Raises ValueError for a theme without a name in both languages.
    """
    found = []
    for number, block in enumerate(FILE.read_text(encoding="utf-8").split("\n\n"), 1):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        key, _, names = lines[0].partition(": ")
        zh, slash, en = names.partition(" / ")
        if not slash or not en:
            raise ValueError(
                f"{FILE.name}, block {number} must begin with “key: Chinese name / English name”."
            )
        words = dict.fromkeys(word.strip().lower() for line in lines[1:] for word in line.split(","))
        found.append((Theme(BUILT_IN, key, {"zh": zh, "en": en}), tuple(words)))
    return tuple(found)
