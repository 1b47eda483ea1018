"""The accounts behind one figure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

from django.http import Http404
from django.utils.translation import gettext as _

from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.metrics.analytics.behind import accounts_behind
from evergreen.web import formats
from evergreen.web.presenters.analytics.naming import unit_word
from evergreen.web.presenters.analytics.page import AnalysisPage


@dataclass(frozen=True, slots=True)
class Line:
    account: Account
    count: int


class BehindPage:
    """``place`` names the figure (``metrics.analytics.behind``). Raises Http404 for a place that the answer has not."""

    def __init__(self, analysis: AnalysisPage, place: str) -> None:
        self.analysis, self.place = analysis, place
        if analysis.problems or analysis.lacks or analysis.reading is None:
            raise Http404("There is no such figure.")
        self.one_in = analysis.reading.one_in = analysis.reading.fitting_sample
        found = accounts_behind(analysis.reading, place)
        if found is None:
            raise Http404("There is no such figure.")
        self.found = found

    @cached_property
    def lines(self) -> list[Line]:
        """The accounts as rows, those with the most first; merged ones are left out."""
        keys = [one.account_id for one in self.found]
        rows = {
            account.pk: account
            for start in range(0, len(keys), 5_000)
            for account in accounts_for(self.analysis.user)
            .filter(pk__in=keys[start : start + 5_000])
            .select_related("owner")
        }
        return [Line(rows[one.account_id], one.count) for one in self.found if one.account_id in rows]

    @property
    def unit(self) -> str:
        question = self.analysis.question
        if question.kind == "trend" and question.measure == "uses":
            return unit_word("uses", 2)
        if question.kind in {"funnel", "retention"} and question.follows == "accounts":
            return unit_word("accounts", 2)
        return unit_word("users", 2)

    @property
    def title(self) -> str:
        kind, _sep, rest = self.place.partition(":")
        names, question = self.analysis.names, self.analysis.question
        if kind in {"step", "lost"}:
            step = names.what(question.steps[int(rest)])
            return (
                _("Reached: %(step)s") % {"step": step}
                if kind == "step"
                else _("Lost before: %(step)s") % {"step": step}
            )
        if kind in {"uses", "lacks"}:
            name = names.features.get(rest, rest)
            return (
                _("Use %(name)s") % {"name": name}
                if kind == "uses"
                else _("Have %(name)s and do not use it") % {"name": name}
            )
        if kind in {"cell", "cohort"}:
            start, _sep, age = rest.partition(":")
            said = {"day": formats.day(dt.date.fromisoformat(start)), "age": age}
            if not age:
                return _("Began from %(day)s") % said
            if question.period == "week":
                return _("Began from %(day)s, came in week %(age)s") % said
            return _("Began from %(day)s, came in month %(age)s") % said
        return names.what(question.main)
