"""The board: what one may ask, what was saved, and the analyses that are drawn there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.urls import reverse

from evergreen.base.models import User
from evergreen.metrics.analytics import queries
from evergreen.metrics.analytics.models import Analysis
from evergreen.metrics.analytics.questions import KINDS
from evergreen.web.presenters.analytics.naming import kind_question, kind_word


@dataclass(frozen=True, slots=True)
class Line:
    """A saved analysis with its address and whose it is."""

    row: Analysis
    kind: str
    address: str
    figure: str
    is_mine: bool


class Board:
    def __init__(self, user: User) -> None:
        self.user = user

    @cached_property
    def saved(self) -> list[Line]:
        return [self._line(row) for row in queries.analyses_for(self.user)]

    @property
    def tiles(self) -> list[Line]:
        return [line for line in self.saved if line.row.is_on_board]

    @property
    def kinds(self) -> list[tuple[str, str, str]]:
        """Address, words and question of each kind."""
        return [(reverse("analysis", args=[kind]), kind_word(kind), kind_question(kind)) for kind in KINDS]

    def _line(self, row: Analysis) -> Line:
        return Line(
            row=row,
            kind=kind_word(row.kind),
            address=reverse("analysis-saved", args=[row.pk]),
            figure=f"{reverse('analysis-figure', args=[row.kind])}?{row.query}&tile=1",
            is_mine=row.owner_id == self.user.pk,
        )
