"""What customers write, in answers and tickets: themes over a span, and an account's comments with how they sound."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

from django.core.paginator import Page, Paginator
from django.utils.translation import gettext as _

from evergreen.customers.models import Account
from evergreen.outcomes.portfolio.hearing import Remark, counted, remarks
from evergreen.touches.comments.sentiment import NEGATIVE, POSITIVE, sentiment
from evergreen.web.presenters.portfolio.asking import Wanted
from evergreen.web.presenters.surveys.themes import MOST, Read, Said, ThemeLine, read_said

_MOST_THEMES = 15
_ROWS = 20
_OF_ACCOUNT = 8
_ACCOUNT_DAYS = 730
_TONES = {POSITIVE: "good", NEGATIVE: "bad"}


@dataclass(frozen=True, slots=True)
class RemarkLine:
    """A comment with where it comes from, its account's name and how it sounds (good, bad or '')."""

    remark: Remark
    account: str
    source: str
    tone: str


def source_words(one: Remark) -> str:
    """NPS 3, ticket."""
    if one.ticket is not None:
        return _("ticket")
    score = "" if one.score is None else f" {one.score:g}"
    return f"{one.kind.upper()}{score}"


class RemarksPage:
    """``theme`` and ``number`` of the page as the address asks for them."""

    def __init__(self, wanted: Wanted, theme: str, number: str) -> None:
        self.wanted, self.theme, self._number = wanted, theme, number

    @cached_property
    def _rows(self) -> list[Remark]:
        report = self.wanted.report
        return remarks(report.asked.first, report.asked.last, counted(report), MOST)

    @cached_property
    def _accounts(self) -> dict[int, tuple[str, int]]:
        keys = {one.account for one in self._rows}
        rows = Account.objects.filter(pk__in=keys).values_list("pk", "name", "arr_base_cents")
        return {pk: (name, arr or 0) for pk, name, arr in rows}

    @cached_property
    def read(self) -> Read:
        return read_said([
            Said(n, one.text, one.kind, one.score, one.account, self._accounts.get(one.account, ("", 0))[1])
            for n, one in enumerate(self._rows)
        ])  # fmt: skip

    @property
    def themes(self) -> tuple[ThemeLine, ...]:
        return self.read.themes[:_MOST_THEMES]

    @property
    def is_full(self) -> bool:
        """Whether there may be more than were read."""
        return len(self._rows) >= MOST

    @cached_property
    def page(self) -> Page[int]:
        meant = next((one.asks for one in self.read.themes if one.address == self.theme), frozenset())
        return Paginator(sorted(meant), _ROWS).get_page(self._number)

    @property
    def lines(self) -> list[RemarkLine]:
        """Comments of the chosen theme, the newest first."""
        found = []
        for n in self.page.object_list:
            one = self._rows[n]
            name = self._accounts.get(one.account, ("", 0))[0]
            found.append(RemarkLine(one, name, source_words(one), self.read.tones.get(n, "")))
        return found


def of_account(account: Account, today: dt.date) -> list[RemarkLine]:
    """What an account wrote in two years, the newest first."""
    since = today - dt.timedelta(days=_ACCOUNT_DAYS)
    rows = remarks(since, today + dt.timedelta(days=1), None, _OF_ACCOUNT, one=account.pk)
    return [
        RemarkLine(one, account.name, source_words(one), _TONES.get(sentiment(one.text).mark, ""))
        for one in rows
    ]
