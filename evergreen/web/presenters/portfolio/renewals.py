"""The renewals page: what was due (到期), what became of it, strictly and with the grace; and what a better rate would bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import QueryDict
from django.utils.translation import gettext as _

from evergreen.base import money
from evergreen.customers.lines import day
from evergreen.customers.models import Account
from evergreen.health.models import Scorecard
from evergreen.outcomes.portfolio.asking import Dimension
from evergreen.outcomes.portfolio.lifetimes import gained_a_year
from evergreen.outcomes.portfolio.renewals import Dues, Renewals, together
from evergreen.web import formats
from evergreen.web.presenters.portfolio.asking import NONE, Wanted, period_words
from evergreen.web.presenters.portfolio.drawing import due_bars
from evergreen.web.presenters.portfolio.frame import PortfolioPage
from evergreen.web.presenters.scorecards.record import RecordPage

DUES = "portfolio-dues"
RENEWED, OVERDUE, LOST, LATE, RESTATED = "renewed", "overdue", "lost", "late", "restated"


def state_words() -> dict[str, str]:
    return {
        "due": _("due"),
        RENEWED: _("renewed"),
        OVERDUE: _("overdue for renewal"),
        LOST: _("not renewed"),
        LATE: _("renewed by a late signature"),
        RESTATED: _("restated by a late signature"),
    }


@dataclass(frozen=True, slots=True)
class Line:
    words: str
    due: Renewals
    links: dict[str, str]
    restated: str


class RenewalsPage(PortfolioPage):
    here = "portfolio-renewals"
    tables = ("renewals", "renewal-groups", "renewal-cells")

    def __init__(self, wanted: Wanted, asked: Mapping[str, str]) -> None:
        super().__init__(wanted)
        self.asked = asked

    @cached_property
    def record(self) -> RecordPage | None:
        """How well the default scorecard foretold what came of the whole book's contracts."""
        wanted = self.wanted
        card = Scorecard.objects.filter(key=wanted.vendor["scorecard"]).first()
        return RecordPage(wanted.user, card, QueryDict(), wanted.vendor) if card else None

    @cached_property
    def rows(self) -> list[Renewals]:
        return [row[0] for row in self.report.renewals()]

    @cached_property
    def whole(self) -> Renewals:
        """The sums over all periods."""
        return together(self.rows)

    @property
    def sentence(self) -> str:
        one = self.whole
        if not one.due_accounts:
            return _("Nothing was due for renewal in this span.")
        return _("%(due)s accounts were due; strictly %(accounts)s renewed, of the amount %(amounts)s. %(overdue)s are overdue for renewal, %(lost)s did not renew.") % {
            "due": formats.number(one.due_accounts), "accounts": formats.percent(one.account_rate, 1),
            "amounts": formats.percent(one.amount_rate, 1), "overdue": formats.number(one.overdue_accounts),
            "lost": formats.number(one.lost_accounts),
        }  # fmt: skip

    def _links(self, **narrowed: str) -> dict[str, str]:
        return {state: self.wanted.address(DUES, state=state, **narrowed) for state in state_words()}

    @property
    def links(self) -> dict[str, str]:
        return self._links()

    @cached_property
    def lines(self) -> list[Line]:
        """The periods, the newest first."""
        found = []
        for period, due in zip(self.report.periods, self.rows, strict=True):
            restated = "" if not due.restated_accounts else _("at its close %(then)s of the accounts, now %(now)s") % {
                "then": formats.percent(due.closed_account_rate, 1), "now": formats.percent(due.account_rate, 1)
            }  # fmt: skip
            found.append(Line(period_words(period), due, self._links(period=period.key), restated))
        return found[::-1]

    @cached_property
    def groups(self) -> list[Line]:
        """All periods by the chosen dimension, those with the most due first; groups with nothing due are left out."""
        by = self.wanted.by
        words = self.wanted.group_words(by)
        found = []
        for key, parts in zip(
            self.report.groups(by), zip(*self.report.renewals(by), strict=True), strict=True
        ):
            due = together(parts)
            if due.due_accounts:
                found.append(Line(words.get(key, key), due, self._links(**{by.value: key or NONE}), ""))
        if by == Dimension.COHORT:
            return sorted(found, key=lambda line: line.words, reverse=True)
        return sorted(found, key=lambda line: -line.due.due_cents)

    @cached_property
    def chart(self) -> dict[str, Any]:
        labels = [period.key for period in self.report.periods]
        rows = [
            (_("Renewed"), "var(--c1)", [row.late_renewed_cents for row in self.rows]),
            (_("Overdue for renewal"), "var(--c3)", [row.overdue_cents for row in self.rows]),
            (_("Not renewed"), "var(--c6)", [row.lost_cents for row in self.rows]),
        ]
        rate = [row.late_amount_rate for row in self.rows]
        return due_bars(labels, rows, self.amounts, rate)

    @cached_property
    def amounts(self) -> formats.AmountUnit:
        """The unit of the page's amounts."""
        return formats.amount_unit([row.due_cents for row in self.rows], self.report.read.currency)

    # ---- what-if ----

    def _number(self, name: str, usual: float, most: float) -> float:
        try:
            found = float(self.asked.get(name, "").replace(",", "").replace("%", ""))
        except ValueError:
            return usual
        return min(max(found, 0.0), most) if found == found else usual

    @cached_property
    def what_if(self) -> dict[str, Any]:
        """Renewal rate from a to b on n accounts of this size is so much ARR a year. Prefilled with the span's own figures."""
        one = self.whole
        rate = one.late_account_rate if one.late_account_rate is not None else 0.8
        minor = 10 ** money.exponent(self.report.read.currency)
        fee = one.due_cents / one.due_accounts / minor if one.due_accounts else 0.0
        given: dict[str, Any] = {
            "rate": round(self._number("rate", round(rate * 100, 1), 100), 1),
            "better": round(self._number("better", round(min(100, rate * 100 + 5), 1), 100), 1),
            "accounts": int(self._number("accounts", one.due_accounts, 10**7)),
            "fee": round(self._number("fee", round(fee), 10**10)),
        }
        cents = gained_a_year(
            given["accounts"], given["fee"] * minor, given["rate"] / 100, given["better"] / 100
        )
        return {**given, "cents": cents}


