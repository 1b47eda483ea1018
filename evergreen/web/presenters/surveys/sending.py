"""Asking many in one go: whom, by what, and what would come of it now."""

from __future__ import annotations

import datetime as dt
from functools import cached_property

from django.http import QueryDict

from evergreen.touches.models import Survey
from evergreen.touches.recipients import CONTACT_RECIPIENTS, read_ways
from evergreen.touches.surveys.waves import Foreseen, foresee, next_quarter
from evergreen.web.presenters.surveys.editor import recipients, segment_choices, ways_out


class WaveForm:
    """The form as an address or a post has it; what it does not say is as the survey has it."""

    def __init__(self, survey: Survey, told: QueryDict, now: dt.datetime) -> None:
        self.survey, self.now = survey, now
        self.problems: list[str] = []
        known = {key for key, _label in segment_choices()}
        segment = told.get("segment", survey.segment)
        self.segment = segment if segment in known else ""
        self.to = told.get("to", survey.to) if told.get("to", survey.to) in CONTACT_RECIPIENTS else "first"
        self.by = told.get("by", "").strip() or ", ".join(survey.by)
        self.is_quarter = told.get("quarter") == "yes"

    @property
    def quarter(self) -> int | None:
        return next_quarter(self.now)[1] if self.is_quarter else None

    @cached_property
    def foreseen(self) -> Foreseen | None:
        """What asking now would come to; None where it cannot be done, with the reason among ``problems``."""
        by, known = read_ways(self.by)
        if not by:
            self.problems.append(", ".join(known))
            return None
        try:
            return foresee(self.segment, self.to, by, self.quarter, now=self.now)
        except LookupError as error:
            self.problems.append(str(error))
            return None

    @property
    def recipients(self) -> list[tuple[str, str]]:
        return recipients()

    @property
    def ways_out(self) -> list[tuple[str, str]]:
        return ways_out()

    @property
    def segments(self) -> list[tuple[str, str]]:
        return segment_choices()
