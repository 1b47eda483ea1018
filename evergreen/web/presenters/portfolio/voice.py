"""Voice and desk: NPS with its interval, CSAT, CES, and the figures of customer service beside those of customer success."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext as _

from evergreen.outcomes.portfolio.hearing import Desk, Heard, desk, heard
from evergreen.outcomes.portfolio.renewals import Renewals
from evergreen.outcomes.revenue import Portfolio
from evergreen.web import formats
from evergreen.web.presenters.portfolio.asking import period_words
from evergreen.web.presenters.portfolio.frame import PortfolioPage


def nps_words(one: Heard) -> str:
    """−12 (−30 to 6)."""
    if one.nps.score is None or one.nps.interval is None:
        return formats.DASH
    low, high = one.nps.interval
    return _("%(score)s (%(low)s to %(high)s)") % {
        "score": formats.signed(one.nps.score), "low": formats.signed(low), "high": formats.signed(high)
    }  # fmt: skip


def minutes_words(minutes: float | None) -> str:
    if minutes is None:
        return formats.DASH
    if minutes >= 90:
        return formats.with_unit(minutes / 60, "hours")
    return formats.with_unit(round(minutes) if minutes >= 10 else minutes, "minutes")


@dataclass(frozen=True, slots=True)
class Line:
    words: str
    heard: Heard
    nps: str
    desk: Desk
    response: str
    figures: Portfolio
    due: Renewals


class VoicePage(PortfolioPage):
    here = "portfolio-voice"
    is_empty = False
    tables = ("voice",)

    @cached_property
    def _heard(self) -> list[Heard]:
        return heard(self.report)

    @cached_property
    def _desk(self) -> list[Desk]:
        return desk(self.report)

    @property
    def whole(self) -> Heard:
        return self._heard[-1]

    @property
    def whole_desk(self) -> Desk:
        return self._desk[-1]

    @property
    def nps(self) -> str:
        return formats.signed(self.whole.nps.score)

    @property
    def interval(self) -> str:
        span = self.whole.nps.interval
        return formats.DASH if span is None else _("%(low)s to %(high)s") % {
            "low": formats.signed(span[0]), "high": formats.signed(span[1])
        }  # fmt: skip

    @property
    def response(self) -> str:
        return minutes_words(self.whole_desk.response_minutes)

    @cached_property
    def lines(self) -> list[Line]:
        """The periods, the newest first."""
        rows = zip(
            self.report.periods,
            self._heard,
            self._desk,
            self.report.cells(),
            self.report.renewals(),
            strict=False,
        )
        return [
            Line(
                period_words(period),
                said,
                nps_words(said),
                tickets,
                minutes_words(tickets.response_minutes),
                cells[0],
                due[0],
            )
            for period, said, tickets, cells, due in rows
        ][::-1]
