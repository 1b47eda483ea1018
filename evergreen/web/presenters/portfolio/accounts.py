"""The accounts behind a figure: which movement, from what to what, and why if it is known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.core.paginator import Page, Paginator
from django.urls import reverse
from django.utils.translation import gettext as _

from evergreen.customers.lines import Flags, Ints
from evergreen.customers.models import Account
from evergreen.events import queries as history
from evergreen.outcomes.portfolio.movements import CODES
from evergreen.outcomes.portfolio.periods import Period
from evergreen.outcomes.revenue import Kind
from evergreen.web import formats
from evergreen.web.presenters.portfolio.asking import Wanted, period_words

PER_PAGE = 50
_SAID = ("reason", "reason_code", "feedback")


def reason_words(told: str) -> str:
    """A reason in words, where it is one of those that systems tell by a code; else as it was told."""
    known = {
        "low_value": _("little value in use"),
        "price_rise": _("the price rose"),
        "new_competitor": _("went to a competitor"),
        "customer_in_trouble": _("the customer is in trouble"),
        "product_incident": _("incidents in the product"),
        "champion_left": _("the champion left"),
    }
    return known.get(told, told)


def movement_words() -> dict[str, str]:
    return {
        "start": _("active at the start"),
        "end": _("active at the end"),
        "stayed": _("there at the start, now"),
        "new": _("new"),
        "reactivated": _("came back"),
        "expansion": _("pays more"),
        "contraction": _("pays less"),
        "churned": _("lost"),
        "lost": _("pays less or lost"),
        "overdue": _("overdue for renewal"),
        "restated": _("restated by a late signature"),
    }


TONES = {"new": "good", "reactivated": "good", "expansion": "good", "contraction": "warn", "churned": "bad"}


@dataclass(frozen=True, slots=True)
class Row:
    account: Account
    kind: str
    words: str
    tone: str
    start_cents: int
    end_cents: int
    moved_cents: int
    reason: str

    @property
    def size_cents(self) -> int:
        return abs(self.moved_cents)


class AccountsPage:
    """``period`` names one of the span's periods, else the whole span; ``movement`` what to show."""

    def __init__(self, wanted: Wanted, asked: Mapping[str, str]) -> None:
        self.wanted, self.report = wanted, wanted.report
        keys = [one.key for one in self.report.periods]
        self.place = keys.index(asked["period"]) if asked.get("period") in keys else None
        self.movement = asked["movement"] if asked.get("movement") in movement_words() else "end"
        self.number = asked.get("page", "1")

    @property
    def period(self) -> Period:
        return self.report.asked.span if self.place is None else self.report.periods[self.place]

    @property
    def is_graced(self) -> bool:
        return self.movement == "overdue"

    @property
    def title(self) -> str:
        when = (
            _("%(first)s to %(last)s") % {"first": self.period.first, "last": self.period.last}
            if self.place is None
            else period_words(self.period)
        )
        return f"{when}: {movement_words()[self.movement]}"

    @property
    def back(self) -> str:
        return self.wanted.address("portfolio")

    @property
    def file(self) -> str:
        query = {"movement": self.movement, **({} if self.place is None else {"period": self.period.key})}
        return f"{reverse('portfolio-file', args=['accounts'])}?{urlencode(query)}&{self.wanted.query}"

    @property
    def formula(self) -> str:
        if self.movement == "restated":
            return _("accounts whose movement is not what a report told when the period closed")
        if self.movement == "overdue":
            days = formats.days(self.wanted.grace_days)
            return _("lapsed less than %(days)s before the last day, and nothing followed yet") % {
                "days": days
            }
        return _("on the first day and on the last, strict")

    @cached_property
    def _all(self) -> tuple[Ints, Ints, Ints, Ints]:
        """(account key, kind, start, end) of every account that is meant, the largest movement first."""
        found, counts = self.report.accounts_of(self.place, graced=self.is_graced)
        kind, start, end = found.kind[0], found.start_cents[0], found.end_cents[0]
        meant = self._meant(kind, found.overdue_cents[0]) & counts[0]
        place = np.flatnonzero(meant)
        size = (
            np.abs(end - start)
            if self.movement not in {"start", "end", "overdue"}
            else np.maximum(start, end)
        )
        order = place[np.lexsort((place, -size[place]))]
        return self.report.lines.accounts[order], kind[order].astype(np.int64), start[order], end[order]

    def _meant(self, kind: Any, overdue: Ints) -> Flags:
        def one_of(*kinds: Kind) -> Flags:
            fits: Flags = np.isin(kind, [CODES[one] for one in kinds])
            return fits

        match self.movement:
            case "start" | "stayed":
                return one_of(Kind.SAME, Kind.EXPANSION, Kind.CONTRACTION, Kind.CHURNED)
            case "end":
                return ~one_of(Kind.CHURNED) & np.asarray(kind > 0, np.bool_)
            case "lost":
                return one_of(Kind.CONTRACTION, Kind.CHURNED)
            case "overdue":
                return np.asarray(overdue != 0, np.bool_)
            case "restated":
                none: Flags = np.zeros(len(kind), np.bool_)
                return none if self.place is None else self.report.restated_of(self.place)[0]
        return one_of(Kind(self.movement))

    @property
    def count(self) -> int:
        return len(self._all[0])

    @cached_property
    def moved_cents(self) -> int:
        _keys, _kind, start, end = self._all
        return int((end - start).sum()) * self.wanted.times

    @cached_property
    def page(self) -> Page[int]:
        return Paginator(range(self.count), PER_PAGE).get_page(self.number)

    @cached_property
    def rows(self) -> list[Row]:
        return self.rows_at(list(self.page.object_list))

    def rows_at(self, places: list[int]) -> list[Row]:
        keys, kinds, starts, ends = self._all
        wanted = [int(keys[place]) for place in places]
        accounts = Account.everything.select_related("owner").in_bulk(wanted)
        reasons = self._reasons(wanted)
        names = {code: kind.value for kind, code in CODES.items()}
        words, times = movement_words(), self.wanted.times
        found = []
        for place in places:
            key, kind = int(keys[place]), names[int(kinds[place])]
            start, end = int(starts[place]) * times, int(ends[place]) * times
            if key in accounts:
                said = words.get(kind, _("unchanged"))
                tone = TONES.get(kind, "")
                found.append(
                    Row(accounts[key], kind, said, tone, start, end, end - start, reasons.get(key, ""))
                )
        return found

    def _reasons(self, keys: list[int]) -> dict[int, str]:
        """Why accounts left, where a system told of it: within a quarter of the span."""
        since = self.period.first - dt.timedelta(days=92)
        until = self.period.last + dt.timedelta(days=92)
        return {
            key: " · ".join(
                str(said[part]) for part in ("reason", "reason_code", "feedback") if said.get(part)
            )
            for key, said in history.newest_told(keys, "account.churned", since, until).items()
        }
