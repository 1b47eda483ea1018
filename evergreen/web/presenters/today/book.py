"""The figures beside Today's list: a book of accounts, its gaps, what was done without anybody."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet, Sum
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from evergreen.alerts.models import Alert
from evergreen.base import clock
from evergreen.base.models import User
from evergreen.customers import listing
from evergreen.customers.models import Account
from evergreen.customers.queries import accounts_for
from evergreen.events.models import EndUser
from evergreen.flow.needs.queries import ALL, MINE, NOBODY
from evergreen.playbooks.models import Enrolment
from evergreen.work.models import Task

_NARROWED = ("end", "live", "decision_maker")
BANDS = ("green", "yellow", "red", "insufficient_data")


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Accounts that are customers now: how many, their ARR in the vendor's minor units, both by band."""

    count: int
    arr_cents: int
    bands: dict[str, int]
    arr_by_band: dict[str, int]
    unscored: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is missing: words, how often, where it is filled."""

    label: str
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class DoneAlone:
    """What was done since yesterday without anybody; ``stuck``: runs of playbooks that cannot go on without somebody."""

    opened: int
    closed: int
    tasks: int
    stuck: int

    def __bool__(self) -> bool:
        return bool(self.opened or self.closed or self.tasks)


def accounts_of(user: User, who: str | int) -> QuerySet[Account]:
    """The living accounts that the person may see and that are ``who``'s (mine, all, nobody, a key)."""
    rows = accounts_for(user).order_by().exclude(stage=Account.Stage.CHURNED)
    if who == ALL:
        return rows
    if who == NOBODY:
        return rows.filter(owner__isnull=True)
    return rows.filter(owner=int(who) if who != MINE else user.pk)


def portfolio(accounts: QuerySet[Account]) -> Portfolio:
    found = {
        band: (count, arr or 0)
        for band, count, arr in accounts.values_list("band").annotate(
            n=Count("pk"), arr=Sum("arr_base_cents")
        )
    }
    return Portfolio(
        count=sum(count for count, _arr in found.values()),
        arr_cents=sum(arr for _count, arr in found.values()),
        bands={band: found.get(band, (0, 0))[0] for band in BANDS},
        arr_by_band={band: found.get(band, (0, 0))[1] for band in BANDS},
        unscored=found.get("", (0, 0))[0],
    )


def gaps(user: User, accounts: QuerySet[Account], who: str | int) -> list[Gap]:
    """What is missing in the records of these accounts, only what there is; three queries."""
    counts = accounts.aggregate(**{gap: Count("pk", filter=listing.missing(gap)) for gap in _NARROWED})
    ownerless = accounts_for(user).order_by().filter(listing.missing("owner")).count()
    unmatched = EndUser.objects.filter(account__isnull=True).count() if user.may_configure else 0
    owner = {MINE: "me", NOBODY: "none", ALL: ""}.get(who, str(who)) if isinstance(who, str) else str(who)
    narrowed = f"owner={owner}&" if owner else ""
    listed = [
        Gap(_("without owner"), ownerless, _accounts_url("gap=owner")),
        Gap(_("without contract end"), counts["end"], _accounts_url(f"{narrowed}gap=end")),
        Gap(_("without live date"), counts["live"], _accounts_url(f"{narrowed}gap=live")),
        Gap(
            _("without decision maker"),
            counts["decision_maker"],
            _accounts_url(f"{narrowed}gap=decision_maker"),
        ),
        Gap(_("end users without account"), unmatched, _url("unmatched")),
    ]
    return [gap for gap in listed if gap.count]


def done_alone(accounts: QuerySet[Account], today: dt.date, zone: str) -> DoneAlone:
    """Alerts that opened and cleared by themselves and tasks that playbooks made, since yesterday began."""
    since = clock.day_start(today - dt.timedelta(days=1), clock.zone(zone))
    alerts = Alert.objects.filter(account__in=accounts).aggregate(
        opened=Count("pk", filter=Q(opened_at__gte=since)),
        closed=Count("pk", filter=Q(closed_at__gte=since, outcome=Alert.Outcome.CLEARED)),
    )
    made = Task.objects.filter(account__in=accounts, created_by__isnull=True, created_at__gte=since)
    stuck = Enrolment.objects.filter(account__in=accounts, state=Enrolment.State.STUCK)
    return DoneAlone(alerts["opened"], alerts["closed"], made.exclude(origin_kind="").count(), stuck.count())


def _accounts_url(query: str) -> str:
    address = _url("accounts")
    return f"{address}?{query}" if address else ""


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
