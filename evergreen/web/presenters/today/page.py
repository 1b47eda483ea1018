"""Today as one page."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from django.core.paginator import Page, Paginator
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from evergreen.base.models import Progress, User
from evergreen.customers.models import Account
from evergreen.events.models import WriteKey
from evergreen.flow.needs import rules
from evergreen.flow.needs.queries import ALL, MINE, NOBODY, digest_count, needs_of
from evergreen.flow.needs.rules import KINDS, Need
from evergreen.web import formats
from evergreen.web.presenters.today import book
from evergreen.web.presenters.today.entries import Entry, entries
from evergreen.web.presenters.work_lists import WorkList, who_from

FIRST = 3
# More than this nobody does in a day; the rest stands on the next page.
ROWS = 20


@dataclass(frozen=True, slots=True)
class Step:
    """Something a new installation still needs."""

    label: str
    text: str
    url: str
    is_done: bool


class Today(WorkList):
    """What Today shows for an address; each part is computed when the template asks for it."""

    def __init__(self, user: User, query: QueryDict, vendor: dict[str, object], now: dt.datetime) -> None:
        self.user, self.vendor, self.now = user, vendor, now
        self.hour = now.astimezone(timezone.get_current_timezone()).hour
        self.today = now.astimezone(timezone.get_current_timezone()).date()
        self.who = who_from(user, query.get("who", ""))
        self.kind = query.get("kind", "") if query.get("kind", "") in KINDS else ""
        self.number = query.get("page", "1")

    @cached_property
    def needs(self) -> list[Need]:
        return needs_of(self.user, self.today, self.who)

    @cached_property
    def kinds(self) -> Counter[str]:
        return Counter(need.kind for need in self.needs)

    @cached_property
    def page(self) -> Page[Need]:
        shown = [need for need in self.needs if not self.kind or need.kind == self.kind]
        return Paginator(shown, ROWS).get_page(self.number)

    @cached_property
    def entries(self) -> list[Entry]:
        return entries(list(self.page.object_list), formats.language(), user=self.user, now=self.now)

    @cached_property
    def greeting(self) -> str:
        name = {"name": self.user}
        if self.hour < 11:
            return _("Good morning, %(name)s.") % name
        return (
            _("Good afternoon, %(name)s.") % name if self.hour < 18 else _("Good evening, %(name)s.") % name
        )

    @cached_property
    def headline(self) -> str:
        return _("%(greeting)s %(sentence)s") % {"greeting": self.greeting, "sentence": self.sentence}

    @cached_property
    def sentence(self) -> str:
        """What the day holds: how many things, and what the first three protect."""
        count, first = len(self.needs), self.needs[:FIRST]
        if not self.has_accounts:
            return _("A few steps, then this page says what needs you.")
        if not count:
            return _("Nothing needs you today.") if self.who == MINE else _("Nothing is waiting here.")
        said = ngettext("There is %(n)s thing today", "There are %(n)s things today", count) % {"n": count}
        if self.who != MINE:
            said = ngettext("%(n)s thing is waiting", "%(n)s things are waiting", count) % {"n": count}
        amount = rules.protected(first)
        if not self.user.sees_money or not amount:
            return said + _(".")
        worth = formats.money_short(amount, str(self.vendor["currency"]))
        if count <= FIRST:
            return said + _("; %(money)s depends on it.") % {"money": worth}
        return said + _("; doing the first %(first)s protects %(money)s.") % {"first": FIRST, "money": worth}

    @cached_property
    def line(self) -> str:
        """The day, the size of the book, what is late."""
        count = self.portfolio.count
        parts = [
            formats.weekday(self.today),
            ngettext("%(n)s account", "%(n)s accounts", count) % {"n": formats.number(count)},
        ]
        late = sum(1 for need in self.needs if (need.days_late or 0) > 0)
        if late:
            parts.append(ngettext("%(n)s task overdue", "%(n)s tasks overdue", late) % {"n": late})
        return " · ".join(parts)

    @cached_property
    def digest(self) -> int:
        """Alerts beyond what an owner gets a day, which wait."""
        return digest_count(self.user, self.today, self.who)

    @cached_property
    def portfolio(self) -> book.Portfolio:
        return book.portfolio(book.accounts_of(self.user, self.who))

    @cached_property
    def gaps(self) -> list[book.Gap]:
        return book.gaps(self.user, book.accounts_of(self.user, self.who), self.who)

    @cached_property
    def done_alone(self) -> book.DoneAlone:
        accounts = book.accounts_of(self.user, self.who)
        return book.done_alone(accounts, self.today, str(self.vendor["timezone"]))

    @cached_property
    def owner_query(self) -> str:
        """How the list of accounts is narrowed to the same book."""
        names = {MINE: "me", NOBODY: "none", ALL: ""}
        name = names.get(self.who, "") if isinstance(self.who, str) else str(self.who)
        return f"owner={name}" if name else ""

    @cached_property
    def has_accounts(self) -> bool:
        return Account.objects.exists()

    @cached_property
    def has_night(self) -> bool:
        return Progress.objects.filter(state=Progress.State.DONE).exists()

    @cached_property
    def steps(self) -> list[Step]:
        """What a new installation needs, in order."""
        keyed = WriteKey.objects.filter(revoked_at__isnull=True).exists()
        invited = User.objects.filter(is_active=True).count() > 1
        return [
            Step(
                _("Bring in accounts and contracts"),
                _("From CSV, XLSX, JSONL or Parquet: columns are recognised, a dry run shows what comes."),
                "/imports/",
                self.has_accounts,
            ),
            Step(
                _("Connect the product"),
                _("Make a write key and point any Segment SDK here, or import past events from a file."),
                "/settings/sources/",
                keyed,
            ),
            Step(
                _("Invite colleagues"),
                _("Give each a role and a team; what they see follows from it."),
                "/settings/staff/",
                invited,
            ),
            Step(
                _("Build the first snapshot"),
                _("It comes by itself every night. To see figures now, build the history of the past days."),
                "/imports/history/",
                self.has_night,
            ),
        ]
