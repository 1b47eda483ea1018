"""Scales of survey scores, the groups that answers fall into, and what they come to: NPS with its interval, CSAT, CES. Pure.

NPS 0-10: detractors 0-6, passives 7-8, promoters 9-10 (Reichheld 2003). CSAT 1-5: satisfied are the two top boxes.
CES 1-7: easy from 5 on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

SCALES: dict[str, tuple[int, int]] = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}
GROUPS: dict[str, tuple[tuple[str, float, float], ...]] = {
    "nps": (("detractor", 0, 6), ("passive", 7, 8), ("promoter", 9, 10)),
    "csat": (("dissatisfied", 1, 2), ("satisfied", 4, 5)),
    "ces": (("hard", 1, 3), ("easy", 5, 7)),
}
CSAT_TOP, CES_TOP = 4, 5
_Z = 1.96


def group_of(kind: str, score: float) -> str:
    """The group of a score; '' between groups and for kinds without a scale."""
    return next((name for name, least, most in GROUPS.get(kind, ()) if least <= score <= most), "")


@dataclass(frozen=True, slots=True)
class Nps:
    """Promoters (9-10), passives (7-8) and detractors (0-6) among the answers."""

    promoters: int
    passives: int
    detractors: int

    @property
    def answers(self) -> int:
        return self.promoters + self.passives + self.detractors

    @property
    def score(self) -> float | None:
        """%promoters - %detractors, -100 to 100; None without an answer."""
        return 100 * (self.promoters - self.detractors) / self.answers if self.answers else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95%, the adjusted Wald of Rocks (2016): ¾ promoter, 1½ passives and ¾ detractor are added, then
        d ± 1.96 × √((p + q - d²) / n) with p, q the shares of promoters and detractors and d = p - q.
        """
        if not self.answers:
            return None
        n = self.answers + 3
        p, q = (self.promoters + 0.75) / n, (self.detractors + 0.75) / n
        half = _Z * sqrt((p + q - (p - q) ** 2) / n)
        return max(-100.0, 100 * (p - q - half)), min(100.0, 100 * (p - q + half))


@dataclass(frozen=True, slots=True)
class Scale:
    """Answers on a scale: how many, their sum, and how many in the top boxes (CSAT 4-5 of 5, CES 5-7 of 7)."""

    answers: int
    total: float
    top: int

    @property
    def mean(self) -> float | None:
        return self.total / self.answers if self.answers else None

    @property
    def top_share(self) -> float | None:
        return self.top / self.answers if self.answers else None


def nps(scores: Iterable[float]) -> Nps:
    listed = list(scores)
    promoters = sum(score >= 9 for score in listed)
    detractors = sum(score < 7 for score in listed)
    return Nps(promoters, len(listed) - promoters - detractors, detractors)


def scale(scores: Iterable[float], top: float) -> Scale:
    """``top`` is the lowest score of the top boxes."""
    listed = list(scores)
    return Scale(len(listed), float(sum(listed)), sum(score >= top for score in listed))
