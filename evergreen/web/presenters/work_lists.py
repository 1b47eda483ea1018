"""What lists of work share: whose they are, and to which days a thing may be put off."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext as _

from evergreen.base.models import User
from evergreen.base.roles import Scope
from evergreen.base.working_days import WorkingDays, for_vendor
from evergreen.flow.needs.queries import ALL, MINE, NOBODY
from evergreen.web.chosen import colleagues_of


@dataclass(frozen=True, slots=True)
class Later:
    """A day that a thing may be put off to."""

    label: str
    day: dt.date


class WorkList:
    """What each list of work offers: whose it may be, to whom and to which day what stands on it may be moved."""

    user: User
    today: dt.date

    @cached_property
    def choices(self) -> list[tuple[str, str]]:
        return whose(self.user)

    @cached_property
    def colleagues(self) -> list[User]:
        return colleagues_of(self.user)

    @cached_property
    def laters(self) -> list[Later]:
        return laters(for_vendor(), self.today)


def who_from(user: User, text: str, default: str = MINE) -> str | int:
    """Whose list an address asks for; a person who sees only own accounts always gets the own one."""
    if user.sees == Scope.OWN:
        return MINE
    if text.isdecimal() and len(text) < 19:
        return int(text)
    return text if text in {MINE, ALL, NOBODY} else default


def whose(user: User) -> list[tuple[str, str]]:
    """The lists that a person may switch between: (value in the address, words); none for one's own alone."""
    if user.sees == Scope.OWN:
        return []
    shared = _("All") if user.sees == Scope.ALL else _("Team")
    return [(MINE, _("Mine")), (ALL, shared), (NOBODY, _("Nobody's"))]


def laters(calendar: WorkingDays, today: dt.date) -> list[Later]:
    """Days to put a thing off to: tomorrow, the next working day, the first one of next week, in a month."""
    tomorrow = today + dt.timedelta(days=1)
    next_working = calendar.next(today).value
    monday = today + dt.timedelta(days=7 - today.weekday())
    next_week = calendar.add(monday, 0).value
    found = {tomorrow: Later(_("Tomorrow"), tomorrow)}
    found.setdefault(next_working, Later(_("Next working day"), next_working))
    found.setdefault(next_week, Later(_("Next week"), next_week))
    month = calendar.add(today + dt.timedelta(days=30), 0).value
    found.setdefault(month, Later(_("In a month"), month))
    return list(found.values())
