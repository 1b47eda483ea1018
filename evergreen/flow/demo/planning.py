"""What the staff plan ahead, and the tasks with which the stars' stories reach the reader."""

from __future__ import annotations

import datetime as dt

from evergreen.customers.models import Account
from evergreen.flow.demo import cast, sayings
from evergreen.flow.demo.acting import Office
from evergreen.metrics.models import Newest
from evergreen.work import actions as work


def plan(office: Office, day: dt.date, *, each: int, is_for_today: bool = False) -> None:
    """Everybody with a book plans things with customers for the coming days, or for the day itself."""
    extent = office.vendor.extent
    chance = extent.chance(f"plan {day}")
    for colleague in cast.STAFF:
        if not colleague.book:
            continue
        user = office.kept.staff[colleague.email]
        owned = Account.objects.filter(owner=user).exclude(stage__in=("churned", "renewal")).order_by("pk")
        book = [account for account in owned if office.vendor.book[office.places[account.pk]].star is None]
        count = min(each, len(book))
        accounts = (
            [book[int(place)] for place in chance.choice(len(book), count, replace=False)] if book else []
        )
        figures = Newest.objects.in_bulk([account.pk for account in accounts])
        for account, planned in zip(
            accounts, chance.choice(len(sayings.PLANNED), count, replace=False), strict=True
        ):
            zh, en, ahead, priority = sayings.PLANNED[int(planned)]
            due = (
                day
                if is_for_today
                else extent.worked(day + dt.timedelta(days=ahead + int(chance.integers(-2, 4))))
            )
            written = day - dt.timedelta(days=4) if is_for_today else day
            work.add_task(
                account=account, title={"zh": zh, "en": en}, assignee=user, by=user, now=office.at(written, 9, 30), due_on=due,
                priority=priority, reason=_why(figures.get(account.pk), day),
            )  # fmt: skip


def leave_for_today(office: Office, day: dt.date) -> None:
    """The stars' tasks; ``day`` is the day after the story's last."""
    for name, zh, en, why_zh, why_en, late, priority in sayings.STAR_TASKS:
        company = next((c for c in office.vendor.book if c.name == name), None)
        if company is None:
            continue
        user = office.by_of(company.place)
        work.add_task(
            account=Account.objects.get(pk=office.kept.accounts[company.place]), title={"zh": zh, "en": en}, assignee=user, by=user,
            now=office.at(day - dt.timedelta(days=5), 17), due_on=day + dt.timedelta(days=late), priority=priority,
            reason={"zh": why_zh, "en": why_en},
        )  # fmt: skip


def _why(newest: Newest | None, day: dt.date) -> dict[str, str]:
    """The reason of a planned task: when one last spoke, when the subscription ends. Days that stay true."""
    zh, en = [], []
    if newest is not None and newest.last_conversation_on:
        zh.append(f"上次沟通 {newest.last_conversation_on}")
        en.append(f"last talked on {newest.last_conversation_on}")
    if newest is not None and newest.renewal_on and newest.renewal_on > day:
        zh.append(f"{newest.renewal_on} 到期")
        en.append(f"ends on {newest.renewal_on}")
    if not zh:
        return {}
    return {"zh": f"{'，'.join(zh)}。", "en": f"{', '.join(en).capitalize()}."}
