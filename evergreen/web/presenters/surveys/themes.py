"""What the answers to a survey are about: themes with how many speak of each, how they feel, and who they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import pgettext

from evergreen.customers.models import Feature
from evergreen.events.scales import nps
from evergreen.touches.comments.sentiment import NEGATIVE, POSITIVE
from evergreen.touches.comments.themes import FEATURE, Group, Named, grouped
from evergreen.touches.models import Ask
from evergreen.web import formats

# The newest comments are read; more would hold up the page.
MOST = 1_000
_MOST_WORDS = 4


@dataclass(frozen=True, slots=True)
class ThemeLine:
    """A theme: its name, the words by which it was found, comments about it, the share that feels bad in percent, the NPS of those who
    speak of it (None for other surveys), and the accounts' ARR in the vendor's currency.
    """

    address: str
    name: str
    words: str
    count: int
    negative: float
    nps: float | None
    arr_cents: int
    is_feature: bool
    asks: frozenset[int]


@dataclass(frozen=True, slots=True)
class Read:
    """Comments read: their themes, the largest first, and how each feels (good, bad or '') by the number of its question."""

    themes: tuple[ThemeLine, ...]
    tones: dict[int, str]
    count: int


def read(asks: Sequence[Ask]) -> Read:
    """The themes of answers that have a comment, with their accounts at hand."""
    features = [Named(one.key, one.name) for one in Feature.objects.order_by("key")]
    found = grouped([one.comment for one in asks], features)
    tones = {POSITIVE: "good", NEGATIVE: "bad"}
    felt = {ask.pk: tones.get(one.mark, "") for ask, one in zip(asks, found.sentiments, strict=True)}
    return Read(tuple(_line(group, asks) for group in found.groups), felt, len(asks))


def _line(group: Group, asks: Sequence[Ask]) -> ThemeLine:
    about = [asks[mention.place] for mention in group.mentions]
    scores = [one.score for one in about if one.score is not None]
    is_nps = bool(about) and about[0].survey.kind == "nps"
    accounts = {one.account_id: one.account.arr_base_cents or 0 for one in about}
    return ThemeLine(
        group.theme.address,
        formats.named(group.theme.name) or group.theme.key,
        pgettext("list", ", ").join(word for word, _count in group.words[:_MOST_WORDS]),
        len(about),
        100 * group.negative_share,
        nps(scores).score if is_nps else None,
        sum(accounts.values()),
        group.theme.kind == FEATURE,
        frozenset(one.pk for one in about),
    )