@dataclass(frozen=True, slots=True)
class DueRow:
    account: Account
    due_on: Any
    due_cents: int
    renewed_cents: int
    state: str
    words: str
    tone: str
    is_late: bool


class DuesPage:
    """The accounts that were due, one row an account and period."""

    def __init__(self, wanted: Wanted, asked: Mapping[str, str]) -> None:
        self.wanted, self.report = wanted, wanted.report
        keys = [one.key for one in self.report.periods]
        self.place = keys.index(asked["period"]) if asked.get("period") in keys else None
        self.state = asked["state"] if asked.get("state") in state_words() else "due"
        self.number = asked.get("page", "1")

    @property
    def title(self) -> str:
        periods = self.report.periods
        when = (
            _("%(first)s to %(last)s") % {"first": periods[0].first, "last": periods[-1].last}
            if self.place is None
            else period_words(periods[self.place])
        )
        return f"{when}: {state_words()[self.state]}"

    @property
    def back(self) -> str:
        return self.wanted.address("portfolio-renewals")

    @cached_property
    def _found(self) -> Dues:
        found = self.report.dues_of(self.place)
        match self.state:
            case "renewed":
                return found.chosen(found.is_late_renewed)
            case "overdue":
                return found.chosen(found.is_overdue)
            case "lost":
                return found.chosen(~found.is_late_renewed & ~found.is_overdue)
            case "late":
                return found.chosen(found.is_signed_late)
            case "restated":
                return found.chosen(found.was_open)
        return found

    @property
    def count(self) -> int:
        return len(self._found)

    @cached_property
    def _order(self) -> list[int]:
        found = self._found
        return sorted(range(len(found)), key=lambda n: (-int(found.due_cents[n]), int(found.account[n])))

    @cached_property
    def page(self) -> Page[int]:
        return Paginator(self._order, 50).get_page(self.number)

    @property
    def file(self) -> str:
        """The address of all its rows as a file."""
        period = None if self.place is None else self.report.periods[self.place].key
        return self.wanted.address("portfolio-file", ["dues"], state=self.state, period=period)

    @property
    def rows(self) -> list[DueRow]:
        return self.rows_at(list(self.page.object_list))

    def everything(self) -> list[DueRow]:
        return self.rows_at(self._order)

    def rows_at(self, places: Sequence[int]) -> list[DueRow]:
        found, keys = self._found, self.report.lines.accounts
        accounts = Account.everything.select_related("owner").in_bulk(
            [int(keys[found.account[n]]) for n in places]
        )
        rows = []
        for n in places:
            account = accounts.get(int(keys[found.account[n]]))
            if account is None:
                continue
            state = RENEWED if found.is_late_renewed[n] else OVERDUE if found.is_overdue[n] else LOST
            tone = {RENEWED: "good", OVERDUE: "warn", LOST: "bad"}[state]
            rows.append(
                DueRow(
                    account, day(int(found.due_on[n])), int(found.due_cents[n]), int(found.late_renewed_cents[n]),
                    state, state_words()[state], tone, bool(found.is_signed_late[n]),
                )
            )  # fmt: skip
        return rows
