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
    speak of it (None where none of them answered one), and the accounts' ARR in the vendor's currency.
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


@dataclass(frozen=True, slots=True)
class Said:
    """A comment as a plain row: ``ref`` names it among its likes, ``kind`` is the survey's (nps, csat …) or ticket, ``score`` as it was
    given, ``arr_cents`` the account's in the vendor's currency."""

    ref: int
    text: str
    kind: str
    score: float | None
    account: int
    arr_cents: int


def read(asks: Sequence[Ask]) -> Read:
    """The themes of answers that have a comment, with their accounts and surveys at hand."""
    return read_said([
        Said(one.pk, one.comment, one.survey.kind, one.score, one.account_id, one.account.arr_base_cents or 0)
        for one in asks
    ])  # fmt: skip


def read_said(rows: Sequence[Said]) -> Read:
    """The themes of comments, wherever they come from."""
    features = [Named(one.key, one.name) for one in Feature.objects.order_by("key")]
    found = grouped([one.text for one in rows], features)
    tones = {POSITIVE: "good", NEGATIVE: "bad"}
    felt = {row.ref: tones.get(one.mark, "") for row, one in zip(rows, found.sentiments, strict=True)}
    return Read(tuple(_line(group, rows) for group in found.groups), felt, len(rows))


def _line(group: Group, rows: Sequence[Said]) -> ThemeLine:
    about = [rows[mention.place] for mention in group.mentions]
    scores = [one.score for one in about if one.score is not None and one.kind == "nps"]
    accounts = {one.account: one.arr_cents for one in about}
    return ThemeLine(
        group.theme.address,
        formats.named(group.theme.name) or group.theme.key,
        pgettext("list", ", ").join(word for word, _count in group.words[:_MOST_WORDS]),
        len(about),
        100 * group.negative_share,
        nps(scores).score if scores else None,
        sum(accounts.values()),
        group.theme.kind == FEATURE,
        frozenset(one.ref for one in about),
    )
