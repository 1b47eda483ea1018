"""The working calendar: which years are known, the days set by hand, what loading others would change."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

from django.utils.functional import Promise

from evergreen.base.models import CalendarDay
from evergreen.base.working_days import WorkingDays, for_vendor


@dataclass(frozen=True, slots=True)
class Year:
    year: int
    is_known: bool
    working_days: int


class Calendar:
    def __init__(self, today: dt.date) -> None:
        self.today = today

    @cached_property
    def days(self) -> WorkingDays:
        return for_vendor()

    @cached_property
    def years(self) -> list[Year]:
        """Last year, this and the next two."""
        return [
            Year(
                year,
                self.days.known(year),
                self.days.count(dt.date(year, 1, 1), dt.date(year + 1, 1, 1)).value,
            )
            for year in range(self.today.year - 1, self.today.year + 3)
        ]

    @property
    def notice(self) -> Promise | None:
        return self.days.notice(self.today)

    @cached_property
    def set_by_hand(self) -> list[CalendarDay]:
        return list(CalendarDay.objects.order_by("-day", "source")[:400])
