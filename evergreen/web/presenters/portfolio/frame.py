"""What the portfolio's pages share: the line below the heading, what is left out, where the figures come from."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from evergreen.outcomes.portfolio.asking import Dimension
from evergreen.outcomes.portfolio.periods import QUARTER, Period
from evergreen.web.presenters.portfolio.asking import Wanted, dimension_words


class PortfolioPage:
    """``here`` is the name of the page's address; ``tables`` those that it offers as files."""

    here = "portfolio"
    tables: tuple[str, ...] = ()

    def __init__(self, wanted: Wanted) -> None:
        self.wanted, self.report = wanted, wanted.report

    @property
    def tabs(self) -> list[tuple[str, str, bool]]:
        return self.wanted.tabs(self.here)

    @property
    def is_empty(self) -> bool:
        return not len(self.report.lines)

    @property
    def period(self) -> Period:
        """The span of the page's sums: the last years to the day."""
        return self.report.asked.span

    @property
    def line(self) -> str:
        """From when to when the page's tables go."""
        return _("%(first)s to %(last)s") % {"first": self.report.asked.first, "last": self.report.asked.last}

    @property
    def left_out(self) -> str:
        return self.wanted.left_out

    @property
    def evidence(self) -> str:
        return self.wanted.evidence

    @property
    def step_words(self) -> str:
        return _("Quarter") if self.wanted.step == QUARTER else _("Month")

    @property
    def dimensions(self) -> list[tuple[str, str, bool]]:
        return self.wanted.dimensions(self.here)

    @property
    def group_words(self) -> str:
        return dimension_words(self.wanted.by)

    @property
    def adds_up(self) -> bool:
        """Whether the groups together are the whole: not so for segments."""
        return self.wanted.by != Dimension.SEGMENT

    @property
    def files(self) -> dict[str, str]:
        """Addresses of the tables as files."""
        query = f"?{self.wanted.query}" if self.wanted.query else ""
        return {name: reverse("portfolio-file", args=[name]) + query for name in self.tables}
