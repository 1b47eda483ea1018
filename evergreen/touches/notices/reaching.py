"""Whom a notice reaches: accounts that used its features of late, and the people there who did."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from evergreen.base.queries import vendor_day
from evergreen.customers.models import Account, Contact
from evergreen.events import queries as events
from evergreen.touches.models import Channel, Notice
from evergreen.touches.recipients import Recipients
from evergreen.touches.values import Person

ORIGIN = "notice"
# Use within so many days counts.
USED_DAYS = 28


def accounts_of(notice: Notice, now: dt.datetime | None = None) -> dict[int, frozenset[str]]:
    """The accounts that a notice concerns, with the end users who used its features; none that has churned.

    A notice about no feature concerns every account. Of a draft the last 28 days before ``now`` count.
    """
    live = Account.objects.exclude(stage=Account.Stage.CHURNED).order_by("pk")
    if not notice.features:
        return dict.fromkeys(live.values_list("pk", flat=True), frozenset())
    since = notice.used_from or (vendor_day(now) - dt.timedelta(days=USED_DAYS) if now else notice.happens_on)
    used = events.users_of_features(notice.features, since)
    known = (
        set(live.filter(pk__in=used).values_list("pk", flat=True))
        if len(used) < 5_000
        else set(live.values_list("pk", flat=True))
    )
    return {pk: used[pk] for pk in sorted(used) if pk in known}


def gets_task(account: Account) -> bool:
    """Whether a person tells the account: everybody but tech touch."""
    return account.touch_model != Account.TouchModel.TECH


@dataclass(frozen=True, slots=True)
class Reached:
    """A person who gets the message: by which channel, and why not ('' where nothing speaks against it)."""

    person: Person
    channel: Channel
    held: str


def people_of(accounts: Mapping[int, Collection[str]], by: Sequence[str]) -> list[Reached]:
    """The contacts of accounts who used it ({account: end users}); where none of them is a contact, the first there is."""
    book = Recipients(accounts)
    users = {one for used in accounts.values() for one in used}
    rows = Contact.objects.filter(account__in=accounts, left_on=None, end_user__in=users).exclude(end_user="")
    using: dict[int, set[int]] = defaultdict(set)
    for number, account, end_user in rows.values_list("pk", "account_id", "end_user"):
        if end_user in accounts[account]:
            using[account].add(number)
    found = []
    for account in accounts:
        everybody = book.of(account, "everybody", by)
        mine = [row for row in everybody if row[0].contact in using[account]]
        found += [Reached(*row) for row in mine or book.of(account, "first", by)]
    return found
